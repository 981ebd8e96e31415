"""Speech at another speed: its length, its pitch, and the same samples however it comes."""

import numpy as np
import pytest

import toys
from codec.audio.time_stretch import TimeStretch

SPEEDS = [0.5, 0.75, 0.99, 1.0, 1.25, 1.5, 2.0]


def stretched(audio: np.ndarray, speed: float, cuts: list[int] = []) -> np.ndarray:  # noqa: B006  # not changed
    stream = TimeStretch(toys.RATE, speed)
    return np.concatenate([*map(stream.push, np.split(audio, cuts)), stream.flush()])


def pitch_hz(audio: np.ndarray) -> float:
    """By the first peak of the autocorrelation."""
    likeness = np.correlate(audio, audio, "full")[len(audio) :]
    low, high = toys.RATE // 400, toys.RATE // 80
    return toys.RATE / (low + int(np.argmax(likeness[low:high])) + 1)


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("samples", [0, 1, 300, 441, 5000, 22_050])
def test_the_length_is_that_of_the_speed(speed, samples):
    audio = toys.voiced(150, 1.0)[:samples]
    found = stretched(audio, speed)
    assert len(found) == round(samples / speed) and found.dtype == np.float32


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("f0", [90, 150, 250])
def test_pitch_and_loudness_stay(speed, f0):
    audio = toys.voiced(f0, 1.5)
    found = stretched(audio, speed)[2000:-2000]
    assert pitch_hz(found[:6000]) == pytest.approx(f0, rel=0.02)
    assert found.std() == pytest.approx(audio.std(), rel=0.05)


@pytest.mark.parametrize("speed", SPEEDS)
def test_however_it_is_cut_it_is_the_same_to_the_sample(speed):
    audio, random = toys.utterance(3), np.random.default_rng(0)
    whole = stretched(audio, speed)
    for _ in range(5):
        cuts = sorted(random.integers(0, len(audio), 12).tolist())
        assert np.array_equal(stretched(audio, speed, cuts), whole)
    assert np.array_equal(stretched(audio, speed, list(range(0, len(audio), 100))), whole)


def test_it_waits_for_little_and_keeps_little():
    stream, audio = TimeStretch(toys.RATE, 0.75), np.tile(toys.voiced(150, 1.0), 20)
    given = 0
    for number, piece in enumerate(np.split(audio, 200), 1):
        given += len(stream.push(piece))
        assert number * len(piece) / 0.75 - given < 0.15 * toys.RATE
        assert len(stream.input) < 0.3 * toys.RATE


def test_silence_stays_silence():
    assert not stretched(np.zeros(10_000, np.float32), 1.5).any()


def test_its_own_speed_changes_nothing():
    audio = toys.voiced(150, 0.5)
    assert np.array_equal(stretched(audio, 1.0, [100, 5000]), audio)


@pytest.mark.parametrize("speed", [0.0, 0.49, 2.01, -1.0, float("nan"), float("inf")])
def test_other_speeds_are_refused(speed):
    with pytest.raises(ValueError, match=r"expected 0\.5 to 2"):
        TimeStretch(toys.RATE, speed)
