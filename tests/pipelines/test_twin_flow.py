"""The configurations of the 86 frames a second twin and of the full-size LM train by one command each, at toy sizes."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
pytest.importorskip("hibari", reason="speaking needs hibari-tts")
import toys
from codec import load as load_codec
from pipelines import align_corpus, encode_corpus, export_voice, train_codec, train_lm, train_tokenizer
from pipelines.speaking.synthesis import TTS
from pipelines.training import lite_codec

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
pytestmark = pytest.mark.slow

SMALL_CODEC = (
    "--codec.encoder_dims=[12,16] --codec.encoder_blocks=[1,1] --codec.decoder_dims=[16,12] "
    "--codec.decoder_blocks=[1,1] --codec.vocoder_dim=16 --codec.vocoder_blocks=2 --optim.discriminator_channels=4 "
    "--optim.max_steps=2 --optim.freeze_from=1 --batch_size=4 --segment_frames=32 --validation_items=2 "
    "--validate_every=2 --num_workers=0"
).split()
SMALL_LM = (
    "--model.dim=32 --model.num_layers=3 --model.num_heads=2 --model.mlp_dim=48 --model.reader_layer=1 "
    "--optim.max_steps=1 --batch_tokens=1500 --held_out=2 --validate_every=1 --num_workers=0"
).split()


def run(main, *argv: object) -> None:
    """A script's main with the arguments of a command line."""
    main(list(map(str, argv)))


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Codec, tokenizer and aligned shards of the twin."""
    root = tmp_path_factory.mktemp("twin")
    manifest = toys.write_corpus(root, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite_codec, "START_SEGMENTS", 8)
        paths = f"--manifest={manifest}", f"--run_dir={root / 'codec'}"
        run(train_codec.main, "--config", CONFIGS / "codec/lite-86fps.yaml", *paths, *SMALL_CODEC)
    tokenizer = root / "tokenizer.model"
    run(train_tokenizer.main, "--manifest", manifest, "--out", tokenizer)
    paths = "--manifest", manifest, "--codec", root / "codec/codec", "--tokenizer", tokenizer
    run(encode_corpus.main, *paths, "--out", root / "codes")
    run(align_corpus.main, "--shards", root / "codes", "--tokenizer", tokenizer, "--steps", 2, "--batch-tokens", 900)
    return root


def train(root: Path, name: str) -> Path:
    """The LM of a configuration on the twin's shards."""
    paths = f"--shards={root / 'codes'}", f"--tokenizer={root / 'tokenizer.model'}", f"--run_dir={root / name}"
    run(train_lm.main, "--config", CONFIGS / f"speechllm/{name}.yaml", *paths, *SMALL_LM)
    return root / name / "lm"


def test_the_twin_speaks_with_four_times_the_frames(root):
    lm = train(root, "small-86fps")
    paths = "--codec", root / "codec/codec", "--lm", lm, "--tokenizer", root / "tokenizer.model"
    run(export_voice.main, *paths, "--out", root / "voice")
    codec = load_codec(root / "voice/codec")
    assert codec.frame_rate == pytest.approx(4 * 22_050 / 1024)
    assert (codec.codebook_size, round(codec.bitrate)) == (1000, 6867)
    speech = TTS.from_pretrained(str(root / "voice")).synthesize("Hello.", seed=0)
    assert np.isfinite(speech.audio).all()
    assert len(speech.audio) == 256 * speech.codes.shape[1]


def test_the_full_size_configuration_takes_a_step_at_reduced_width(root):
    assert (train(root, "base") / "model.safetensors").is_file()
