"""Signals that arrive in pieces, cut into blocks of a fixed grid: the twin of codec/dsp/blocks.py.

Shapes: n the length of a piece, block or window along time, the first axis.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """A block and what lies beside it."""

    values: np.ndarray  # [before + n + after, ...]
    before: int
    after: int
    last: bool  # whether the signal ends with this block

    def inner(self, values: np.ndarray) -> np.ndarray:
        """The block's own part of what was computed from the window, [before + n + after, ...] -> [n, ...]."""
        return values[self.before : len(values) - self.after]


def regroup(pieces: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """A signal in pieces [n, ...] of any lengths -> the same in blocks [size, ...]; the last may be shorter."""
    held: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count > size:
            joined, whole = np.concatenate(held), (count - 1) // size * size
            for start in range(0, whole, size):
                yield joined[start : start + size]
            held, count = [joined[whole:].copy()], count - whole
    if count:
        yield np.concatenate(held)


def windows(blocks: Iterable[np.ndarray], margin: int) -> Iterator[Window]:
    """Blocks [n, ...] with `margin` of their neighbours on each side, or with what there is at both ends.

    All blocks but the last are at least `margin` long. A block comes out once the next is there.
    """
    before: np.ndarray | None = None
    for block, following in itertools.pairwise(itertools.chain(blocks, [None])):
        assert block is not None
        left = block[:0] if before is None else before
        right = block[:0] if following is None else following[:margin]
        yield Window(np.concatenate([left, block, right]), len(left), len(right), following is None)
        before = block[len(block) - margin :]


def padded_frames(audio: np.ndarray, width: int, hop: int) -> np.ndarray:
    """Audio [N] -> frames [N // hop, width] around the middles of its hops, zeros beyond both ends; a view."""
    pad = (width - hop) // 2
    padded = np.pad(audio, (pad, width - hop - pad))
    return np.lib.stride_tricks.sliding_window_view(padded, width)[::hop]
