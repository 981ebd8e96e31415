"""Time and peak memory of a function, on a CPU or a GPU. Runs in NeMo's environment too, and on a CPU without torch."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.timing.memory import peak_mib


class Measured(NamedTuple):
    """One call."""

    seconds: float
    cpu_seconds: float  # of all threads; what counts on a machine that does something else besides
    peak_mib: float  # of the process on a CPU, of torch's allocations on a GPU


def measure(function: Callable[[], Any], device: str) -> Measured:
    """Call a function once, the device synchronised before and after."""
    reset_peak(device)
    synchronize(device)
    begin, cpu_begin = time.perf_counter(), time.process_time()
    function()
    synchronize(device)
    return Measured(time.perf_counter() - begin, time.process_time() - cpu_begin, peak(device))


def synchronize(device: str) -> None:
    """Wait for what has been started on a GPU."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)


def synchronized(clock: Callable[[], float], device: str) -> Callable[[], float]:
    """A clock that waits for a device before it is read: what was started before is then done."""

    def read() -> float:
        synchronize(device)
        return clock()

    return read


def reset_peak(device: str) -> None:
    """Forget the peak so far; on Linux the kernel keeps that of a process."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats()
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak(device: str) -> float:
    """Peak memory since reset_peak, MiB."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    return peak_mib()
