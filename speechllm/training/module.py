"""LitSpeechLM: losses, optimiser and schedule of the speech LM. No architecture, no file I/O."""

import math
from dataclasses import dataclass
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechllm.model.packing import within
from speechllm.model.speech_lm import LMOutput, SpeechLM
from speechllm.training.collating import Batch, Inputs
from speechllm.training.distillation import guided_logits, soft_digit_loss
from speechllm.training.ranges import AtLeastOne, Count, Decay, NotNegative, Positive, Share

IGNORED = -100  # what cross_entropy takes for no target


@dataclass(frozen=True)
class LMOptim:
    """Losses and optimiser; see configs/speechllm/small.yaml."""

    max_steps: AtLeastOne = 6000
    warmup_steps: Count = 100
    learning_rate: Positive = 1.5e-3
    final_learning_rate: Share = 0.03  # share of the learning rate left at the end of the cosine
    betas: tuple[Decay, Decay] = (0.9, 0.98)
    weight_decay: NotNegative = 0.05
    clip_norm: Positive = 1.0
    hidden_frames: Share = 0.15  # share of input frames whose codes are hidden, so that the text is listened to
    noisy_digits: Share = 0.05  # share of input digits moved by one level, as sampling will
    hidden_texts: Share = 0.0  # share of utterances whose text is hidden, so that guidance can ask what is said without
    hidden_speakers: Share = 0.15  # of a model of many voices: share of utterances whose speaker vector is hidden
    hidden_prompts: Share = 0.15  # share whose recording is hidden, independently
    reader_weight: NotNegative = 0.5
    stop_weight: NotNegative = 0.3
    stop_positive_weight: NotNegative = 5.0  # one frame in a hundred is the last
    guidance: Positive = 2.0  # of the teacher whose predictions are learned in place of codes, where there is one


def digit_loss(logits: Tensor, digits: Tensor, levels: tuple[int, ...]) -> Tensor:
    """Cross-entropy of a frame's codes [B, T], nats, mean over codebooks of the sum over digits."""
    logits = logits.unflatten(-1, (-1, sum(levels)))  # [B, T, K, sum of levels]
    digits = digits.unflatten(-1, (-1, len(levels)))  # [B, T, K, d]
    losses = []
    for i, part in enumerate(logits.split(levels, dim=-1)):
        losses.append(F.cross_entropy(part.flatten(0, 2), digits[..., i].flatten(), reduction="none"))
    return torch.stack(losses).sum(0).view(digits.shape[:3]).mean(-1)


def places(batch: Batch) -> tuple[Tensor, Tensor]:
    """How far each step is from the first of its utterance, and how many its utterance has, broadcast to [B, T]."""
    if batch.packing is None:
        return torch.arange(batch.positions.shape[1], device=batch.frames.device), batch.frames[:, None]
    steps = batch.packing.steps
    return within(steps, len(batch.frames))[None], F.pad(batch.frames, (0, 1))[steps][None]


def advances(batch: Batch, window: int) -> Tensor:
    """How many tokens the reader goes on at each step, int64 [B, T]; IGNORED where there is none, or it cannot."""
    index, ends = places(batch)
    advance = batch.positions - F.pad(batch.positions, (1, 0))[:, :-1].where(index > 0, 0)
    return advance.where((index < ends) & (advance < window), IGNORED)


class LitSpeechLM(lightning.LightningModule):
    """Teacher-forced training on aligned code shards.

    Args:
        model: what learns.
        optim: see LMOptim.
        teacher: whose predictions under guidance are learned in place of codes; None = codes are.
        checkpointing: whether a block's inner values are computed anew on the way back, which saves their memory.
    """

    step: Tensor

    def __init__(self, model: SpeechLM, optim: LMOptim, teacher: SpeechLM | None = None, checkpointing: bool = False):
        super().__init__()
        model.checkpointing = checkpointing
        self.model, self.optim = model, optim
        self.teachers = () if teacher is None else (teacher,)  # a tuple, as its weights are no part of checkpoints
        # Lightning counts the steps of this process, not those of the run.
        self.register_buffer("step", torch.tensor(0))
        self.total: dict[str, Tensor] = {}  # losses of the step so far

    def sharded_parts(self) -> dict[nn.Module, tuple[str, ...]]:
        """What FSDP2 shards and gathers together: a block, and all that is in none."""
        return dict.fromkeys([*self.model.blocks, self.model], ())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, no decay on vectors."""
        o = self.optim
        matrices = [p for p in self.parameters() if p.dim() > 1]
        vectors = [p for p in self.parameters() if p.dim() <= 1]
        groups = [{"params": matrices, "weight_decay": o.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=o.learning_rate, betas=o.betas)

    def learning_rate(self) -> float:
        """Linear warm-up, then a cosine, which a larger `max_steps` stretches."""
        o, step = self.optim, int(self.step)
        if step < o.warmup_steps:
            return o.learning_rate * (step + 1) / o.warmup_steps
        progress = min(1.0, (step - o.warmup_steps) / max(1, o.max_steps - o.warmup_steps))
        return o.learning_rate * (
            o.final_learning_rate + (1 - o.final_learning_rate) * (1 + math.cos(math.pi * progress)) / 2
        )

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """The schedule follows the steps of the run."""
        optimizer: Any = self.optimizers()
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate()

    def on_fit_start(self) -> None:
        """The teacher is where the student is."""
        for teacher in self.teachers:
            teacher.eval().requires_grad_(False).to(self.device)

    def losses(self, output: LMOutput, batch: Batch, guided: Tensor | None = None) -> dict[str, Tensor]:
        """Every term by name, averaged over the real frames; `guided` are logits to be learned in place of codes."""
        o, count = self.optim, batch.frames.sum()
        index, ends = places(batch)
        real = index < ends  # [B, T]; no term picks frames by it, which would wait for a GPU
        reader = output.stop.new_zeros(())
        if output.reader is not None:
            targets = advances(batch, self.model.config.reader_window)
            reader = F.cross_entropy(output.reader.float().flatten(0, 1), targets.flatten())
        stop = F.binary_cross_entropy_with_logits(
            output.stop.float(),
            (index == ends - 1).float(),
            weight=real.float(),
            pos_weight=torch.full((), o.stop_positive_weight, device=real.device),
            reduction="sum",
        )
        levels = self.model.config.codes.levels
        if guided is None:
            codes = digit_loss(output.digits.float(), batch.digits, levels)
        else:
            codes = soft_digit_loss(output.digits, guided, levels)
        codes, stop = codes.where(real, 0).sum() / count, stop / count
        total = codes + o.reader_weight * reader + o.stop_weight * stop
        return {"loss": total, "codes": codes, "reader": reader, "stop": stop}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch, so weighted that the step as a whole averages over the frames of all its batches."""
        losses = self.learned(batch)
        trainer = self.trainer
        self.add(losses, batch.share)
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self.end_step()
        # Lightning divides by the batches of a step, and gradients are averaged over the processes.
        return losses["loss"] * (batch.share * trainer.accumulate_grad_batches * trainer.world_size)

    def learned(self, batch: Batch) -> dict[str, Tensor]:
        """What is learned from a batch of training, every term by name; `loss` is the sum."""
        guided = [guided_logits(teacher, batch, self.optim.guidance) for teacher in self.teachers]
        return self.losses(self.heard(batch), batch, *guided)

    def judged(self, batch: Batch) -> dict[str, Tensor]:
        """The same of a held-out batch."""
        return self.losses(self.heard(batch), batch)

    def heard(self, batch: Batch) -> LMOutput:
        """What the model says of a batch, given what it may see of it."""
        seen = batch.inputs or Inputs(batch.digits, None, None)
        known = seen.text_known if self.optim.hidden_texts else None
        voices = dict(text_known=known, reference=batch.reference, packing=batch.packing)
        return self.model(batch.ids, batch.text_lengths, seen.digits, batch.positions, seen.keep, **voices)

    def add(self, losses: dict[str, Tensor], share: float) -> None:
        """Count a batch in what is said of the step."""
        for name, value in losses.items():
            part = value.detach() * share
            self.total[name] = self.total[name] + part if name in self.total else part

    def end_step(self) -> None:
        """Say what the batches of all processes have lost, and count the step.

        Raises:
            FloatingPointError: that is no number; all processes stop, before the weights are spoilt.
        """
        names, values = list(self.total), torch.stack(list(self.total.values()))
        self.total.clear()
        if self.trainer.world_size > 1:
            values = self.trainer.strategy.reduce(values, reduce_op="sum")
        losses = dict(zip(names, values.unbind(), strict=True))
        if not bool(torch.isfinite(losses["loss"])):
            raise FloatingPointError(f"the loss became {float(losses['loss'])} in step {int(self.step) + 1}")
        self.step += 1
        self.log_dict({f"train/{name}": value for name, value in losses.items()}, prog_bar=True, batch_size=1)
        self.log("step", float(self.step), batch_size=1)  # of the run, for the log, not of this part of it

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Clip the global norm."""
        self.clip_gradients(optimizer, self.optim.clip_norm, "norm")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss on held-out utterances, inputs untouched: of all of them, by their frames."""
        losses = self.judged(batch)
        size = len(batch.frames)
        self.log("step", float(self.step), batch_size=1, sync_dist=True)
        self.log_dict(
            {f"val/{name}": value * batch.share for name, value in losses.items()},
            prog_bar=True,
            batch_size=size,
            sync_dist=True,
            reduce_fx="sum",
        )
