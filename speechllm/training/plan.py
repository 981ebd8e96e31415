"""The global plan of batches: which utterances make batch n of a training, whoever asks, however many train together.

It follows from the utterances' lengths, a seed and a budget alone, so a run that goes on needs no more than the number
of batches it has used, and several processes deal the batches of a step among themselves without talking.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]


class BatchPlan:
    """Batches of utterances; every pass over them has its own order.

    Args:
        lengths: positions of each utterance, text and frames.
        tokens: positions of a batch at most, but for an utterance that is longer by itself.
        seed: of the order.
        packed: whether utterances stand one after the other, so that their lengths add up and may be mixed; else they
            are padded to the longest, and those of one length go together.
    """

    def __init__(self, lengths: Numbers, tokens: int, seed: int, packed: bool = False):
        self.seed, count = seed, len(lengths)
        self.order: NDArray[np.integer[Any]]
        if packed:
            self.order = np.random.default_rng((seed, count)).permutation(count)
        else:
            self.order = np.argsort(lengths, kind="stable")
        if count < 2**31:
            self.order = self.order.astype(np.int32)  # half the memory
        self.starts = np.asarray(cuts(np.asarray(lengths)[self.order], tokens, packed))
        self.shuffled: tuple[int, Numbers] | None = None  # of the pass that was asked for last

    def __len__(self) -> int:
        """Batches of a pass."""
        return len(self.starts) - 1

    def find(self, number: int) -> tuple[int, Numbers]:
        """The pass that batch `number` of the whole training belongs to, from 0, and its utterances."""
        epoch, place = divmod(number, len(self))
        if self.shuffled is None or self.shuffled[0] != epoch:
            self.shuffled = epoch, np.random.default_rng((self.seed, epoch)).permutation(len(self))
        batch = self.shuffled[1][place]
        return epoch, self.order[self.starts[batch] : self.starts[batch + 1]].astype(np.int64)


def cuts(lengths: Numbers, tokens: int, packed: bool) -> list[int]:
    """Where batches of ordered utterances begin, and where the last one ends."""
    starts, begin, least = [0], 0, int(lengths.min(initial=tokens))
    while begin < len(lengths):
        shortest = max(1, least if packed else int(lengths[begin]))
        nearby = lengths[begin : begin + max(1, tokens // shortest) + 1]
        sizes = np.cumsum(nearby) if packed else np.arange(1, len(nearby) + 1) * nearby
        begin += max(1, int(np.searchsorted(sizes, tokens, side="right")))
        starts.append(begin)
    return starts


def rounds(per_step: int, world_size: int) -> int:
    """Batches of a step that each of so many processes does, one after the other."""
    return -(-per_step // world_size)


def deal(steps: int, per_step: int, rank: int, world_size: int) -> Iterator[int]:
    """The batches of one process, as many as of every other; ~n stands for batch n, counted nothing.

    Args:
        steps: updates of the weights.
        per_step: batches of each, in the order of the plan.
        rank: number of the process.
        world_size: how many there are.
    """
    for first in range(0, steps * per_step, per_step):
        for place in range(rank, rounds(per_step, world_size) * world_size, world_size):
            yield first + place if place < per_step else ~first
