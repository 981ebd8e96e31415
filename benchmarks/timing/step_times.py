"""Seconds a decoding step of several loops around one model, in turns, so that a noisy machine hurts all alike."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing.stopwatch import synchronize

WARM_STEPS = 4
CHECKED = 6  # frames that must be the same
CHECKED_TEMPERATURE, TIMED_TEMPERATURE = 0.0, 0.3
EXACT = "transformers, float32, eager"


class StepLoop(Protocol):
    """Whatever decodes one request step by step."""

    def begin(self, temperature: float) -> None:
        """Read the text."""
        ...

    def step(self) -> Tensor:
        """Codes of the next frame, int64 [K]."""
        ...


def compare_steps(loops: Mapping[str, StepLoop], steps: int, device: str, frame_rate: float) -> dict[str, Any]:
    """What each loop takes for a step, by its name.

    Args:
        loops: EXACT and others; each can make frames_needed(steps) frames.
        steps: that are counted.
        device: cpu or cuda.
        frame_rate: frames a second, for the real-time factor.
    """
    codes = {name: first_codes(loop) for name, loop in loops.items()}
    times = time_steps(loops, steps, device)
    base = {dtype: np.median(times[f"transformers, {dtype}, sdpa"]) for dtype in ("float32", "bfloat16")}
    rows = {}
    for name, found in times.items():
        median = float(np.median(found))
        rows[name] = {
            "step_ms": 1000 * median,
            "p90_ms": 1000 * float(np.percentile(found, 90)),
            "real_time_factor": median * frame_rate,
            **{f"vs_transformers_{dtype}": float(base[dtype] / median) for dtype in base},
            "same_codes": float((codes[name] == codes[EXACT]).float().mean()),
        }
    return rows


def frames_needed(steps: int) -> int:
    """Frames that a loop must be able to make."""
    return max(WARM_STEPS + steps, CHECKED)


def first_codes(loop: StepLoop) -> Tensor:
    """The surest first frames of a loop, int64 [CHECKED, K]."""
    loop.begin(CHECKED_TEMPERATURE)
    return torch.stack([loop.step() for _ in range(CHECKED)])


def time_steps(loops: Mapping[str, StepLoop], steps: int, device: str) -> dict[str, list[float]]:
    """Seconds of each step that is counted."""
    for loop in loops.values():
        loop.begin(TIMED_TEMPERATURE)
    times: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(WARM_STEPS + steps):
        for name, loop in loops.items():
            begin = time.perf_counter()
            loop.step()
            synchronize(device)
            if number >= WARM_STEPS:
                times[name].append(time.perf_counter() - begin)
    return times
