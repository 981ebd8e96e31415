"""From pieces of speech to pieces of an answer, on the engine's threads, so that the event loop never computes.

Shapes: N samples, K codebooks, T codec frames.
"""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.serving.encoding import Encoder, Resampler
from pipelines.serving.errors import ApiError
from pipelines.speaking.pieces import Piece


@dataclass(frozen=True)
class Encoded(Piece):
    """A piece, and the bytes of the answer that have become certain with it."""

    data: bytes = b""


class Renderer:
    """The resampler and the encoder of one answer.

    Args:
        encoder: of it.
        spoken: rate of the audio that comes, Hz.
        audio_s: at most; more ends the answer with an error.
    """

    def __init__(self, encoder: Encoder, spoken: int, audio_s: float):
        self.encoder, self.spoken, self.most = encoder, spoken, round(audio_s * spoken)
        self.resample, self.samples = Resampler(spoken, encoder.rate), 0
        self.lock = threading.Lock()

    def add(self, pieces: Iterable[Piece]) -> Iterator[Encoded]:
        """Some more of the speech."""
        for piece in pieces:
            self.samples += len(piece.audio)
            if self.samples > self.most:
                longest = self.most / self.spoken
                raise ApiError(400, f"the speech is longer than {longest:g} s; send the text in parts", "input")
            yield Encoded(**vars(piece), data=self.encode(piece.audio))

    def end(self) -> Iterator[Encoded]:
        """The rest of the bytes."""
        nothing = np.empty(0, np.float32)
        yield Encoded(nothing, np.empty((0, 0), np.int64), data=self.encode(nothing, last=True))

    def encode(self, audio: np.ndarray, last: bool = False) -> bytes:
        """Float32 [N] -> the bytes that have become certain."""
        with self.lock:
            data = self.encoder.push(self.resample(audio, last))
            return data + self.encoder.flush() if last else data

    def whole(self, pieces: Iterable[Piece]) -> Iterator[Encoded]:
        """All of an answer; the encoder is closed whatever happens."""
        try:
            yield from self.add(pieces)
            yield from self.end()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the encoder, from any thread: libsndfile crashes if it is closed while another one writes."""
        with self.lock:
            self.encoder.close()
