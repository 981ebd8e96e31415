"""Requests as the engine keeps them."""

from dataclasses import dataclass, field

import torch

from speechllm.config import SamplingConfig
from speechllm.request import Prompt, UnchangedFrames


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
    unchanged_frames: UnchangedFrames = field(default_factory=UnchangedFrames)

    @property
    def total(self) -> int:
        """Cache positions in use after the next step."""
        return self.prompt.length + self.steps + 1
