"""Logits -> digits, one request at a time. Pure functions with an explicit random generator; no model.

Shapes: P digits of a frame, V levels of the largest digit.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DigitSampler(nn.Module):
    """Draw all digits of a frame at once (Gumbel-max over ragged levels).

    Args:
        levels: FSQ levels of one codebook.
        num_codebooks: K.
    """

    index: Tensor
    absent: Tensor

    def __init__(self, levels: Sequence[int], num_codebooks: int):
        super().__init__()
        counts = list(levels) * num_codebooks
        width, starts = max(counts), [sum(counts[:i]) for i in range(len(counts))]
        index = [[start + min(v, count - 1) for v in range(width)] for start, count in zip(starts, counts, strict=True)]
        absent = [[0.0 if v < count else float("-inf") for v in range(width)] for count in counts]
        self.register_buffer("index", torch.tensor(index), persistent=False)  # [P, V], where each level's logit is
        self.register_buffer("absent", torch.tensor(absent), persistent=False)

    def forward(self, logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        """Logits [num_logits] of one frame -> digits int64 [P]; temperature 0 takes the most likely."""
        table = logits[self.index] + self.absent  # [P, V]
        if temperature > 0:
            uniform = torch.rand(table.shape, generator=generator).clamp_(min=1e-20)
            table = table / temperature - uniform.log_().neg_().log_()
        return table.argmax(-1)


def draw(logits: Tensor, temperature: float, generator: torch.Generator) -> int:
    """One choice out of logits [W]; temperature 0 takes the most likely."""
    if temperature > 0:
        uniform = torch.rand(logits.shape, generator=generator).clamp_(min=1e-20)
        logits = logits / temperature - uniform.log_().neg_().log_()
    return int(logits.argmax())
