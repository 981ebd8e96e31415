"""Finite scalar quantisation (FSQ), grouped: every codebook is a small vector of ordinal digits.

Shapes: B batch, K codebooks (groups), d digits per codebook, T frames; a latent has D = K * d channels,
codebook k owning channels k*d .. k*d + d - 1.

Source: FSQ, arXiv 2309.15505; grouping and constants as in the low-frame-rate speech codec,
arXiv 2409.12117 (levels 8, 7, 6, 6 give 2016 codes per codebook).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from codec.precision import Constants

# Shrinks the bounded range a little, so that tanh saturation never rounds past the outermost level.
EPSILON = 1e-3
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)  # that codes may be held in


class GroupedFSQ(Constants):
    """K independent FSQ codebooks over one latent. No parameters; always computes in float32.

    Args:
        num_codebooks: K.
        levels: number of values of each digit, least significant first.
    """

    scale: Tensor
    offset: Tensor
    shift: Tensor
    half_level: Tensor
    level: Tensor
    bases: Tensor

    def __init__(self, num_codebooks: int, levels: Sequence[int]):
        super().__init__()
        if num_codebooks < 1 or not levels or min(levels) < 2:
            raise ValueError(f"got num_codebooks={num_codebooks}, levels={list(levels)}; need K >= 1 and levels >= 2")
        self.num_codebooks = num_codebooks
        self.levels = tuple(levels)
        self.register_constants()

    def constants(self) -> dict[str, Tensor]:
        """See Constants. All are shaped [D, 1] or [d, 1], to broadcast over [B, D, T]."""
        level = torch.tensor(self.levels * self.num_codebooks, device="cpu")
        bases = [1]
        for count in self.levels[:-1]:
            bases.append(bases[-1] * count)
        scale = (level - 1).float() / 2 * (1 - EPSILON)
        offset = torch.where(level % 2 == 0, 0.5, 0.0).float()
        return {
            "scale": scale[:, None],
            "offset": offset[:, None],
            "shift": torch.tan(offset / scale)[:, None],
            "half_level": (level // 2)[:, None],
            "level": level[:, None],
            "bases": torch.tensor(bases, device="cpu")[:, None],
        }

    @property
    def dim(self) -> int:
        """Latent channels D."""
        return self.num_codebooks * len(self.levels)

    @property
    def codebook_size(self) -> int:
        """Codes per codebook, the product of the levels."""
        size = 1
        for level in self.levels:
            size *= level
        return size

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise with a straight-through gradient.

        Args:
            latents: float [B, D, T], any range.

        Returns:
            values float32 [B, D, T] in [-1, 1], and codes int64 [B, K, T] in [0, codebook_size).
        """
        bounded = self.bound(latents)
        # Rounding has zero gradient; the identity's is used in its place.
        rounded = bounded + (torch.round(bounded) - bounded).detach()
        digits = torch.round(bounded).long() + self.half_level
        return rounded / self.half_level, self.digits_to_codes(digits)

    def bound(self, latents: Tensor) -> Tensor:
        """Latents float [B, D, T] within the range of their levels, float32; rounded, they are digits - half_level."""
        return self.scale * self.squash(latents) - self.offset

    def squash(self, latents: Tensor) -> Tensor:
        """Latents float [B, D, T] -> float32 in (-1, 1), which the levels divide evenly."""
        return torch.tanh(latents.float() + self.shift)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 [B, K, T] -> values float32 [B, D, T] in [-1, 1]."""
        return (self.codes_to_digits(codes) - self.half_level).float() / self.half_level

    def digits_to_codes(self, digits: Tensor) -> Tensor:
        """Digits int64 [B, D, T] -> codes int64 [B, K, T]; the first digit is the least significant."""
        return (digits.unflatten(1, (self.num_codebooks, -1)) * self.bases).sum(dim=2)

    def codes_to_digits(self, codes: Tensor) -> Tensor:
        """Codes int64 [B, K, T] -> digits int64 [B, D, T], digit i in [0, levels[i]).

        Raises:
            ValueError: as `check`.
        """
        self.check(codes)
        digits = codes.long().unsqueeze(2) // self.bases  # [B, K, d, T]; floor division, never true division
        return digits.flatten(1, 2) % self.level

    def check(self, codes: Tensor, frames: Tensor | None = None) -> None:
        """Refuse what are no codes of this quantiser, and items of more `frames` int [B] than there are.

        Raises:
            ValueError: codes that are no integers, of the wrong shape or out of range, impossible frames.
        """
        for name, given in (("codes", codes), ("frames", frames)):
            if given is not None and given.dtype not in INTEGERS:
                raise ValueError(f"got {name} of type {given.dtype}; expected integers, torch.int64")
        if codes.dim() != 3 or codes.shape[1] != self.num_codebooks:
            raise ValueError(f"got codes of shape {tuple(codes.shape)}; expected [B, {self.num_codebooks}, T]")
        if codes.numel() and (codes.min() < 0 or codes.max() >= self.codebook_size):
            raise ValueError(
                f"got codes in {int(codes.min())}..{int(codes.max())}; expected 0..{self.codebook_size - 1}"
            )
        batch, _, total = codes.shape
        if frames is not None and (frames.shape != (batch,) or bool(((frames < 0) | (frames > total)).any())):
            raise ValueError(f"got frames {frames.tolist()}; expected {batch} numbers in 0..{total}")
