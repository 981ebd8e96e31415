"""Recordings decoded once, ahead of the codec, are those that read_speech gives."""

import threading
import time

import numpy as np
import pytest
import soundfile
import torch

import toys
from codec.audio.reading import read_speech
from pipelines.encoding.audio import HELD_S, Ahead, decoded_once, read_recording


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_one_pass_gives_the_same_samples(tmp_path, rate, suffix):
    audio = np.stack([toys.utterance(3, 3.0)] * 2, axis=1)
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, audio, rate)
    duration_s, speech = decoded_once(path, toys.RATE)
    assert duration_s == pytest.approx(len(audio) / rate, abs=0.1)
    assert torch.equal(speech, torch.cat(list(read_speech(path, toys.RATE)), dim=1))


def test_long_recordings_are_measured_and_not_held(tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(toys.voiced(140, 1.0), round(HELD_S) + 2), toys.RATE)
    found = read_recording(str(path), toys.RATE, longest_s=100.0, pin=False)
    assert found.audio is None and not found.fault and found.duration_s == pytest.approx(HELD_S + 2)
    assert (
        "lasts 62.00 s; expected 60 s or less" in read_recording(str(path), toys.RATE, longest_s=60.0, pin=False).fault
    )


def test_results_come_in_order_and_no_more_are_made_than_may_wait():
    running, most, lock = set(), [0], threading.Lock()

    def work(number: int) -> int:
        with lock:
            running.add(number)
            most[0] = max(most[0], len(running))
        time.sleep(0.002 * (number % 3))
        return number

    taken = []
    for number in Ahead(3, count=4).map(work, range(40)):
        running.discard(number)
        taken.append(number)
    assert taken == list(range(40)) and most[0] <= 6


def test_what_goes_wrong_is_raised_in_its_place_and_waiting_is_measured():
    ahead, taken = Ahead(1, count=2), []

    def work(number: int) -> int:
        time.sleep(0.02)
        if number == 2:
            raise KeyError("two")
        return number

    results = ahead.map(work, range(5))
    taken += [next(results), next(results)]
    with pytest.raises(KeyError, match="two"):
        next(results)
    assert taken == [0, 1] and 0.02 < ahead.waited_s < 10
