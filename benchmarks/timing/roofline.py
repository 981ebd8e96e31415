"""What a decoding step takes at best on this machine, and what it takes.

At best it reads its weights and caches at the bandwidth that a plain copy reaches, and starts its operations in turn,
each as long as adding two numbers takes. On a GPU a captured step starts nothing.
"""

from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.timing.clocks import Clock
from benchmarks.timing.stopwatch import synchronize
from speechllm import Prompt, SamplingConfig
from speechllm.inference.engine import Engine
from speechllm.inference.rows import CACHE_BLOCK

COPY_BYTES = {"cpu": 64 * 2**20, "cuda": 2**30}  # larger than a processor's caches, so that memory is measured
COPIES = 8
WARM_STEPS = 3
ENDLESS = 10**6  # frames


def roofline(engine: Engine, tokens: int, steps: int, bandwidth: float, clock: Clock) -> dict[str, float]:
    """Bytes that a step must move, the seconds that takes at best, and the seconds it took.

    Args:
        engine: of as many slots as the step is to have rows.
        tokens: of text before the step.
        steps: that are timed.
        bandwidth: bytes a second, of `copy_bandwidth`.
        clock: of the seconds.
    """
    for row in range(engine.slots):
        sampling = SamplingConfig(seed=row, min_frames=ENDLESS, trailing_frames=ENDLESS)
        engine.submit(Prompt(torch.arange(tokens) % engine.config.vocab_size), sampling)
    step_s, weights = step_time(engine, steps, clock), engine.lm.bytes_per_step
    cache = cache_bytes(engine, tokens + WARM_STEPS + steps // 2)
    started = operations(engine)
    bandwidth_s = (weights + cache) / bandwidth
    limit_s = bandwidth_s + started * (dispatch_time(clock) if started else 0)
    return {
        "rows": engine.slots,
        "weight_bytes": weights,
        "cache_bytes": cache,
        "bandwidth_s": bandwidth_s,
        "operations": started,
        "limit_s": limit_s,
        "step_s": step_s,
        "share": limit_s / step_s,
    }


def cache_bytes(engine: Engine, positions: int) -> int:
    """Keys and values of so many positions, in whole blocks as a step reads them."""
    config, positions = engine.config, -(-positions // CACHE_BLOCK) * CACHE_BLOCK
    numbers = 2 * config.num_layers * config.kv_heads * config.head_width * engine.slots * positions
    return numbers * engine.rows.keys.element_size()


def copy_bandwidth(device: str, clock: Clock, size: int | None = None) -> float:
    """Bytes read and written a second by a copy of `size` bytes, the best of several; None = COPY_BYTES."""
    size = size or COPY_BYTES[torch.device(device).type]
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(COPIES):
        synchronize(device)
        begin = clock()
        target.copy_(source)
        synchronize(device)
        best = min(best, clock() - begin)
    return 2 * size / best


class CountOperations(TorchDispatchMode):
    """Counts what torch is asked to do while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return operation(*args, **(kwargs or {}))


def operations(engine: Engine) -> int:
    """Operations of the engine's last step, made once more."""
    if engine.stepper is None:
        return 0
    with CountOperations() as counter:
        engine.stepper[1]()
    return counter.count


@torch.inference_mode()
def dispatch_time(clock: Clock, count: int = 5000) -> float:
    """Seconds that an operation on next to nothing takes."""
    x, y = torch.ones(1), torch.ones(1)
    times = []
    for _ in range(5):
        begin = clock()
        for _ in range(count):
            x + y
        times.append((clock() - begin) / count)
    return min(times)


def step_time(engine: Engine, steps: int, clock: Clock) -> float:
    """Median seconds of a step, bookkeeping included."""
    for _ in range(WARM_STEPS):
        engine.step()
    times = []
    for _ in range(steps):
        begin = clock()
        engine.step()
        synchronize(engine.device.type)
        times.append(clock() - begin)
    return float(np.median(times))
