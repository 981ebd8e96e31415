"""Metrics whose value is known."""

import math

import pytest
import torch

from codec.metrics import Comparison, codebook_use, mel_distance, si_sdr, stft_distance

RATE, SAMPLES = 22_050, 16_384


def noise(seed: int = 0) -> torch.Tensor:
    return 0.3 * torch.randn(2, SAMPLES, generator=torch.Generator().manual_seed(seed))


def test_equal_signals_have_no_distance():
    assert mel_distance(noise(), noise(), RATE) == stft_distance(noise(), noise()) == 0
    assert si_sdr(noise(), noise()) > 100


def test_twice_as_loud_is_one_log_two_away():
    assert mel_distance(2 * noise(), noise(), RATE) == pytest.approx(math.log(2), rel=0.01)
    assert stft_distance(2 * noise(), noise()) == pytest.approx(math.log(2), rel=0.01)


def test_distances_are_symmetric_and_grow_with_the_error():
    one, other = noise(0), noise(1)
    assert mel_distance(one, other, RATE) == pytest.approx(mel_distance(other, one, RATE))
    slight = one + 0.1 * other
    assert 0 < mel_distance(slight, one, RATE) < mel_distance(other, one, RATE)
    assert 0 < stft_distance(slight, one) < stft_distance(other, one)


def test_what_is_below_the_floor_is_silence():
    assert mel_distance(torch.zeros(1, SAMPLES), 1e-7 * noise()[:1], RATE) == 0
    assert stft_distance(torch.zeros(1, SAMPLES), 1e-6 * noise()[:1]) == 0


@pytest.mark.parametrize("decibels", [40.0, 20.0, 0.0, -10.0])
@pytest.mark.parametrize("gain", [1.0, 0.1, -3.0])
def test_si_sdr_is_the_ratio_to_what_is_orthogonal_whatever_the_gain(decibels, gain):
    turn = 2 * math.pi * 50 / SAMPLES * torch.arange(SAMPLES, dtype=torch.float64)[None]
    target, error = turn.sin(), turn.cos()
    estimate = gain * (target + 10 ** (-decibels / 20) * error) + 0.2  # a constant does not count
    assert si_sdr(estimate, target) == pytest.approx(decibels, abs=1e-3)


def test_silence_has_a_finite_si_sdr():
    assert math.isfinite(si_sdr(torch.zeros(1, 100), noise()[:1, :100]))
    assert math.isfinite(si_sdr(noise()[:1, :100], torch.zeros(1, 100)))


def test_a_recording_in_blocks_is_compared_as_the_whole():
    target = noise()[:1]
    estimate = 0.7 * target + 0.1 * noise(1)[:1] + 0.05
    whole = mel_distance(estimate, target, RATE), stft_distance(estimate, target), si_sdr(estimate, target)
    for sizes, tolerance in (([SAMPLES], 1e-6), ([6144, 6144, 4096], 0.02)):
        comparison = Comparison(RATE)
        for one, other in zip(estimate.split(sizes, 1), target.split(sizes, 1), strict=True):
            comparison.add(one, other)
        assert comparison.samples == SAMPLES
        assert comparison.result() == pytest.approx(whole, rel=tolerance)


def test_use_of_codebooks():
    even = torch.arange(8).repeat(4).view(2, 1, 16)
    skewed = torch.tensor([0] * 8 + [1] * 4 + [2] * 2 + [3] * 2).expand(2, 1, 16)
    one, two, three = codebook_use(torch.cat([even, torch.full((2, 1, 16), 5), skewed], dim=1), 2016)
    assert one == pytest.approx((8, 8, 3))
    assert two == pytest.approx((1, 1, 0))
    assert three == pytest.approx((4, 2**1.75, 1.75))


@pytest.mark.parametrize(
    ("one", "other"), [((1, 4096), (1, 4097)), ((2, 4096), (1, 4096)), ((4096,), (4096,)), ((1, 1, 4096),) * 2]
)
def test_what_cannot_be_compared_is_refused(one, other):
    for metric in (lambda a, b: mel_distance(a, b, RATE), stft_distance, si_sdr):
        with pytest.raises(ValueError, match=r"expected two equal shapes \[B, N\]"):
            metric(torch.zeros(one), torch.zeros(other))
