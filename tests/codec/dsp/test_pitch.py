"""Pitch of tones whose pitch is known, and no pitch where there is none."""

import math

import numpy as np
import pytest
import torch

import toys
from codec.dsp.pitch import decimate, phase_from_f0, track_pitch, upsample

HOP, RATE = 256, toys.RATE


def tracked(audio: np.ndarray | torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pitch and voicing of the inside of audio [N]."""
    audio = torch.as_tensor(audio, dtype=torch.float32)
    f0, voicing = track_pitch(audio[None, : len(audio) // HOP * HOP], RATE, HOP)
    assert f0.shape == voicing.shape == (1, len(audio) // HOP)
    return f0[0, 6:-6], voicing[0, 6:-6]


def harmonics(f0: np.ndarray, count: int, tilt: float = 1.0) -> np.ndarray:
    """Tones at the multiples of f0 [N] in Hz, each weaker than the one before as in a voice; tilt 0: equally strong."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    return 0.1 * sum(h**-tilt * np.cos(h * phase + h) for h in range(1, count + 1))


@pytest.mark.parametrize("hz", [80, 97, 123.4, 160, 200, 251, 330, 400])
@pytest.mark.parametrize("kind", ["vowel", "harmonics", "few"])
def test_the_pitch_of_a_tone_is_found_within_a_percent_and_never_an_octave_off(hz, kind):
    if kind == "vowel":
        audio = toys.voiced(hz, 0.6)
    else:
        audio = harmonics(np.full(RATE // 2, float(hz)), 12 if kind == "harmonics" else 3)
    f0, voicing = tracked(audio)
    assert (f0 / hz - 1).abs().max() < 0.01
    assert voicing.min() > 0.8


@pytest.mark.xfail(strict=True, reason="at 11 kHz the period is 27.6 samples and the whole numbers 55 fit it better")
def test_the_pitch_of_a_high_buzz_without_tilt_is_not_an_octave_off():
    f0, _ = tracked(harmonics(np.full(RATE // 2, 400.0), 12, tilt=0))
    assert (f0 / 400 - 1).abs().max() < 0.01


@pytest.mark.parametrize(("start", "end"), [(100, 180), (300, 150)])
def test_a_glide_is_followed(start, end):
    true = np.geomspace(start, end, RATE)
    f0, voicing = tracked(harmonics(true, 10))
    wanted = torch.tensor(true[: len(true) // HOP * HOP].reshape(-1, HOP)[6:-6, HOP // 2])
    assert (f0 / wanted - 1).abs().max() < 0.015
    assert voicing.min() > 0.8


def test_silence_and_noise_are_unvoiced_and_have_a_pitch_all_the_same():
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    for audio, most in ((np.zeros(RATE), 0.2), (noise, 0.5)):
        f0, voicing = tracked(audio)
        assert voicing.mean() < most
        assert f0.isfinite().all() and (f0 > 55).all() and (f0 < 550).all()


def test_the_pitch_of_a_pause_is_a_smooth_guess_from_its_neighbours():
    pause = np.zeros(RATE // 4)
    f0, _ = tracked(np.concatenate([toys.voiced(150, 0.5), pause, toys.voiced(170, 0.5)]))
    assert (f0 > 140).all() and (f0 < 180).all()


def test_loudness_does_not_matter():
    audio = toys.voiced(140, 0.5)
    loud, quiet = tracked(audio)[0], tracked(0.05 * audio)[0]
    assert (loud / quiet - 1).abs().max() < 0.005


def test_decimation_keeps_what_is_low_and_drops_what_would_alias():
    time = torch.arange(8192) / RATE
    low, high = (torch.sin(2 * math.pi * hz * time)[None] for hz in (500, 9000))
    assert decimate(low, 2)[0, 50:-50] == pytest.approx(low[0, ::2][50:-50].numpy(), abs=0.01)
    assert decimate(high, 2)[0, 50:-50].abs().max() < 0.02
    assert decimate(low, 1) is low


def test_phase_is_the_integral_of_pitch():
    phase = phase_from_f0(torch.full((1, 10), 100.0), RATE, HOP)
    assert phase.dtype == torch.float64
    wanted = 2 * math.pi * 100 / RATE * torch.arange(1, 10 * HOP + 1, dtype=torch.float64)
    assert torch.allclose(phase[0], wanted, atol=1e-9)


def test_values_are_drawn_out_through_the_centres_of_frames():
    drawn = upsample(torch.tensor([[1.0, 3.0, 2.0]]), 4)
    assert drawn[0].tolist() == pytest.approx([1, 1, 1.25, 1.75, 2.25, 2.75, 2.875, 2.625, 2.375, 2.125, 2, 2])
