"""A voice that waits where another computes: how pieces are scheduled, whatever else the machine does."""

import time
from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.speaking.pieces import Piece
from pipelines.speaking.synthesis import TTS


class Replay:
    """Pieces as long as those of a voice, each after the time that it took on the processor, slowed down or sped up.

    Args:
        tts: with one thread, warm.
        texts: spoken once.
        speed: seconds of audio that all threads together make in a second.
        threads: that will speak.
    """

    def __init__(self, tts: TTS, texts: Sequence[str], speed: float, threads: int):
        self.sample_rate = tts.sample_rate
        self.texts = [recorded(tts, text) for text in texts]
        audio_s, cost_s = (sum(piece[i] for text in self.texts for piece in text) for i in (0, 1))
        self.scale = threads * audio_s / (speed * cost_s)

    def pieces(self, _chunks: Sequence[str], seed: int) -> Iterator[Piece]:
        """One of the texts."""
        for audio_s, cost_s in self.texts[seed % len(self.texts)]:
            time.sleep(cost_s * self.scale)
            yield Piece(np.zeros(round(audio_s * self.sample_rate), np.float32), np.empty((0, 0), np.int64))


def recorded(tts: TTS, text: str) -> list[tuple[float, float]]:
    """Length of each piece of a text, and what it took of this thread, seconds."""
    found: list[tuple[float, float]] = []
    pieces = tts.pieces([text], 0)
    while True:
        begin_s = time.thread_time()
        piece = next(pieces, None)
        if piece is None:
            return found
        found.append((len(piece.audio) / tts.sample_rate, time.thread_time() - begin_s))
