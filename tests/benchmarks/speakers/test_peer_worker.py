import numpy as np

from benchmarks.speakers.peer_worker import timed


def test_first_audio_is_that_of_the_first_piece():
    audio, first_s, total_s = timed(lambda text: iter([np.ones(3), np.zeros(2)]), "text")
    assert audio.tolist() == [1, 1, 1, 0, 0] and 0 < first_s <= total_s
