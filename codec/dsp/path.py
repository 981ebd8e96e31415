"""The cheapest path through candidates of frames that arrive in blocks: a Viterbi search.

Shapes: B batch, J frames of a block, C candidates of a frame.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.dsp.constants import MOST_WAITING, OCTAVES_PER_FRAME_COST


class PathSearch:
    """A path costs what its candidates cost, and a price on the jumps between them, in octaves.

    The best paths to each candidate of the newest frame, followed back, soon become one. What lies before belongs to
    the cheapest path of the whole, whatever comes, and goes out. Of more than MOST_WAITING frames the best path so far
    is taken: of hours of speech, noise and tones no more than 70 have waited.
    """

    def __init__(self) -> None:
        self.total: Tensor | None = None  # cost of the best path to each candidate of the newest frame [B, C]
        self.octave: Tensor | None = None  # of these candidates [B, 1, C]
        # Of all waiting frames but the oldest: the candidate before each of theirs, int64 [B, C].
        self.origins: list[Tensor] = []

    def push(self, cost: Tensor, octave: Tensor, last: bool) -> Tensor:
        """Add frames, at least one, by cost and octave of their candidates [B, J, C].

        Returns:
            index of the path's candidate in the oldest waiting frames, int64 [B, n]; in all of them if these are the
            last.
        """
        if self.total is None or self.octave is None:
            self.total, cost = cost[:, 0], cost[:, 1:]
        else:
            # In the rounding of a sum that grows for hours, candidates would become equal.
            self.total, octave = self.total - self.total.amin(1, keepdim=True), torch.cat([self.octave, octave], dim=1)
        jumps = OCTAVES_PER_FRAME_COST * (octave[:, 1:, None, :] - octave[:, :-1, :, None]).abs()  # [B, J, from, to]
        for jump, own in zip(jumps.unbind(1), cost.unbind(1), strict=True):
            best, origin = (self.total[:, :, None] + jump).min(dim=1)
            self.total = best + own
            self.origins.append(origin)
        self.octave = octave[:, -1:]
        return self.take(last)

    def take(self, last: bool) -> Tensor:
        """The path int64 [B, n] in the frames that need not wait longer."""
        assert self.total is not None
        ends = self.total.argmin(dim=1, keepdim=True)
        best = torch.zeros_like(self.total, dtype=torch.bool).scatter(1, ends, True)
        if not last and len(self.origins) < MOST_WAITING:
            ends = torch.arange(self.total.shape[1], device=ends.device).expand_as(self.total)
        elif not last:
            self.total = self.total.masked_fill(~best, torch.inf)
        trail = [ends] if last else []
        for origin in reversed(self.origins):
            ends = origin.gather(1, ends)
            if ends.shape[1] > 1 and bool((ends == ends[:, :1]).all()):
                ends = ends[:, :1]
            trail.append(ends)
        path = [one for one in reversed(trail) if one.shape[1] == 1]
        self.origins = self.origins[len(path) :]
        return torch.cat(path, dim=1) if path else ends[:, :0]


def cheapest_paths(costs: Sequence[Tensor], octaves: Sequence[Tensor]) -> list[Tensor]:
    """The cheapest paths through several signals of any lengths: what PathSearch finds for each, whole, alone.

    A step is a few operations on a few numbers, so many signals take hardly more time than one. Each number is computed
    as for one signal alone, so the paths are exactly the same.

    Args:
        costs: of the candidates of each signal, [J, C], J at least 1.
        octaves: of these candidates, [J, C].

    Returns:
        index of the path's candidate in each frame, int64 [J] of each signal.
    """
    order = sorted(range(len(costs)), key=lambda number: -len(costs[number]))
    lengths = [len(costs[number]) for number in order]
    cost, octave = (pad_together([parts[number] for number in order]) for parts in (costs, octaves))
    jumps = OCTAVES_PER_FRAME_COST * (octave[:, 1:, None, :] - octave[:, :-1, :, None]).abs()  # [B, J - 1, from, to]
    total, origins, count = cost[:, 0], [], len(order)
    for step in range(1, lengths[0]):
        while lengths[count - 1] <= step:  # the shortest are at their ends
            count -= 1
        best, origin = (total[:count, :, None] + jumps[:count, step - 1]).min(dim=1)
        total = torch.cat([best + cost[:count, step], total[count:]]) if count < len(order) else best + cost[:, step]
        origins.append(origin)
    ends = total.argmin(dim=1, keepdim=True)  # [B, 1]
    trail = [ends]
    for origin in reversed(origins):
        ends = torch.cat([origin.gather(1, ends[: len(origin)]), ends[len(origin) :]])
        trail.append(ends)
    path = torch.cat(trail[::-1], dim=1)  # of a shorter signal, its last index stands in what is beyond its end
    found = {number: path[row, : lengths[row]] for row, number in enumerate(order)}
    return [found[number] for number in range(len(order))]


def pad_together(parts: Sequence[Tensor]) -> Tensor:
    """Tensors [J, C] of any J, the longest first -> [B, J, C], zeros beyond their ends."""
    return torch.stack([F.pad(part, (0, 0, 0, len(parts[0]) - len(part))) for part in parts])
