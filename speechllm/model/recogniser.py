"""Recogniser: which sounds codes say, so that a voice can read back what it wrote.

Shapes: B batch, T frames, K codebooks, P digits of a frame, R steps, D width, V sounds.

A few blocks of convolutions over the digits of frames, first one step a frame and then `steps_per_frame`; at each step
comes out one of the sounds or none of them (CTC, Graves et al. 2006). Unlike the aligner, which looks for the tokens of
a text it is given, it tells all sounds of the language apart. Blocks are those of ConvNeXt (arXiv 2201.03545).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from speechllm.config import RecogniserConfig
from speechllm.digits import codes_to_digits, digits_to_values
from speechllm.model.finite import refuse_not_finite

FRAME_KERNEL, STEP_KERNEL = 5, 7  # steps that a block sees


class Block(nn.Module):
    """Depthwise convolution, then an MLP at each step, added to the input [B, R, D]."""

    def __init__(self, dim: int, kernel: int, expansion: int):
        super().__init__()
        self.mix = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, expansion * dim)
        self.shrink = nn.Linear(expansion * dim, dim)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """`seen` [B, R, 1] is 1 where there are codes; the padding stays 0."""
        y = self.mix(x.transpose(1, 2)).transpose(1, 2)
        return (x + self.shrink(F.gelu(self.expand(self.norm(y))))) * seen


class Recogniser(nn.Module):
    """Codes -> log probabilities of sounds; number 0 is none of them."""

    def __init__(self, config: RecogniserConfig):
        super().__init__()
        self.config = config
        dim = config.dim
        self.input = nn.Conv1d(config.codes.num_digits, dim, 3, padding=1)
        self.frame_blocks = nn.ModuleList(
            Block(dim, FRAME_KERNEL, config.expansion) for _ in range(config.frame_blocks)
        )
        self.up = nn.Linear(dim, dim * config.steps_per_frame)
        self.step_blocks = nn.ModuleList(Block(dim, STEP_KERNEL, config.expansion) for _ in range(config.step_blocks))
        self.output = nn.Linear(dim, len(config.sounds) + 1)

    def forward(self, codes: Tensor, frames: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Log probabilities of sounds.

        Args:
            codes: int64 [B, T, K].
            frames: how many of them there are, int64 [B].
            hidden: bool [B, T], frames that are not looked at; None = all are.

        Returns:
            float32 [B, R, V + 1]; what lies beyond `frames` means nothing.
        """
        levels = self.config.codes.levels
        seen = (torch.arange(codes.shape[1]) < frames[:, None])[..., None].float()
        values = digits_to_values(codes_to_digits(codes, levels), levels) * seen
        if hidden is not None:
            values = values * ~hidden[..., None]
        return self.read(values, seen)

    def read(self, values: Tensor, seen: Tensor | None = None) -> Tensor:
        """Log probabilities of sounds float32 [B, R, V + 1] from values of digits float32 [B, T, P].

        `seen` float32 [B, T, 1] is 1 where there are frames; None = everywhere.
        """
        seen = torch.ones_like(values[..., :1]) if seen is None else seen
        x = self.input(values.transpose(1, 2)).transpose(1, 2) * seen
        for block in self.frame_blocks:
            x = block(x, seen)
        x = self.up(x).unflatten(2, (self.config.steps_per_frame, -1)).flatten(1, 2)
        seen = seen.repeat_interleave(self.config.steps_per_frame, 1)
        x = x * seen
        for block in self.step_blocks:
            x = block(x, seen)
        return self.output(x).log_softmax(-1)

    def targets(self, ids: Tensor) -> Tensor:
        """Tokens int64 [S] -> the sounds among them, by their number from 1 on, int64 [s]."""
        numbers = torch.zeros(max(int(ids.max()), *self.config.sounds) + 1, dtype=torch.int64)
        numbers[list(self.config.sounds)] = torch.arange(1, len(self.config.sounds) + 1)
        found = numbers[ids]
        return found[found > 0]

    def misread(self, codes: Sequence[Tensor], targets: Sequence[Tensor], hidden: Tensor | None = None) -> Tensor:
        """Minus the log probability of each text, over all ways to say it, nats float32 [B]; inf = too little time.

        Args:
            codes: of each utterance, int64 [T, K].
            targets: of each text, int64 [s], see `targets`.
            hidden: see `forward`.
        """
        frames = torch.tensor([len(one) for one in codes])
        scores = self(nn.utils.rnn.pad_sequence(list(codes), batch_first=True), frames, hidden)
        wanted = nn.utils.rnn.pad_sequence(list(targets), batch_first=True)
        lengths = torch.tensor([len(one) for one in targets])
        steps = frames * self.config.steps_per_frame
        return F.ctc_loss(scores.transpose(0, 1), wanted, steps, lengths, reduction="none")

    def save(self, folder: Path) -> None:
        """Write config.json and model.safetensors, in half precision."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: tensor.detach().half().contiguous() for name, tensor in self.state_dict().items()}
        refuse_not_finite(weights, "a recogniser")
        save_file(weights, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(asdict(self.config), indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Recogniser":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError, ValueError: no recogniser, or a broken one.
        """
        try:
            config = RecogniserConfig.from_dict(json.loads((folder / "config.json").read_text("utf-8")))
            model = cls(config)
            weights = load_file(folder / "model.safetensors")
            model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"{folder} is no readable recogniser: {' '.join(str(error).split())[:300]}") from error
        return model.eval()
