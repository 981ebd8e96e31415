"""What speaking gives: pieces as they become certain, the speech they join to, and when each word is heard.

Shapes: N audio samples, K codebooks, T codec frames.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from speechllm.text.frontend import FrontendOutput


class WordTime(NamedTuple):
    """A spoken word and when it is heard, seconds from the beginning."""

    text: str
    start_s: float
    end_s: float


class WordStart(NamedTuple):
    """A word whose end nobody knows yet, and when it begins to be heard, seconds from the beginning."""

    text: str
    start_s: float


@dataclass(frozen=True)
class Piece:
    """What has become certain since the piece before; the pieces joined are the speech."""

    audio: np.ndarray  # float32 [N]
    codes: np.ndarray  # int64 [K, T], the frames that were rendered
    words: list[WordTime] = field(default_factory=list)  # that have ended; with the last piece of a sentence all others
    speaking: WordStart | None = None  # the word behind them, if it has begun
    begun: FrontendOutput | None = None  # the sentence, on its first piece
    confidences: list[float] = field(default_factory=list)  # of the sentence's frames, on its last piece
    positions: list[int] = field(default_factory=list)  # token of each of the sentence's frames, on its last piece
    times_s: np.ndarray | None = None  # when each of the sentence's frames is heard, float64 [T], on its last piece
    sentence: FrontendOutput | None = None  # on its last piece

    def later(self, by_s: float) -> "Piece":
        """The same behind other speech: its words are heard later."""
        words = [WordTime(text, start_s + by_s, end_s + by_s) for text, start_s, end_s in self.words]
        speaking = self.speaking and WordStart(self.speaking.text, self.speaking.start_s + by_s)
        return replace(self, words=words, speaking=speaking)


@dataclass(frozen=True)
class Speech:
    """A text spoken."""

    audio: np.ndarray  # float32 [N] in [-1, 1]
    sample_rate: int  # Hz
    codes: np.ndarray  # int64 [K, T]
    words: list[WordTime]
    confidence: float  # mean probability of the reader's moves, in [0, 1]; low where words may have been misread
    positions: list[list[int]]  # for each sentence, the token each frame speaks
    sentences: list[FrontendOutput]
    times_s: list[np.ndarray]  # for each sentence, when each frame is heard, seconds from the beginning

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.audio) / self.sample_rate


def limited(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same with audio in [-1, 1]: now and then a loud vowel goes beyond by some per cent."""
    for piece in pieces:
        yield replace(piece, audio=np.clip(piece.audio, -1, 1))


def join(pieces: list[Piece], sample_rate: int) -> Speech:
    """Pieces -> Speech."""
    ends = [piece for piece in pieces if piece.sentence is not None]
    confidences = [c for piece in ends for c in piece.confidences]
    return Speech(
        np.concatenate([piece.audio for piece in pieces]),
        sample_rate,
        np.concatenate([piece.codes for piece in pieces], axis=1),
        [word for piece in pieces for word in piece.words],
        float(np.mean(confidences)),
        [piece.positions for piece in ends],
        [piece.sentence for piece in ends if piece.sentence is not None],
        [piece.times_s for piece in ends if piece.times_s is not None],
    )
