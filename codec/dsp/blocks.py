"""Signals that arrive in pieces, cut into blocks of a fixed grid, so that how they arrived makes no difference.

Shapes: B batch, n the length of a piece, block or window along time, the second axis.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor


class Window(NamedTuple):
    """A block and what lies beside it."""

    values: Tensor  # [B, before + n + after, ...]
    before: int
    after: int
    last: bool  # whether the signal ends with this block

    def inner(self, values: Tensor) -> Tensor:
        """The block's own part of what was computed from the window, [B, before + n + after, ...] -> [B, n, ...]."""
        return values[:, self.before : values.shape[1] - self.after]


def regroup(pieces: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """A signal in pieces [B, n, ...] of any lengths -> the same in blocks [B, size, ...]; the last may be shorter."""
    held: list[Tensor] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += piece.shape[1]
        if count > size:
            *whole, rest = torch.cat(held, dim=1).split(size, dim=1)
            yield from whole
            held, count = [rest], rest.shape[1]
    if count:
        yield torch.cat(held, dim=1)


def windows(blocks: Iterable[Tensor], margin: int) -> Iterator[Window]:
    """Blocks [B, n, ...] with `margin` of their neighbours on each side, or with what there is at both ends.

    All blocks but the last are at least `margin` long. A block comes out once the next is there.
    """
    before: Tensor | None = None
    for block, following in itertools.pairwise(itertools.chain(blocks, [None])):
        assert block is not None
        left = block[:, :0] if before is None else before
        right = block[:, :0] if following is None else following[:, :margin]
        yield Window(torch.cat([left, block, right], dim=1), left.shape[1], right.shape[1], following is None)
        before = block[:, block.shape[1] - margin :]
