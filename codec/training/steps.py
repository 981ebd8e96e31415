"""How many batches a module has learned from: in a buffer, for checkpoints, and known to Python without a wait."""

from typing import Any

import torch
from torch import Tensor, nn


class CountsSteps(nn.Module):
    """A module with a buffer `step`, int64 []; Lightning counts the steps of every optimiser together.

    Reading the buffer waits for a GPU to finish what it was given, so it is read again only after something else than
    `count_step` has set it.
    """

    step: Tensor
    known: tuple[Tensor, int, int] | None = None  # the buffer, its version and its value when it was read

    def register_step(self) -> None:
        """Make the buffer."""
        self.register_buffer("step", torch.tensor(0))

    @property
    def steps(self) -> int:
        """Batches so far."""
        if self.known is None or self.known[0] is not self.step or self.known[1] != self.step._version:
            self.remember(int(self.step))
        assert self.known is not None
        return self.known[2]

    def count_step(self) -> None:
        """One more."""
        done = self.steps
        self.step += 1
        self.remember(done + 1)

    def remember(self, value: int) -> None:
        """The buffer holds this now."""
        self.known = self.step, self.step._version, value

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "known": None}  # a copy has a buffer of its own
