"""Logits -> digits and moves of the reader, for many requests at once. No model; each row has its own random numbers.

Shapes: B rows, P digits of a frame, V levels of the largest digit, W reader window.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

PENDING_AT_FIRST = 0.5  # moves, so that a move comes in the middle of the frames it is expected in, and not late


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

    def forward(self, logits: Tensor, temperature: Tensor, noise: Tensor) -> Tensor:
        """Draw a frame of each row.

        Args:
            logits: float32 [B, num_logits].
            temperature: float32 [B, 1], above 0.
            noise: of `gumbel`, float32 [B, P * V]; 0 takes the most likely.

        Returns:
            digits int64 [B, P].
        """
        table = logits[:, self.index] + self.absent  # [B, P, V]
        return (table / temperature[..., None] - noise.view(table.shape)).argmax(-1)

    def likelihood(self, logits: Tensor, digits: Tensor) -> Tensor:
        """Probability of drawn digits int64 [B, P] at temperature 1, geometric mean over them, float32 [B]."""
        table = (logits[:, self.index] + self.absent).log_softmax(-1)
        return table.gather(-1, digits[..., None]).mean((1, 2)).exp_()


def gumbel(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """log(-log(uniform)), float32: the largest of logits minus it is a draw from their softmax."""
    return torch.rand(list(shape), generator=generator).clamp_(min=1e-20).log_().neg_().log_()


def steady_advance(logits: Tensor, stay: Tensor, pending_moves: Tensor) -> Tensor:
    """How far readers go that do not draw their moves.

    Not by the likeliest move, for "stay" is that at nearly every frame, and a voice that always stays says its words
    again. The probability of moving adds up instead, and each time it passes 1 a reader makes the likeliest move:
    tokens last as long as they do on average.

    Args:
        logits: [B, W]; entry w is for a move by w tokens.
        stay: probability of not moving [B].
        pending_moves: moves expected and not made, float32 [B], changed in place; begins at PENDING_AT_FIRST.

    Returns:
        int64 [B], 0 .. W - 1.
    """
    pending_moves.add_(1 - stay)
    moves = pending_moves >= 1
    pending_moves.sub_(moves.to(pending_moves.dtype))
    return torch.where(moves, logits[:, 1:].argmax(-1) + 1, 0)
