"""Frames on their way into the transformer and, within a step, from one to the next.

Shapes: B batch, T frames (steps), P digits of a frame (step), D width.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechllm.digits import digits_to_values


class DigitValues(nn.Sequential):
    """Digits int64 [B, T, P] -> [B, T, D]: each as its value in [-1, 1], then an MLP.

    Args:
        levels: of one codebook.
        num_codebooks: of a step.
        dim: D.
    """

    def __init__(self, levels: tuple[int, ...], num_codebooks: int, dim: int):
        super().__init__(nn.Linear(num_codebooks * len(levels), 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.levels = levels

    def forward(self, digits: Tensor, keep: Tensor | None = None) -> Tensor:
        """Frames with keep, bool [B, T], False have all values at 0."""
        values = digits_to_values(digits, self.levels)
        x: Tensor = super().forward(values if keep is None else values * keep[..., None])
        return x


class DigitTables(nn.Module):
    """Digits int64 [B, T, P] -> [B, T, D]: each looked up in a table of its own, then an MLP and a norm.

    Args:
        levels: of all P digits.
        width: channels of a table.
        dim: D.
    """

    offsets: Tensor

    def __init__(self, levels: tuple[int, ...], width: int, dim: int):
        super().__init__()
        self.levels = levels
        self.tables = nn.Embedding(sum(levels), width)  # one after the other
        self.hidden = nn.Linear(len(levels) * width, dim)
        self.output = nn.Linear(dim, dim)
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer("offsets", self.starts(), persistent=False)

    def starts(self) -> Tensor:
        """Where each digit's table begins, int64 [P]; also of a meta model."""
        return torch.tensor([sum(self.levels[:i]) for i in range(len(self.levels))], device="cpu")

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "DigitTables":
        super()._apply(fn, recurse)
        self.offsets.copy_(self.starts())  # constants, which `to_empty` would leave unset
        return self

    def forward(self, digits: Tensor, keep: Tensor | None = None) -> Tensor:
        """Frames with keep, bool [B, T], False are 0."""
        x = self.output(F.gelu(self.hidden(self.tables(digits + self.offsets).flatten(-2))))
        x = F.layer_norm(x, x.shape[-1:]) * self.scale
        return x if keep is None else x * keep[..., None]


class LocalHead(nn.Module):
    """From the state of a frame to that of the next in the same step, once the frame is known. [..., D] -> [..., D]."""

    def __init__(self, dim: int, num_digits: int):
        super().__init__()
        self.input = nn.Linear(dim + num_digits, 2 * dim)
        self.output = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        """States [..., D] and the frames' values [..., P of one frame]."""
        return x + self.output(F.gelu(self.input(torch.cat([x, values], dim=-1))))
