"""Distances between original and decoded speech."""

import numpy as np

import toys
from benchmarks.judges.codec_panel import distances

RATE = 22_050


def noisy(audio: np.ndarray, level: float) -> np.ndarray:
    return audio + (level * np.random.default_rng(0).standard_normal(len(audio))).astype(np.float32)


def test_every_distance_grows_with_the_noise():
    speech = toys.utterance(0, 3.0)
    some, more = (distances(speech, noisy(speech, level), RATE, "") for level in (0.003, 0.03))
    assert all(some[key] < more[key] for key in ("mel", "stft"))
    assert all(some[key] > more[key] for key in ("si_sdr", "stoi", "estoi"))
