"""The codec for any voice as it ships: small, whole, documented, and exact."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from codec import LiteCodec
from codec import load as load_codec
from codec.audio.reading import trim_silence
from codec.lite.features import extract_features
from codec.runtime import load as load_runtime
from pipelines.shared.resources import VOICES, shipped_codec
from pipelines.shared.settings import load_yaml

FOLDER = VOICES / "english/codec"
GRAPHS = ("decode-float32.onnx", "encode-float32.onnx")
if not FOLDER.is_dir():
    pytest.skip("the codec for any voice is not in this checkout", allow_module_level=True)


@pytest.fixture(scope="module")
def codec() -> LiteCodec:
    return load_codec(shipped_codec(), kind=LiteCodec)


@pytest.fixture(scope="module")
def card() -> dict:
    return load_yaml((FOLDER / "card.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def speech() -> torch.Tensor:
    """A sentence of the voice heart, which has a codec of its own."""
    pytest.importorskip("hibari", reason="speaking needs hibari-tts")
    from pipelines.tts import TTS

    return torch.from_numpy(TTS.from_pretrained("heart").synthesize("Hello there, how are you today?").audio)[
        None, None
    ]


def test_its_codes_are_those_of_the_paper(codec):
    assert (codec.sample_rate, codec.hop_length, codec.num_codebooks, codec.codebook_size) == (22_050, 1024, 8, 2016)


def test_it_is_small_enough_to_ship():
    files = [path for path in FOLDER.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 24e6
    weights = {"model.safetensors", "graphs.data", "discriminators.safetensors"}
    assert {path.name for path in files} == {"card.yaml", "config.json", *weights, *GRAPHS}


def test_its_discriminators_tell_its_speech_from_recordings(codec, speech):
    pytest.importorskip("lightning", reason="training needs lfsc-tts[train]")
    from codec.training.adversarial import discriminator_loss
    from codec.training.lite.module import LitCodec
    from codec.training.lite.optim import CodecOptim

    module = LitCodec(load_codec(FOLDER, kind=LiteCodec), CodecOptim())
    module.load_discriminators(FOLDER / "discriminators.safetensors")
    with torch.inference_mode():
        real = extract_features(speech[:, 0], codec.config)
        decoded = codec.decoder(codec.quantizer(codec.encoder(real))[0])
        loss = discriminator_loss(*map(module.discriminators["features"], (real, decoded)))
    assert loss < 0.2, "0.14; of any that cannot tell them apart 0.25 or more"


def outline(path: Path) -> object:
    """What a graph says of itself and its operators; its constants may differ in the last bit on another machine."""
    model = pytest.importorskip("onnx", reason="exporting needs onnx").load(path, load_external_data=False)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    return facts, [(node.op_type, node.domain, len(node.input)) for node in model.graph.node]


def test_its_graphs_are_of_its_weights(codec, tmp_path):
    pytest.importorskip("onnx", reason="exporting needs onnx")
    from codec.export.export import export_onnx

    for name in ("config.json", "model.safetensors"):
        shutil.copy(FOLDER / name, tmp_path / name)
    export_onnx(codec, tmp_path, int8=False)
    stale = [name for name in GRAPHS if outline(tmp_path / name) != outline(FOLDER / name)]
    again = "python pipelines/export_onnx.py --codec voices/english/codec --out voices/english/codec --no-int8"
    assert not stale, f"make them anew: {again}"


def test_without_torch_it_says_the_same(codec, speech):
    light = load_runtime(FOLDER)
    codes, expected = light.encode(speech.numpy())[0], codec.encode(speech)[0].numpy()
    assert codes.shape == expected.shape and (codes == expected).mean() >= 0.999
    audio, exact = light.decode(expected), codec.decode(torch.from_numpy(expected)).numpy()
    assert np.abs(audio - exact).max() <= 1e-3 * np.abs(exact).max()


def test_its_card_says_what_it_is(codec, card):
    assert card["licence"] == "Apache-2.0"
    assert card["fingerprint"] == codec.fingerprint
    assert "Kokoro" in card["provenance"] and "No person" in card["provenance"]
    for speaker in ("am_puck", "bf_lily", "ff_siwis", "hm_omega", "zm_yunxi"):
        assert speaker in card["provenance"]
    assert all("pipelines/" in command for command in card["training"])
    assert {"held_out", "human", "heart"} <= set(card["figures"])


def test_it_decodes_what_it_encodes(codec, speech):
    codes, frames = codec.encode(speech)
    audio = codec.decode(codes)
    assert codes.shape == (1, 8, frames[0]) and torch.isfinite(audio).all()
    levels = [
        part[..., : speech.shape[-1]].unfold(-1, 4096, 4096).square().mean(-1).sqrt().log() for part in (speech, audio)
    ]
    assert np.corrcoef(levels[0].flatten(), levels[1].flatten())[0, 1] > 0.8
    assert (levels[0] - levels[1]).abs().mean() < 0.7


def test_in_a_stream_and_in_a_batch_it_gives_the_same(codec, speech):
    codes, _ = codec.encode(speech)
    whole, stream = codec.decode(codes), codec.stream()
    parts = [stream.push(codes[:, :, :7]), stream.push(codes[:, :, 7:30]), stream.flush(codes[:, :, 30:])]
    assert torch.allclose(torch.cat(parts, dim=-1), whole, atol=1e-4)
    short = speech[..., :30_000]
    padded = torch.cat([speech, torch.nn.functional.pad(short, (0, speech.shape[-1] - short.shape[-1]))])
    both, frames = codec.encode(padded, torch.tensor([speech.shape[-1], 30_000]))
    assert torch.equal(both[:1], codes) and torch.equal(both[1:, :, : frames[1]], codec.encode(short)[0])


def test_an_offset_changes_few_codes(codec, speech):
    codes, moved = codec.encode(speech)[0], codec.encode(speech + 0.01)[0]
    assert (codes == moved).float().mean() > 0.9


@pytest.mark.parametrize("offset", [0.005, -0.02])
@pytest.mark.parametrize("gain", [1.0, 0.05])
def test_an_offset_of_a_recording_changes_few_codes(codec, speech, offset, gain):
    """P. Its high-pass takes the offset off; trimming does not see it either."""
    codes = [codec.encode(trim_silence(gain * speech[0] + add, codec.sample_rate)[None])[0] for add in (0.0, offset)]
    assert codes[0].shape == codes[1].shape
    assert (codes[0] != codes[1]).float().mean() < 0.01
