"""What recordings suffer: as much of it as was asked for."""

import numpy as np
import pytest

from benchmarks.speakers.degradations import level, load_degradation

RATE = 22_050
TIME_S = np.arange(RATE) / RATE
TONE = (0.3 * np.sin(2 * np.pi * 440 * TIME_S)).astype(np.float32)
OTHERS = [lambda f=f: np.sin(2 * np.pi * f * TIME_S[: RATE // 2]).astype(np.float32) for f in (300, 500, 700)]


@pytest.mark.parametrize("spec", ["babble:15", "noise:15"])
def test_noise_has_the_level_that_was_asked_for(spec):
    spoiled = load_degradation(spec, OTHERS)(TONE, RATE)
    assert spoiled.shape == TONE.shape and spoiled.dtype == np.float32
    assert 20 * np.log10(level(TONE) / level(spoiled - TONE)) == pytest.approx(15, abs=0.1)


def test_a_narrow_band_keeps_what_is_in_it():
    low, high = TONE, (0.3 * np.sin(2 * np.pi * 6000 * TIME_S)).astype(np.float32)
    narrow = load_degradation("band:8000", [])
    assert level(narrow(low, RATE)) == pytest.approx(level(low), rel=0.02)
    assert level(narrow(high, RATE)) < 0.02 * level(high)
    assert all(len(narrow(low[:length], RATE)) == length for length in range(RATE - 40, RATE))


def test_gain_and_offset():
    assert level(load_degradation("gain:-20", [])(TONE, RATE)) == pytest.approx(0.1 * level(TONE), rel=1e-3)
    assert load_degradation("dc:0.01", [])(TONE, RATE).mean() == pytest.approx(0.01, abs=1e-4)


def test_the_same_seed_spoils_alike():
    first, second, other = (load_degradation("noise:5", [], seed)(TONE, RATE) for seed in (1, 1, 2))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


@pytest.mark.parametrize("spec", ["hum:5", "noise", "band:wide", ""])
def test_anything_else_is_refused(spec):
    with pytest.raises(ValueError, match="expected one of babble:NUMBER"):
        load_degradation(spec, [])
