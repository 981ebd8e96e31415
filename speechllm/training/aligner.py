"""Aligner: which text token each frame of a recording speaks, learned from codes and text alone.

Shapes: B batch, T frames, R = 4 T steps (a frame lasts as long as several short phonemes), S tokens, V vocabulary.

A small recogniser of tokens from codes is trained on the sum over all monotonic paths (CTC with a blank of fixed
score, so that it stays rare and paths follow the sound), then the best path of every recording is read off.

Source: forward-sum alignment, RAD-TTS / "One TTS Alignment to Rule Them All" (arXiv 2108.10447).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechllm.config import CodeSpec
from speechllm.digits import codes_to_digits, digits_to_values

STEPS_PER_FRAME = 4
BLANK_LOGIT = -1.0


class Aligner(nn.Module):
    """Codes -> token logits at four steps a frame."""

    def __init__(self, spec: CodeSpec, vocab_size: int, dim: int = 192):
        super().__init__()
        self.spec = spec
        self.input = nn.Conv1d(spec.num_digits, dim, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv1d(dim, dim, 3, padding=1) for _ in range(2))
        self.up = nn.Linear(dim, dim * STEPS_PER_FRAME)
        self.fine = nn.Conv1d(dim, dim, 5, padding=2)
        self.output = nn.Linear(dim, vocab_size)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes int64 [B, T, K] -> logits [B, R, V]."""
        values = digits_to_values(codes_to_digits(codes, self.spec.levels), self.spec.levels)
        x = F.gelu(self.input(values.transpose(1, 2)))
        for layer in self.layers:
            x = x + F.gelu(layer(x))
        x = self.up(x.transpose(1, 2)).unflatten(2, (STEPS_PER_FRAME, -1)).flatten(1, 2)  # [B, R, dim]
        x = x + F.gelu(self.fine(x.transpose(1, 2))).transpose(1, 2)
        return self.output(F.gelu(x))

    def loss(self, codes: Tensor, frames: Tensor, ids: Tensor, text_lengths: Tensor) -> Tensor:
        """Negative log likelihood of the text per token, over all monotonic paths."""
        logits = F.pad(self(codes), (1, 0), value=BLANK_LOGIT)  # blank is class 0, token v is class v + 1
        scores = logits.log_softmax(-1).transpose(0, 1)
        steps = frames * STEPS_PER_FRAME
        return F.ctc_loss(scores, ids + 1, steps, text_lengths, zero_infinity=True)

    @torch.inference_mode()
    def align(self, codes: Tensor, frames: Tensor, ids: Tensor, text_lengths: Tensor) -> list[Tensor]:
        """Best path of each recording of a padded batch.

        Args:
            codes: int64 [B, T, K]; ids: int64 [B, S]; their lengths `frames` and `text_lengths`, int64 [B].

        Returns:
            B tensors int64 [frames]: the token that is being read when a frame ends, from 0 to its length - 1, never
            decreasing.
        """
        scores = self(codes).log_softmax(-1)
        scores = scores.gather(2, ids[:, None].expand(-1, scores.shape[1], -1))  # [B, R, S]
        paths = best_paths(scores, frames * STEPS_PER_FRAME, text_lengths)
        return [path[STEPS_PER_FRAME - 1 :: STEPS_PER_FRAME] for path in paths]


def best_paths(scores: Tensor, steps: Tensor, tokens: Tensor) -> list[Tensor]:
    """Monotonic paths through log scores [B, R, S]: row b visits its `tokens[b]` tokens in `steps[b]` steps, each for
    one step or more. Returns B tensors int64 [steps[b]].

    Raises:
        ValueError: more tokens than steps.
    """
    if (tokens > steps).any():
        raise ValueError(f"got {tokens.tolist()} tokens for {steps.tolist()} steps; a recording cannot be that short")
    total = torch.full_like(scores[:, 0], float("-inf"))
    total[:, 0] = scores[:, 0, 0]
    moved = torch.zeros(scores.shape, dtype=torch.bool)
    for step in range(1, scores.shape[1]):
        arrive = F.pad(total, (1, 0), value=float("-inf"))[:, :-1]
        moved[:, step] = arrive > total
        total = torch.maximum(arrive, total) + scores[:, step]
    paths = []
    for row, (length, count) in enumerate(zip(steps.tolist(), tokens.tolist(), strict=True)):
        token, path, moves = count - 1, [], moved[row].numpy()
        for step in range(length - 1, -1, -1):
            path.append(token)
            token -= int(moves[step, token])
        paths.append(torch.tensor(path[::-1]))
    return paths
