"""Requests to the engine, and what comes of them.

Shapes: S text tokens, Q positions of a voice prefix, D width, K codebooks.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from speechllm.config import LMConfig, LMShape, SamplingConfig

FRAMES_AT_LEAST = 64  # frames any text may have
SLOWEST_RATE = 21.533203125  # Hz; limits in frames are meant at this rate and grow with a faster one
STUCK_S = 2.0  # a voice without a reader that hardly changes so long is over


@dataclass(frozen=True, eq=False)
class Prompt:
    """What is to be spoken, and in whose voice."""

    ids: Tensor  # of the text, int64 [S]
    prefix: Tensor | None = None  # of a voice, before the text, [Q, D]
    unguided: Tensor | None = None  # ids in place of the text where guidance asks what is said without it, int64 [s]

    @property
    def length(self) -> int:
        """Positions before the first frame."""
        return len(self.ids) + (0 if self.prefix is None else len(self.prefix))

    def check_length(self, positions: int) -> None:
        """Raise ValueError unless there is text, and no more than so many positions hold."""
        most = positions - (self.length - len(self.ids))
        if not 1 <= len(self.ids) <= most:
            raise ValueError(f"got {len(self.ids)} tokens; this model reads 1..{most} at once, split the text")

    def check_guidance(self, sampling: SamplingConfig, config: LMShape, slots: int) -> None:
        """Raise ValueError unless the guidance that is asked for can be given."""
        fitting = self.unguided is not None and 1 <= len(self.unguided) <= len(self.ids)
        if sampling.guidance != 1 and (config.reader_layer or not fitting or slots < 2):
            raise ValueError(
                f"got guidance={sampling.guidance}; it takes a model without a reader, ids in place of the text, no "
                "more than of it, and an engine of 2 slots; use guidance=1"
            )


class Frame(NamedTuple):
    """One generated codec frame."""

    codes: Tensor  # int64 [K]
    position: int  # token it speaks; 0 without a reader
    confidence: float  # probability the reader gave to that token, or the model to a digit of the frame, in [0, 1]


class StepResult(NamedTuple):
    """What a step did for one of several requests."""

    ticket: int  # what submit() returned
    frame: Frame | None  # None if all that the step found is that the frame before was the last
    last: bool  # the request is over


@dataclass(eq=False)
class Request:
    """A prompt, and what the host must know of it while it is spoken."""

    ticket: int
    prompt: Prompt
    sampling: SamplingConfig
    generator: torch.Generator
    max_steps: int
    conditional: "Request | None" = None  # whose frames this one reads without the text, for guidance
    steps: int = 0
    unchanged_frames: int = 0  # in a row, that hardly differ
    previous: Tensor | None = None  # codes int64 [K]

    @property
    def total(self) -> int:
        """Cache positions in use after the next step."""
        return self.prompt.length + self.steps + 1

    def count_unchanged(self, codes: Tensor) -> int:
        """How many frames, with this one int64 [K], have changed no more than one code in eight from the one before."""
        previous, self.previous = self.previous, codes
        changed = len(codes) if previous is None else int((codes != previous).sum())
        self.unchanged_frames = 0 if changed > len(codes) // 8 else self.unchanged_frames + 1
        return self.unchanged_frames


def frame_limit(config: LMConfig, tokens: int, max_frames: int = 0) -> int:
    """Frames that a text of so many tokens may have: several times what any speaker takes, unless `max_frames` says."""
    faster = max(1.0, config.codes.frame_rate / SLOWEST_RATE)
    return max_frames or min(config.max_frames, round((FRAMES_AT_LEAST + 12 * tokens) * faster))
