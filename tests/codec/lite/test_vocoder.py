"""The vocoder: the filters it makes of features, and how they sound."""

import dataclasses
import math

import pytest
import torch

import toys
from codec.dsp.constants import NUM_BANDS
from codec.dsp.mel import mel_centres
from codec.lite.convnext import Past
from codec.lite.features import ENVELOPE_MEAN, ENVELOPE_SCALE, extract_features, features_to_f0, num_features
from codec.lite.sharpness import FROM_HZ

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


def sharpened(features: torch.Tensor, sharpness: float = 0.6) -> torch.Tensor:
    config = dataclasses.replace(CONFIG, vocoder_sharpness=sharpness)
    return toys.toy_codec(config=config).vocoder.sharpened(features, Past(), True)


def test_what_moves_evenly_stays_and_what_moves_fast_moves_further():
    bands = mel_centres(CONFIG.sample_rate, BANDS) >= FROM_HZ
    moved = torch.tensor([*bands, *[False] * NUM_BANDS, True, False])  # pitch is the last but one
    even = torch.arange(9.0)[None, :, None].expand(1, 9, len(moved))
    torch.testing.assert_close(sharpened(even)[:, 1:-1], even[:, 1:-1])
    fast = torch.tensor([1.0, -1.0]).repeat(5)[None, :, None].expand(1, 10, len(moved))
    found = sharpened(fast)[:, 1:-1] / fast[:, 1:-1]
    torch.testing.assert_close(found, torch.where(moved, 1 + 0.6 * 4 / 3, 1.0).expand_as(found))


def test_without_sharpness_features_are_taken_as_they_are():
    config = dataclasses.replace(CONFIG, vocoder_sharpness=0.5)
    features = torch.randn(1, 12, num_features(CONFIG), generator=torch.Generator().manual_seed(0))
    plain, sharp = (toys.toy_codec(config=one).vocoder(features) for one in (CONFIG, config))
    assert plain.f0.equal(features_to_f0(features)) and not sharp.f0.equal(plain.f0)


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
