"""The lite codec's features and networks: what features say, and how far a frame is seen."""

import math

import pytest
import torch

import toys
from codec.dsp.envelope import NUM_BANDS
from codec.lite.networks import (
    ENVELOPE_MEAN,
    ENVELOPE_SCALE,
    analyse,
    decoding_context,
    extract_features,
    features_to_f0,
    num_features,
)

CONFIG = toys.TOY_CODEC
BANDS = CONFIG.n_mels


def voice(frames: int = 16, hz: float = 150.0) -> torch.Tensor:
    """A vowel [1, N] of so many codec frames."""
    return torch.from_numpy(toys.voiced(hz, frames * toys.HOP / toys.RATE))[None, : frames * toys.HOP]


def test_features_have_a_frame_for_each_hop_of_the_stft_and_are_of_order_one():
    features, envelope = analyse(voice(), CONFIG)
    assert features.shape == (1, 16 * CONFIG.stack, num_features(CONFIG))
    assert envelope.shape == (1, 16 * CONFIG.stack, CONFIG.n_fft // 2 + 1)
    assert torch.equal(features, extract_features(voice(), CONFIG))
    assert 0.2 < features.std() < 2 and features.abs().max() < 4


def test_the_last_two_features_are_pitch_and_voicing():
    features = extract_features(voice(hz=190.0), CONFIG)[:, 8:-8]
    assert features_to_f0(features) == pytest.approx(190, rel=0.01)
    assert features[..., -1].min() > 0.8
    hiss = extract_features(0.1 * torch.randn(1, 16 * toys.HOP), CONFIG)
    assert hiss[..., -1].mean() < 0
    assert hiss[..., BANDS : BANDS + NUM_BANDS].mean() > features[..., BANDS : BANDS + NUM_BANDS].mean() + 0.5


def test_louder_is_higher_by_the_same_in_every_band():
    quiet, loud = (extract_features(gain * voice(), CONFIG)[0, 8:-8, :BANDS] for gain in (0.5, 1.0))
    assert (loud - quiet).median() == pytest.approx(math.log(2) / ENVELOPE_SCALE, abs=0.01)


@pytest.mark.parametrize(("log_f0", "hz"), [(-9.0, 60.0), (0.0, 180.0), (9.0, 500.0)])
def test_pitch_stays_that_of_a_voice(log_f0, hz):
    features = torch.zeros(1, 1, num_features(CONFIG))
    features[..., -2] = log_f0
    assert float(features_to_f0(features)) == pytest.approx(hz, rel=1e-4)


def test_networks_have_one_latent_per_digit_and_frame(toy_codec):
    features = torch.randn(2, 12, num_features(CONFIG))
    with torch.no_grad():
        latents = toy_codec.encoder(features)
        assert latents.shape == (2, 32, 3)
        assert toy_codec.decoder(torch.tanh(latents)).shape == features.shape


@torch.no_grad()
def test_a_vocoder_that_refines_nothing_takes_features_at_their_word():
    codec = toys.toy_codec()
    torch.nn.init.zeros_(codec.vocoder.output.weight)
    torch.nn.init.zeros_(codec.vocoder.output.bias)
    features = torch.zeros(1, 4, num_features(CONFIG))
    features[..., :BANDS] = (-3 + ENVELOPE_MEAN) / ENVELOPE_SCALE
    filters = codec.vocoder(features)
    shape = (1, 4, CONFIG.n_fft // 2 + 1)
    assert filters.harmonic.shape == filters.phase.shape == filters.noise.shape == shape
    amplitude = math.log(4 * 180 / toys.RATE) / 2
    power = (2 * (filters.harmonic - amplitude)).exp() + (2 * filters.noise).exp()
    assert torch.allclose(power, torch.tensor(-6.0).exp(), rtol=1e-4)


@torch.no_grad()
def test_what_such_a_vocoder_says_sounds_like_what_was_analysed():
    codec, audio = toys.toy_codec(), voice(24)
    torch.nn.init.zeros_(codec.vocoder.output.weight)
    torch.nn.init.zeros_(codec.vocoder.output.bias)
    features = extract_features(audio, CONFIG)
    filters, source = codec.vocoder(features), codec.lite.source_filter
    f0 = torch.full((1, audio.shape[1]), 150.0)
    pulses = source.pulse_spectrum(2 * math.pi * 150 / toys.RATE * torch.arange(audio.shape[1]).double()[None], f0)
    again = source.audio(sum(source.filter(filters, pulses, source.noise_spectrum(features.shape[1], 0))))
    inside = slice(8, -8)
    heard = extract_features(again, CONFIG)[0, inside]
    assert (heard - features[0, inside])[:, :BANDS].abs().mean() * ENVELOPE_SCALE < 0.6  # nats
    assert features_to_f0(heard) == pytest.approx(150, rel=0.01)


@torch.no_grad()
def test_a_frame_of_filters_depends_on_no_more_than_its_context(toy_codec):
    reach, at, stack = decoding_context(CONFIG), 12, CONFIG.stack
    codes = toys.random_codes(1, 25)
    changed = codes.clone()
    changed[:, :, at] = (changed[:, :, at] + 1000) % 2016
    before, after = (toy_codec.vocoder(toy_codec.decoder(toy_codec.quantizer.decode(c))) for c in (codes, changed))
    for name, one, other in zip(before._fields, before, after, strict=True):
        same = (one == other).flatten(2).all(-1)[0] if one.dim() == 3 else (one == other)[0]
        assert same[: (at - reach) * stack].all() and same[(at + reach + 1) * stack :].all(), name
        assert not same[at * stack : (at + 1) * stack].any(), name


def test_the_networks_learn(toy_codec):
    codec = toys.toy_codec()
    features = torch.randn(1, 16, num_features(CONFIG))
    values, _ = codec.quantizer(codec.encoder(features))
    codec.vocoder.envelope(codec.decoder(values)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in codec.parameters())
    assert codec.encoder.input.weight.grad.abs().max() > 0
