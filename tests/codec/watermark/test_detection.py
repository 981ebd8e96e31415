"""The mark is found where it is, and nowhere else, whatever happened to the sound on its way."""

import numpy as np
import pytest

from codec.watermark.detection import FALSE_ALARM, RATE, WINDOW, Detector, moving_mean, tail
from codec.watermark.embedding import Watermark

DETECTOR = Detector()


def babble(seed: int, duration_s: float) -> np.ndarray:
    """Noise that rises and falls in ten bands, as speech does, float32 [N] at RATE."""
    random, count = np.random.default_rng(seed), round(duration_s * RATE)
    spectrum, knots = np.fft.rfft(random.standard_normal(count)), np.arange(0, count, RATE // 12)
    audio, edges = np.zeros(count), np.geomspace(100, 8000, 11) * count / RATE
    for low, high in zip(edges[:-1].astype(int), edges[1:].astype(int), strict=True):
        band = np.zeros_like(spectrum)
        band[low:high] = spectrum[low:high]
        loudness = np.interp(np.arange(count), knots, random.normal(-1, 1.2, len(knots)))
        audio += np.fft.irfft(band, count) * np.exp(loudness) * (100 * count / RATE / low)
    return (0.1 * audio / audio.std()).astype(np.float32)


def marked(audio: np.ndarray, start: int = 0, key: str | None = None) -> np.ndarray:
    """Audio with the mark it has from sample `start` of a file on."""
    watermark = Watermark(RATE, key) if key else Watermark(RATE)
    before = np.zeros(start, np.float32)
    return np.concatenate([watermark.push(before), watermark.push(audio), watermark.flush()])[start:]


def detect(audio: np.ndarray, pieces: int = 1):
    return DETECTOR.detect(np.array_split(audio.astype(np.float32), pieces))


@pytest.mark.parametrize("start", [0, 1, 12_345, 98_765])
def test_three_seconds_are_enough_wherever_they_are_cut_out(start):
    found = detect(marked(babble(start, 3), start))
    assert found.marked and found.score > 8 and found.false_alarm < 1e-10
    assert found.marked_s == found.duration_s == 3


def test_what_is_not_marked_is_not_found():
    found = [detect(babble(seed, 3)) for seed in range(40)]
    assert not [each for each in found if each.marked or each.marked_s]
    assert 2.5 < np.mean([each.score for each in found]) < 3.8  # the largest of 640 normal numbers is 3.2
    assert not detect(marked(babble(0, 3), key="another")).marked


def test_a_long_recording_is_read_piece_by_piece_and_its_marked_part_found():
    audio = babble(1, 20)
    audio[: 8 * RATE] = marked(audio[: 8 * RATE])
    whole = detect(audio)
    assert whole.marked and 6 <= whole.marked_s <= 9.7
    assert detect(audio, 37) == whole


def test_weak_marks_add_up_in_a_long_recording():
    audio, score = babble(2, 30), []
    weak = 0.7 * audio + 0.3 * marked(audio)
    for seconds in (4, 30):
        score.append(detect(weak[: seconds * RATE]).score)
    assert score[1] > 1.5 * score[0] and detect(weak).marked


@pytest.mark.parametrize("audio", [np.zeros(5 * RATE), np.zeros(0), np.zeros(10), np.ones(4 * RATE)])
def test_silence_is_not_marked(audio):
    found = detect(audio)
    assert not found.marked and found.false_alarm > 0.01 and found.marked_s == 0


def test_the_end_of_a_recording_counts():
    audio = babble(3, 3.2 + 1.5)
    audio[-3 * RATE :] = marked(audio[-3 * RATE :])
    assert detect(audio).marked


def test_the_level_makes_no_difference():
    audio = marked(babble(4, 3))
    assert detect(audio * 1e-3).score == pytest.approx(detect(audio).score, abs=0.05)


def test_what_is_a_false_alarm():
    assert tail(0) == 0.5 and tail(5.54) * 640 == pytest.approx(FALSE_ALARM, rel=0.1)
    assert WINDOW == 3.2 * RATE


def test_moving_means():
    values = np.array([[1.0], [2.0], [6.0], [7.0]])
    assert moving_mean(values, 3).tolist() == [[1.5], [3.0], [5.0], [6.5]]
    assert moving_mean(values, 2).tolist() == [[1.0], [1.5], [4.0], [6.5]]
