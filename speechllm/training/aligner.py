"""Aligner: which text token each frame of a recording speaks, learned from codes and text alone.

Shapes: B batch, T frames, R steps, S tokens, V vocabulary. A slow frame lasts as long as several short phonemes and is
cut into steps.

A small recogniser of tokens from codes is trained on the sum over all monotonic paths (CTC with a blank of fixed
score, so that it stays rare and paths follow the sound), then the best path of every recording is read off.

Source: forward-sum alignment, RAD-TTS / "One TTS Alignment to Rule Them All" (arXiv 2108.10447).
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from speechllm.config import CodeSpec
from speechllm.digits import codes_to_digits, digits_to_values

STEP_RATE = 86.0  # Hz, about; four steps to a frame of a codec of 21.5 frames a second, one to a frame of 86
BLANK_LOGIT = -1.0


class Aligner(nn.Module):
    """Codes -> token logits at `steps_per_frame` steps a frame."""

    def __init__(self, spec: CodeSpec, vocab_size: int, dim: int = 192):
        super().__init__()
        self.spec, self.steps_per_frame = spec, max(1, round(STEP_RATE / spec.frame_rate))
        self.input = nn.Conv1d(spec.num_digits, dim, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv1d(dim, dim, 3, padding=1) for _ in range(2))
        self.up = nn.Linear(dim, dim * self.steps_per_frame)
        self.fine = nn.Conv1d(dim, dim, 5, padding=2)
        self.output = nn.Linear(dim, vocab_size)

    def save(self, path: Path, tokenizer_fingerprint: str) -> None:
        """Write the weights, in half precision, and what they are for."""
        facts = {"spec": json.dumps(asdict(self.spec)), "tokenizer": tokenizer_fingerprint}
        shape = {"vocab_size": str(self.output.out_features), "dim": str(self.output.in_features)}
        save_file({name: tensor.half() for name, tensor in self.state_dict().items()}, path, facts | shape)

    @classmethod
    def load(cls, path: Path, spec: CodeSpec, tokenizer_fingerprint: str) -> "Aligner":
        """Read what `save` wrote.

        Raises:
            ValueError: no aligner, or one of another codec or tokenizer.
        """
        try:
            with safe_open(path, "pt") as file:
                facts = file.metadata() or {}
                weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            found = CodeSpec(**json.loads(facts["spec"]))
            aligner = cls(found, int(facts["vocab_size"]), int(facts["dim"]))
            aligner.load_state_dict(weights)
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise ValueError(f"{path} is not an aligner ({error}); align_corpus.py --save writes one") from error
        if (found, facts["tokenizer"]) != (spec, tokenizer_fingerprint):
            raise ValueError(f"{path} is of another codec or tokenizer than the shards; leave it out to train one")
        return aligner

    def forward(self, codes: Tensor) -> Tensor:
        """Codes int64 [B, T, K] -> logits [B, R, V]."""
        values = digits_to_values(codes_to_digits(codes, self.spec.levels), self.spec.levels)
        x = F.gelu(self.input(values.transpose(1, 2)))
        for layer in self.layers:
            x = x + F.gelu(layer(x))
        x = self.up(x.transpose(1, 2)).unflatten(2, (self.steps_per_frame, -1)).flatten(1, 2)  # [B, R, dim]
        x = x + F.gelu(self.fine(x.transpose(1, 2))).transpose(1, 2)
        return self.output(F.gelu(x))

    def scores(self, codes: Tensor, frames: Tensor, ids: Tensor, text_lengths: Tensor, width: float) -> Tensor:
        """Log probability of each token of the text at each step, [B, R, S + 1]; column 0 is the blank.

        The prior is a Gaussian of relative position around the diagonal, `width` its standard deviation: speech goes
        through its text at a nearly even pace, and without that hint learning starts from noise.
        """
        logits = self(codes)  # [B, R, V]
        logits = logits.gather(2, ids[:, None].expand(-1, logits.shape[1], -1))  # [B, R, S]
        step = torch.arange(logits.shape[1])[None, :, None] / (frames[:, None, None] * self.steps_per_frame)
        token = (torch.arange(ids.shape[1])[None, None] + 0.5) / text_lengths[:, None, None]
        logits = logits - 0.5 * ((step - token) / width).square()
        beyond = torch.arange(ids.shape[1]) >= text_lengths[:, None]
        logits = logits.masked_fill(beyond[:, None], -1e4)
        return F.pad(logits, (1, 0), value=BLANK_LOGIT).log_softmax(-1)

    def loss(self, codes: Tensor, frames: Tensor, ids: Tensor, text_lengths: Tensor, width: float = 0.1) -> Tensor:
        """Negative log likelihood of the text, over all monotonic paths, nats per step."""
        scores = self.scores(codes, frames, ids, text_lengths, width).transpose(0, 1)
        targets = torch.arange(1, ids.shape[1] + 1).expand_as(ids)
        steps = frames * self.steps_per_frame
        losses = F.ctc_loss(scores, targets, steps, text_lengths, reduction="none", zero_infinity=True)
        return (losses / steps).mean()

    @torch.inference_mode()
    def align(
        self, codes: Tensor, frames: Tensor, ids: Tensor, text_lengths: Tensor, width: float = 0.1
    ) -> list[Tensor]:
        """Best path of each recording of a padded batch.

        Args:
            codes: int64 [B, T, K]; ids: int64 [B, S]; their lengths `frames` and `text_lengths`, int64 [B].

        Returns:
            B tensors int64 [frames]: the token that is being read when a frame ends, from 0 to its length - 1, never
            decreasing.
        """
        scores = self.scores(codes, frames, ids, text_lengths, width)[..., 1:]
        paths = best_paths(scores, frames * self.steps_per_frame, text_lengths)
        return [path[self.steps_per_frame - 1 :: self.steps_per_frame] for path in paths]


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
