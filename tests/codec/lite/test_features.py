"""Features: what a frame of them says."""

import math

import pytest
import torch

import toys
from codec.dsp.constants import NUM_BANDS
from codec.lite.features import ENVELOPE_SCALE, analyse, extract_features, features_to_f0, num_features

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
