"""Numbers that NeMo's modules gave for reduced codecs, made by tests/parity/make_golden.py."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from benchmarks.oracle.weights import make_audio, make_scores, make_weights
from codec import HiFiGANCodec, load
from codec.pretrained.nemo import translate
from codec.training.adversarial import DiscriminatorOutput
from codec.training.lfsc import losses
from codec.training.lfsc.module import HiFiGANOptim
from parity.reduced import CONFIGS, TINY, lengths, reduced

GOLDEN = Path(__file__).parent / "golden"
pytestmark = pytest.mark.skipif(
    not any(GOLDEN.glob("*.nemo")), reason="there are no golden files: make nemo-oracle golden"
)
every_codec = pytest.mark.parametrize("name", CONFIGS)


def batch(config):
    audio = torch.zeros(2, 1, max(lengths(config)))
    for row, length in enumerate(lengths(config)):
        audio[row, 0, :length] = torch.from_numpy(make_audio(length, row))
    return audio, torch.tensor(lengths(config))


def golden(name):
    """A codec with the weights NeMo had, and its results."""
    path = GOLDEN / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        shapes = {key: tuple(shape) for key, shape in json.loads(file.metadata()["shapes"]).items()}
    weights = {key: torch.from_numpy(w) for key, w in make_weights(shapes, 0).items()}
    return HiFiGANCodec.from_weights(reduced(name), translate(weights)).eval(), load_file(path)


@every_codec
def test_items_alone(name):
    codec, results = golden(name)
    audio, counts = batch(codec.config)
    codes, frames = codec.encode(audio, counts)
    for row, (length, count) in enumerate(zip(counts.tolist(), frames.tolist(), strict=True)):
        with torch.inference_mode():
            latents = codec.latents(audio[row : row + 1, :, :length], count)
        torch.testing.assert_close(latents, results[f"item{row}.latents"], atol=1e-5, rtol=0)
        assert torch.equal(codes[row : row + 1, :, :count], results[f"item{row}.codes"].long())
        decoded = codec.decode(codes[row : row + 1, :, :count])
        torch.testing.assert_close(decoded[:, 0], results[f"item{row}.audio"], atol=1e-5, rtol=0)
    assert len(codes.unique()) > 20


@every_codec
def test_a_padded_batch_as_nemo_does_it(name):
    codec, results = golden(name)
    codes, frames = codec.encode(*batch(codec.config), masked=True)
    assert torch.equal(codes, results["batch.codes"].long())
    decoded = codec.decode(codes, frames, masked=True)
    torch.testing.assert_close(decoded[:, 0], results["batch.audio"], atol=1e-5, rtol=0)


def test_a_file_written_by_nemo():
    codec, results = load(GOLDEN / "tiny.nemo"), load_file(GOLDEN / "tiny.safetensors")
    assert codec.config == TINY.__class__.from_dict(TINY.to_dict() | {"name": codec.config.name})
    audio, counts = batch(codec.config)
    codes, frames = codec.encode(audio[:1])
    assert torch.equal(codes, results["item0.codes"].long())
    torch.testing.assert_close(codec.decode(codes)[:, 0], results["item0.audio"], atol=1e-5, rtol=0)


def test_the_training_losses():
    """All five, on 24 frames of audio and on scores of two discriminators; see benchmarks/oracle/losses.py."""
    wanted, optim = json.loads((GOLDEN / "losses.json").read_text()), HiFiGANOptim()
    real, fake = (
        torch.stack([torch.from_numpy(make_audio(24 * 1024, seed + row)) for row in range(2)]) for seed in (0, 5)
    )
    tensors = {
        name: [[torch.from_numpy(layer) for layer in layers] for layers in made] for name, made in make_scores().items()
    }
    outputs = {name: [DiscriminatorOutput(layers[-1], layers) for layers in made] for name, made in tensors.items()}
    found = {
        "mel": losses.mel_loss(fake, real, 22_050, optim.n_ffts, optim.mel_bands),
        "stft": losses.stft_loss(fake, real, optim.n_ffts),
        "matching": losses.matching_loss(outputs["real"], outputs["fake"]),
        "adversarial": losses.adversarial_loss(outputs["fake"]),
        "discriminator": losses.discriminator_loss(outputs["real"], outputs["fake"]),
    }
    assert {name: value.item() for name, value in found.items()} == pytest.approx(wanted, rel=1e-5)
