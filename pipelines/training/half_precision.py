"""Half precision on a processor that cannot multiply in it: torch does not refuse, and is tens of times slower."""

import sys
import time

import lightning
import torch

TYPES = {"bf16": torch.bfloat16, "16": torch.float16}  # by how Lightning's names of precisions begin
SIZE = 256  # rows and columns of the matrices that are tried: some milliseconds
MUCH = 2.0  # times as slow, from which on it is said


def seconds(dtype: torch.dtype) -> float:
    """Time of a product of two matrices, the better of two."""
    matrix, times = torch.ones(SIZE, SIZE, dtype=dtype), []
    for _ in range(2):
        begin = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - begin)
    return min(times)


def slower(device: torch.device, precision: str) -> str:
    """What to tell whoever trains in half precision where that is slower; empty where it is not.

    Args:
        device: that computes; GPUs are not looked at.
        precision: of lightning.Trainer, such as bf16-mixed.
    """
    dtype = next((dtype for begin, dtype in TYPES.items() if precision.startswith(begin)), None)
    if device.type != "cpu" or dtype is None:
        return ""
    times = seconds(dtype) / seconds(torch.float32)
    if times < MUCH:
        return ""
    return f"this processor multiplies {times:.0f} times slower in {precision} than in float32; better leave it out"


def fast_precision() -> str:
    """Which of Lightning's precisions this machine trains faster in, on its GPU if it has one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return "32-true" if slower(device, "bf16-mixed") else "bf16-mixed"


def tell_if_slower(trainer: lightning.Trainer) -> None:
    """Print what `slower` says of a trainer, in one process of several."""
    said = slower(trainer.strategy.root_device, str(trainer.precision)) if trainer.is_global_zero else ""
    if said:
        print(said, file=sys.stderr)
