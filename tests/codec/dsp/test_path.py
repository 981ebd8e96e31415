"""The path through candidates: in blocks the same as at once, and what waits is bounded."""

import pytest
import torch

from codec.dsp import path as path_module
from codec.dsp.path import PathSearch


def frames(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Costs and octaves [2, count, 4]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, count, 4, generator=generator), torch.rand(2, count, 4, generator=generator) * 3


def brute_force(cost: torch.Tensor, octave: torch.Tensor) -> list[int]:
    """The cheapest path of one item by trying all, cost and octave [J, C]."""
    best = min(
        torch.cartesian_prod(*[torch.arange(cost.shape[1])] * len(cost)).tolist(),
        key=lambda way: float(
            sum(cost[j, c] for j, c in enumerate(way))
            + 4 * sum(abs(octave[j, way[j]] - octave[j - 1, way[j - 1]]) for j in range(1, len(way)))
        ),
    )
    return list(best)


def test_it_is_the_cheapest_path():
    cost, octave = frames(5)
    found = PathSearch().push(cost, octave, last=True)
    assert found.tolist() == [brute_force(cost[i], octave[i]) for i in range(2)]


@pytest.mark.parametrize("sizes", [[50, 50, 50], [1] * 150, [149, 1], [3, 100, 47]])
def test_in_blocks_it_is_the_path_of_the_whole(sizes):
    cost, octave = frames(150)
    whole = PathSearch().push(cost, octave, last=True)
    search, parts = PathSearch(), []
    for i, (c, o) in enumerate(zip(cost.split(sizes, 1), octave.split(sizes, 1), strict=True)):
        parts.append(search.push(c, o, last=i == len(sizes) - 1))
    assert torch.equal(torch.cat(parts, dim=1), whole)
    if len(sizes) > 2:
        assert sum(part.shape[1] for part in parts[:-1]) > 75  # most went out before the end


def test_what_never_decides_is_decided(monkeypatch):
    monkeypatch.setattr(path_module, "MOST_WAITING", 20)
    search, given = PathSearch(), 0
    cost, octave = torch.zeros(1, 10, 2), torch.tensor([0.0, 9.0]).expand(1, 10, 2)  # two paths as good, far apart
    for _ in range(8):
        given += search.push(cost, octave, last=False).shape[1]
    assert given >= 60
    assert given + search.push(cost, octave, last=True).shape[1] == 90
