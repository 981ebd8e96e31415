"""From pieces of speech to pieces of an answer, on the engine's threads, so that the event loop never computes.

Shapes: N samples, K codebooks, T codec frames.
"""

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

    def add(self, pieces: Iterable[Piece]) -> Iterator[Encoded]:
        """Some more of the speech."""
        for piece in pieces:
            self.samples += len(piece.audio)
            if self.samples > self.most:
                longest = self.most / self.spoken
                raise ApiError(400, f"the speech is longer than {longest:g} s; send the text in parts", "input")
            yield Encoded(**vars(piece), data=self.encoder.push(self.resample(piece.audio)))

    def end(self) -> Iterator[Encoded]:
        """The rest of the bytes."""
        nothing = np.empty(0, np.float32)
        data = self.encoder.push(self.resample(nothing, last=True)) + self.encoder.flush()
        yield Encoded(nothing, np.empty((0, 0), np.int64), data=data)

    def whole(self, pieces: Iterable[Piece]) -> Iterator[Encoded]:
        """All of an answer; the encoder is closed whatever happens."""
        try:
            yield from self.add(pieces)
            yield from self.end()
        finally:
            self.encoder.close()
