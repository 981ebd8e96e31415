import numpy as np

import toys
from benchmarks.judges.stoi import stoi

RATE = 22_050


def test_the_same_is_perfect():
    speech = toys.utterance(0, 3.0)
    assert np.allclose(stoi(speech, speech, RATE), 1, atol=1e-3)


def test_too_short_for_stoi():
    assert np.isnan(stoi(np.ones(100), np.ones(100), RATE)).all()
