"""What speaking gives: pieces as they become certain, the speech they join to, and when each word is heard.

Shapes: N audio samples, K codebooks, T codec frames.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from speechllm.text.frontend import FrontendOutput


class WordTime(NamedTuple):
    """A spoken word and when it is heard, seconds from the beginning."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Piece:
    """What has become certain since the piece before; the pieces joined are the speech."""

    audio: np.ndarray  # float32 [N]
    codes: np.ndarray  # int64 [K, T], the frames of this audio
    words: list[WordTime] = field(default_factory=list)  # of the sentence, on its last piece
    confidences: list[float] = field(default_factory=list)  # of the sentence's frames, on its last piece
    positions: list[int] = field(default_factory=list)  # token of each of the sentence's frames, on its last piece
    sentence: FrontendOutput | None = None  # on its last piece


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

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.audio) / self.sample_rate


def word_times(prepared: FrontendOutput, positions: list[int], start_s: float, frame_rate: float) -> list[WordTime]:
    """When each word is read. `start_s` is the beginning of the sentence.

    A word lasts from the first frame that reads one of its tokens to the last; a word so short that the reader passed
    it within a frame gets that frame.
    """
    times = []
    for word in prepared.words:
        reading = [t for t, position in enumerate(positions) if word.start_token <= position < word.end_token]
        if reading:
            first, last = reading[0], reading[-1] + 1
        else:
            first = next((t for t, position in enumerate(positions) if position >= word.end_token), len(positions) - 1)
            last = first + 1
        times.append(WordTime(word.text, round(start_s + first / frame_rate, 3), round(start_s + last / frame_rate, 3)))
    return times


def join(pieces: list[Piece], sample_rate: int) -> Speech:
    """Pieces -> Speech."""
    ends = [piece for piece in pieces if piece.sentence is not None]
    confidences = [c for piece in ends for c in piece.confidences]
    return Speech(
        np.concatenate([piece.audio for piece in pieces]),
        sample_rate,
        np.concatenate([piece.codes for piece in pieces], axis=1),
        [word for piece in ends for word in piece.words],
        float(np.mean(confidences)),
        [piece.positions for piece in ends],
        [piece.sentence for piece in ends if piece.sentence is not None],
    )
