"""Requests to the engine, and what comes of them. Shapes: S text tokens, Q positions of a prefix, K codebooks."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from speechllm.config import LMConfig, SamplingConfig

FRAMES_AT_LEAST = 64  # frames any text may have
SLOWEST_RATE = 21.533203125  # Hz; limits in frames are meant at this rate and grow with a faster one
STUCK_S = 2.0  # a voice without a reader that hardly changes so long is over


class Frame(NamedTuple):
    """One generated codec frame."""

    codes: Tensor  # int64 [K]
    position: int  # token it speaks; 0 without a reader
    confidence: float  # probability the reader gave to that token, or the model to a digit of the frame, in [0, 1]


class Made(NamedTuple):
    """What a step did for one of several requests."""

    ticket: int  # what submit() returned
    frame: Frame | None  # None if all that the step found is that the frame before was the last
    last: bool  # the request is over


@dataclass(eq=False)
class Request:
    """A text to speak, and what the host must know of it while it is spoken."""

    ticket: int
    ids: Tensor  # int64 [S]
    prefix: Tensor | None  # [Q, D]
    sampling: SamplingConfig
    generator: torch.Generator
    limit: int  # steps there may be
    leader: "Request | None" = None  # whose frames this row reads without the text, for guidance
    steps: int = 0
    same: int = 0  # frames in a row that hardly differ
    previous: Tensor | None = None  # codes int64 [K]

    @property
    def length(self) -> int:
        """Positions before the first frame."""
        return len(self.ids) + (0 if self.prefix is None else len(self.prefix))

    @property
    def total(self) -> int:
        """Cache positions in use after the next step."""
        return self.length + self.steps + 1

    def watch(self, codes: Tensor) -> int:
        """How many frames, with this one int64 [K], have changed no more than one code in eight from the one before."""
        previous, self.previous = self.previous, codes
        changed = len(codes) if previous is None else int((codes != previous).sum())
        self.same = 0 if changed > len(codes) // 8 else self.same + 1
        return self.same


def frame_limit(config: LMConfig, tokens: int) -> int:
    """Frames that a text of so many tokens may have: several times what any speaker takes."""
    faster = max(1.0, config.codes.frame_rate / SLOWEST_RATE)
    return min(config.max_frames, round((FRAMES_AT_LEAST + 12 * tokens) * faster))
