"""The cheapest path through candidates of frames that arrive in blocks: the twin of codec/dsp/path.py.

Shapes: J frames of a block, C candidates of a frame.
"""

import numpy as np

from codec.dsp.constants import MOST_WAITING, OCTAVES_PER_FRAME_COST


class PathSearch:
    """A path costs what its candidates cost, and a price on the jumps between them, in octaves."""

    def __init__(self) -> None:
        self.total: np.ndarray | None = None  # cost of the best path to each candidate of the newest frame [C]
        self.octave: np.ndarray | None = None  # of these candidates [1, C]
        # Of all waiting frames but the oldest: the candidate before each of theirs, [C].
        self.origins: list[np.ndarray] = []

    def push(self, cost: np.ndarray, octave: np.ndarray, last: bool) -> np.ndarray:
        """Add frames, at least one, by cost and octave of their candidates [J, C].

        Returns:
            index of the path's candidate in the oldest waiting frames, int64 [n]; in all of them if these are the last.
        """
        if self.total is None or self.octave is None:
            self.total, cost = cost[0], cost[1:]
        else:
            self.total, octave = self.total - self.total.min(), np.concatenate([self.octave, octave])
        jumps = OCTAVES_PER_FRAME_COST * np.abs(octave[1:, :, None] - octave[:-1, None])  # [J, to, from]
        column = np.arange(cost.shape[1])
        for jump, own in zip(jumps, cost, strict=True):
            paths = jump + self.total
            origin = paths.argmin(axis=1)
            self.total = paths[column, origin] + own
            self.origins.append(origin)
        self.octave = octave[-1:]
        return self.take(last)

    def take(self, last: bool) -> np.ndarray:
        """The path int64 [n] in the frames that need not wait longer."""
        assert self.total is not None
        best = int(self.total.argmin())
        if last:
            ends = {best}
        elif len(self.origins) < MOST_WAITING:
            ends = set(range(len(self.total)))
        else:  # of the paths that wait, only the best stays
            ends = {best}
            self.total = np.where(np.arange(len(self.total)) == best, self.total, np.inf).astype(self.total.dtype)
        trail = [best] if last else []
        for origin in reversed(self.origins):
            ends = {int(origin[end]) for end in ends}
            if len(ends) == 1:
                trail += ends
        self.origins = self.origins[len(trail) :]
        return np.array(trail[::-1], np.int64)
