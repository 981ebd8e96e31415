"""A mark that streams: the same samples however they come, far below the speech, at little cost."""

import time

import numpy as np
import pytest

import toys
from codec.watermark.embedding import Watermark
from codec.watermark.pattern import CELLS, DELAYS_S, cell_samples, signs

AUDIO = np.concatenate([toys.utterance(number) for number in range(4)])


def marked(audio: np.ndarray, sizes: list[int], rate: int = toys.RATE) -> np.ndarray:
    """Audio with its mark, pushed in pieces of these sizes and the rest."""
    watermark, pieces = Watermark(rate), np.split(audio, np.cumsum(sizes))
    return np.concatenate([*map(watermark.push, pieces), watermark.flush()])


@pytest.mark.parametrize("rate", [22_050, 24_000, 44_100])
def test_pieces_of_any_length_give_the_samples_of_the_whole(rate):
    whole, random = marked(AUDIO, [], rate), np.random.default_rng(0)
    assert len(whole) == len(AUDIO) and whole.dtype == np.float32
    for most in (3, 500, 3_000, 40_000):
        sizes = random.integers(0, most + 1, 60 if most < 40_000 else 3).tolist()
        assert np.array_equal(marked(AUDIO, sizes, rate), whole), most


@pytest.mark.parametrize("count", [0, 1, 70, 71, 72, 440, 441, 442])
def test_as_much_comes_out_as_went_in(count):
    assert len(marked(AUDIO[:count], [])) == count
    assert len(marked(AUDIO[:count], [1] * min(count, 70))) == count


def test_all_but_three_ms_come_at_once():
    held = len(AUDIO) - len(Watermark(toys.RATE).push(AUDIO))
    assert round(max(DELAYS_S) * toys.RATE) <= held == 71 <= 0.0033 * toys.RATE


def test_the_mark_is_twenty_two_decibels_below_and_silence_stays_silent():
    audio = np.random.default_rng(0).standard_normal(3 * toys.RATE).astype(np.float32)
    difference = marked(audio, []) - audio
    assert 20 * np.log10(difference.std() / audio.std()) == pytest.approx(-22, abs=0.5)
    assert not marked(np.zeros(9_999, np.float32), []).any()
    seconds = np.arange(toys.RATE) / toys.RATE
    for hz, most in ((150, 0.003), (300, 0.01), (2_000, 0.12)):
        tone = np.sin(2 * np.pi * hz * seconds).astype(np.float32)
        assert (marked(tone, []) - tone)[1_000:-1_000].std() < most * tone.std(), hz


def test_the_input_stays_as_it_is():
    audio = AUDIO.copy()
    marked(audio, [777])
    assert np.array_equal(audio, AUDIO)


def test_the_signs_of_a_key_never_change():
    """Speech that was marked must be found by every later version."""
    found = signs()
    assert found.shape == (CELLS, len(DELAYS_S)) and set(np.unique(found)) == {-1, 1}
    assert "".join("-+"[int(sign > 0)] for sign in found[0]) == FIRST
    assert abs(found.mean()) < 0.08 and (signs("another") != found).mean() == pytest.approx(0.5, abs=0.05)
    assert cell_samples(22_050) == 441


FIRST = "-++---+-+-+-"


def test_it_costs_little():
    audio = np.tile(AUDIO, 5)
    took = []
    for _ in range(5):
        begin = time.process_time()
        marked(audio, [48 * 1024] * 5)
        took.append(time.process_time() - begin)
    assert min(took) < 0.004 * len(audio) / toys.RATE  # a tenth of what speaking takes
