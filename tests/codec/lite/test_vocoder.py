"""The vocoder: the filters it makes of features, and how they sound."""

import math

import pytest
import torch

import toys
from codec.lite.features import ENVELOPE_MEAN, ENVELOPE_SCALE, extract_features, features_to_f0, num_features

CONFIG = toys.TOY_CODEC
BANDS = CONFIG.n_mels


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
    codec = toys.toy_codec()
    audio = torch.from_numpy(toys.voiced(150.0, 24 * toys.HOP / toys.RATE))[None, : 24 * toys.HOP]
    torch.nn.init.zeros_(codec.vocoder.output.weight)
    torch.nn.init.zeros_(codec.vocoder.output.bias)
    features = extract_features(audio, CONFIG)
    filters, source = codec.vocoder(features), codec.source
    f0 = torch.full((1, audio.shape[1]), 150.0)
    pulses = source.pulse_spectrum(2 * math.pi * 150 / toys.RATE * torch.arange(audio.shape[1]).double()[None], f0)
    again = source.audio(sum(source.filter(filters, pulses, source.noise_spectrum(features.shape[1], 0))))
    inside = slice(8, -8)
    heard = extract_features(again, CONFIG)[0, inside]
    assert (heard - features[0, inside])[:, :BANDS].abs().mean() * ENVELOPE_SCALE < 0.6  # nats
    assert features_to_f0(heard) == pytest.approx(150, rel=0.01)
