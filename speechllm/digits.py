"""FSQ codes as digits. Shapes: B batch, T frames, K codebooks, P = K * len(levels) digits of a frame.

A code is a mixed-radix number of ordinal digits, least significant first; the LM reads and writes the digits, so it
needs neither K embedding tables nor K softmaxes over whole codebooks.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def on_device(values: Sequence[int], device: torch.device | None = None) -> Tensor:
    """A few whole numbers, int64 [n], made where they are needed: to copy them to a GPU, the host would wait for it."""
    if device is None or device.type == "cpu":
        return torch.tensor(values)
    return torch.stack([torch.full((), value, device=device) for value in values])


def bases(levels: Sequence[int], device: torch.device | None = None) -> Tensor:
    """Place value of each digit, int64 [len(levels)]."""
    values = [1]
    for level in levels[:-1]:
        values.append(values[-1] * level)
    return on_device(values, device)


def codes_to_digits(codes: Tensor, levels: Sequence[int]) -> Tensor:
    """Codes int64 [..., K] -> digits int64 [..., P]."""
    level = on_device(levels, codes.device)
    return (codes.unsqueeze(-1) // bases(levels, codes.device) % level).flatten(-2)


def digits_to_codes(digits: Tensor, levels: Sequence[int]) -> Tensor:
    """Digits int64 [..., P] -> codes int64 [..., K]."""
    return (digits.unflatten(-1, (-1, len(levels))) * bases(levels, digits.device)).sum(-1)


def digits_to_values(digits: Tensor, levels: Sequence[int]) -> Tensor:
    """Digits int64 [..., P] -> float32 [..., P] in [-1, 1], the codec's own dequantised values."""
    return center(digits, half_levels(levels, digits.shape[-1] // len(levels), digits.device))


def half_levels(levels: Sequence[int], num_codebooks: int, device: torch.device | None = None) -> Tensor:
    """The digit that stands for 0, of all digits of so many codebooks, int64 [P]."""
    return on_device([level // 2 for level in levels], device).repeat(num_codebooks)


def center(digits: Tensor, half: Tensor) -> Tensor:
    """`digits_to_values` where the half_levels [P] are at hand."""
    return (digits - half) / half
