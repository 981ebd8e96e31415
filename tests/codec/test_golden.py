"""Numbers that NeMo's modules gave for reduced codecs, made by tests/parity/make_golden.py."""

import json
import re
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
from codec.training.lfsc.discriminators import ComplexSpectrumDiscriminator, PeriodDiscriminator
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


def audio_of(seed, lengths=(24 * 1024, 24 * 1024)):
    """Two items of 24 frames, zero beyond their lengths; see benchmarks/oracle/losses.py."""
    audio = torch.stack([torch.from_numpy(make_audio(24 * 1024, seed + row)) for row in range(2)])
    return audio * (torch.arange(24 * 1024) < torch.tensor(lengths)[:, None])


def judged(real, fake):
    return {
        "matching": losses.matching_loss(real, fake).item(),
        "adversarial": losses.adversarial_loss(fake).item(),
        "discriminator": losses.discriminator_loss(real, fake).item(),
    }


def test_the_training_losses():
    """All five, on 24 frames of audio and on scores of two discriminators."""
    wanted, optim = json.loads((GOLDEN / "losses.json").read_text())["whole"], HiFiGANOptim()
    real, fake = audio_of(0), audio_of(5)
    outputs = {
        name: [DiscriminatorOutput(layers[-1], layers) for layers in ([*map(torch.from_numpy, one)] for one in made)]
        for name, made in make_scores().items()
    }
    found = judged(outputs["real"], outputs["fake"]) | {
        "mel": losses.mel_loss(fake, real, 22_050, optim.n_ffts, optim.mel_bands).item(),
        "stft": losses.stft_loss(fake, real, optim.n_ffts).item(),
    }
    assert found == pytest.approx(wanted, rel=1e-5)


def member(discriminator):
    """With the weights that NeMo's was given, which calls its layers otherwise."""
    state = discriminator.state_dict()
    theirs = {name: name.replace("layers.", "conv_layers.").replace("output.", "conv_post.") for name in state}
    theirs = {
        name: re.sub(r"(layers\.\d+|conv_post)\.", r"\1.conv.", translated) for name, translated in theirs.items()
    }
    weights = make_weights({theirs[name]: tuple(tensor.shape) for name, tensor in state.items()}, 3)
    discriminator.load_state_dict({name: torch.from_numpy(weights[theirs[name]]) for name in state})
    return discriminator.eval()


@torch.no_grad()
def test_the_training_losses_and_discriminators_of_a_padded_batch():
    wanted, optim = json.loads((GOLDEN / "losses.json").read_text())["padded"], HiFiGANOptim()
    lengths = 24 * 1024, 9 * 1024
    real, fake = audio_of(0, lengths), audio_of(5, lengths)
    members = {"spectrum": member(ComplexSpectrumDiscriminator(512)), "period": member(PeriodDiscriminator(3))}
    outputs = {name: (one(real), one(fake)) for name, one in members.items()}
    for name, (output, _) in outputs.items():
        layers = torch.stack([layer.flatten(1).mean(1) for layer in output.features])
        torch.testing.assert_close(layers, torch.tensor(wanted.pop(name)), atol=1e-6, rtol=1e-4)
    samples = torch.tensor(lengths)
    found = judged(*map(list, zip(*outputs.values(), strict=True))) | {
        "mel": losses.mel_loss(fake, real, 22_050, optim.n_ffts, optim.mel_bands, samples).item(),
        "stft": losses.stft_loss(fake, real, optim.n_ffts, samples).item(),
    }
    assert found == pytest.approx(wanted, rel=1e-5)
