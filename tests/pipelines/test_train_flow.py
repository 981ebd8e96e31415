"""The whole training story with the debug configurations: a few recordings in, a voice that speaks out."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
pytest.importorskip("hibari", reason="speaking needs hibari-tts")
import toys
from codec import load as load_codec
from codec import save as save_codec
from pipelines import align_corpus, encode_corpus, train_codec, train_lm, train_tokenizer
from pipelines.align_corpus import audible
from pipelines.shared.errors import UserError
from pipelines.speaking.synthesis import TTS
from pipelines.training import lite_codec
from speechllm import SpeechLM
from speechllm.data.shards import open_shards
from speechllm.text.tokenizer import Tokenizer

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
UTTERANCES = 8
pytestmark = pytest.mark.slow


def run(main, *argv: object) -> None:
    """A script's main with the arguments of a command line."""
    main(list(map(str, argv)))


def codec_arguments(root: Path) -> list[object]:
    sizes = ["--optim.max_steps=6", "--optim.freeze_from=3", "--batch_size=4"]
    paths = [f"--manifest={root / 'manifest.jsonl'}", f"--run_dir={root / 'codec'}"]
    return ["--config", CONFIGS / "codec/debug.yaml", *paths, *sizes, "--trainer.log_every_n_steps=1"]


def encode_arguments(root: Path, codec: Path) -> list[object]:
    paths = ["--manifest", root / "manifest.jsonl", "--codec", codec, "--tokenizer", root / "tokenizer.model"]
    return [*paths, "--out", root / "codes"]


def align_arguments(root: Path) -> list[object]:
    return ["--shards", root / "codes", "--tokenizer", root / "tokenizer.model", "--steps", 4, "--batch-tokens", 300]


def lm_arguments(root: Path) -> list[object]:
    paths = [f"--shards={root / 'codes'}", f"--tokenizer={root / 'tokenizer.model'}", f"--run_dir={root / 'lm'}"]
    sizes = ["--optim.max_steps=6", "--validate_every=3", "--trainer.log_every_n_steps=1"]
    return ["--config", CONFIGS / "speechllm/debug.yaml", *paths, *sizes]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A folder in which every act of the story has been played."""
    root = tmp_path_factory.mktemp("flow")
    toys.write_corpus(root, UTTERANCES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite_codec, "START_SEGMENTS", 16)
        run(train_codec.main, *codec_arguments(root))
    run(train_tokenizer.main, "--manifest", root / "manifest.jsonl", "--out", root / "tokenizer.model")
    run(encode_corpus.main, *encode_arguments(root, root / "codec/codec"))
    run(align_corpus.main, *align_arguments(root))
    run(train_lm.main, *lm_arguments(root))
    voice = root / "voice"
    voice.mkdir()
    shutil.copytree(root / "codec/codec", voice / "codec")
    shutil.copytree(root / "lm/lm", voice / "lm")
    shutil.copy(root / "tokenizer.model", voice)
    (voice / "voice.yaml").write_text("name: mine\n")
    return root


def test_the_voice_speaks(root):
    tts = TTS.from_pretrained(str(root / "voice"))
    speech = tts.synthesize("Hello there. It is.", seed=0)
    assert np.isfinite(speech.audio).all() and np.abs(speech.audio).max() > 0
    assert [word.text.strip(".") for word in speech.words] == ["Hello", "there", "It", "is"]
    assert all(p[-1] == len(s.ids) - 1 for p, s in zip(speech.positions, speech.sentences, strict=True))


def test_the_codec_is_whole_and_its_training_is_logged(root):
    codec = load_codec(root / "codec/codec")
    audio, _ = soundfile.read(root / "wavs/000.wav", dtype="float32")
    codes, frames = codec.encode(torch.from_numpy(audio)[None, None])
    assert codes.unique().numel() > 20
    assert codec.decode(codes).shape == (1, 1, int(frames[0]) * codec.hop_length)
    log = (root / "codec/metrics.csv").read_text()
    assert all(part in log for part in ("train/features", "_discriminator", "val/features"))


def test_shards_hold_every_utterance_with_its_alignment(root):
    (shard,) = open_shards(root / "codes")
    tokenizer = Tokenizer.load(root / "tokenizer.model")
    assert shard.names == [f"{i:03d}" for i in range(UTTERANCES)]
    assert shard.spec.codec_fingerprint == load_codec(root / "codec/codec").fingerprint
    for i in range(UTTERANCES):
        example = shard[i]
        assert tokenizer.decode(example.ids.tolist()) == toys.PHONEMES[i % len(toys.PHONEMES)]
        assert len(example.positions) == len(example.codes) > 10
        assert (example.positions.diff() >= 0).all() and example.positions[0] >= 0
        assert example.positions[-1] == len(example.ids) - 1


def test_the_lm_knows_what_it_was_trained_on(root):
    config = SpeechLM.from_pretrained(root / "lm/lm").config
    tokenizer = Tokenizer.load(root / "tokenizer.model")
    assert (config.vocab_size, config.tokenizer_fingerprint) == (tokenizer.vocab_size, tokenizer.fingerprint)
    log = (root / "lm/metrics.csv").read_text()
    assert "train/codes" in log and "val/reader" in log


def test_what_is_done_is_not_done_again(root):
    before = {path: path.read_bytes() for path in (root / "codes").iterdir()}
    run(encode_corpus.main, *encode_arguments(root, root / "codec/codec"))
    run(align_corpus.main, *align_arguments(root))
    assert {path: path.read_bytes() for path in (root / "codes").iterdir()} == before
    for main, arguments in ((train_codec.main, codec_arguments(root)), (train_lm.main, lm_arguments(root))):
        with pytest.raises(UserError, match="has done its 6 steps; raise --optim.max_steps"):
            run(main, *arguments)


def test_what_does_not_belong_together_is_refused(root, tmp_path):
    save_codec(toys.toy_codec(seed=5), tmp_path / "codec")
    with pytest.raises(UserError, match=r"000000.safetensors was made with .*use another --out"):
        run(encode_corpus.main, *encode_arguments(root, tmp_path / "codec"))
    Tokenizer.train([*toys.PHONEMES, "ʒ"], 120).save(tmp_path / "tokenizer.model")
    other = ["--tokenizer", tmp_path / "tokenizer.model"]
    with pytest.raises(UserError, match=r"made with another tokenizer.*use another --out"):
        run(encode_corpus.main, *encode_arguments(root, root / "codec/codec"), *other)
    (root / "codes/000000.positions").rename(tmp_path / "aside")
    try:
        with pytest.raises(UserError, match="made with another tokenizer"):
            run(align_corpus.main, *align_arguments(root), *other)
    finally:
        (tmp_path / "aside").rename(root / "codes/000000.positions")


@pytest.mark.parametrize("part", ["0/2", "3/2", "2", "a/b"])
def test_an_impossible_part_is_refused(root, part):
    with pytest.raises(UserError, match=rf"got --part {part}; expected i/n"):
        run(encode_corpus.main, *encode_arguments(root, root / "codec/codec"), "--part", part)


def test_silent_tokens_are_passed_over_by_the_aligner():
    silent = torch.tensor([1, 2])
    assert audible(torch.tensor([1, 5, 2, 2, 6, 1]), silent).tolist() == [1, 4]
    assert audible(torch.tensor([1, 2]), silent).tolist() == [0, 1]
