"""The decoding step as CUDA graphs: one for each length of the cache, replayed with a single launch a step."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from speechllm.inference.rows import CACHE_BLOCK
from speechllm.inference.step import Stepper

WARMUP_STEPS = 3  # before capture, so that libraries have chosen their kernels and workspaces


def length_buckets(total: int) -> list[int]:
    """Cache positions that a step is made for, up to `total`: each twice the one before, so that few are read for none.

    A step reads all keys and values it is made for, whether a row has so many or not.
    """
    found, bucket = [], CACHE_BLOCK
    while bucket < total:
        found.append(bucket)
        bucket *= 2
    return [*found, total]


class CapturedSteps:
    """Steps over all rows of a GPU engine, captured with sampling; calling it advances every row by a step.

    Rows without a request step along: their results are ignored, and admission sets all of their state.

    Args:
        device: of the model. Graphs are captured and replayed there, whichever device is the current one.
        make: a step over so many cache positions.
        buckets: those numbers, rising.
    """

    def __init__(self, device: torch.device, make: Callable[[int], Stepper], buckets: Sequence[int]):
        self.device = device
        self.graphs: dict[int, tuple[Stepper, Any]] = {}  # a step is kept alive, as it holds what its graph uses
        with torch.cuda.device(device):
            stream, pool = torch.cuda.Stream(), None
            for bucket in reversed(buckets):  # the largest first: the others find room in its memory
                stepper = make(bucket)
                stream.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(stream):
                    for _ in range(WARMUP_STEPS):
                        stepper()
                torch.cuda.current_stream().wait_stream(stream)
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, pool=pool, stream=stream):
                    stepper()
                pool = pool or graph.pool()
                self.graphs[bucket] = stepper, graph

    def __call__(self, total: int) -> None:
        """Step, reading no fewer than `total` cache positions."""
        bucket = min(bucket for bucket in self.graphs if bucket >= total)
        with torch.cuda.device(self.device):
            self.graphs[bucket][1].replay()
