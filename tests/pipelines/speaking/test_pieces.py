"""Pieces of speech."""

import numpy as np

from pipelines.speaking.pieces import Piece, limited


def test_audio_is_limited_sample_by_sample():
    """So that streamed pieces are still the whole."""
    audio = np.array([0.5, 1.004, -1.2, -1.0], np.float32)
    codes = np.zeros((8, 1), np.int64)
    pieces = [Piece(audio[:2], codes, confidences=[0.5]), Piece(audio[2:], codes)]
    found = list(limited(pieces))
    assert np.concatenate([piece.audio for piece in found]).tolist() == [0.5, 1.0, -1.0, -1.0]
    assert found[0].confidences == [0.5] and found[0].audio.dtype == np.float32
