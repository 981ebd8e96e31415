"""How a recogniser is trained, and from what on its reading counts as good.

Shapes: B batch, T frames.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from speechllm.data.shards import Example, Shard
from speechllm.model.recogniser import Recogniser
from speechllm.training.batches import BatchDataset

HELD_OUT = 61  # every so many-th utterance is kept out of training
HIDDEN = 0.05  # share of frames that are not seen, so that their neighbours are looked at too
CLIP_NORM, BETAS, WEIGHT_DECAY, WARM_UP = 1.0, (0.9, 0.98), 0.02, 0.1
GOOD_SHARE = 0.8  # of held-out recordings that are read well: the rest is doubtful


class Training:
    """A recogniser, its optimiser and the batches of it; step n is the same whether or not the run was interrupted.

    Args:
        model: to be trained.
        shards: opened, of the model's codec and tokenizer.
        steps: batches of the whole training.
        batch_tokens: text and frames of a batch.
        learning_rate: the highest.
        seed: of the order of utterances, and of what is hidden.
    """

    def __init__(
        self,
        model: Recogniser,
        shards: list[Shard],
        steps: int,
        batch_tokens: int,
        learning_rate: float,
        seed: int = 0,
    ):
        self.model, self.shards, self.seed, self.step, self.steps = model, shards, seed, 0, steps
        every = [(s, i) for s, shard in enumerate(shards) for i in range(len(shard))]
        self.held_out = every[::HELD_OUT]
        used = [pair for number, pair in enumerate(every) if number % HELD_OUT] or every
        self.batches = BatchDataset(shards, used, batch_tokens, steps, seed)
        self.optimizer = torch.optim.AdamW(model.parameters(), learning_rate, BETAS, weight_decay=WEIGHT_DECAY)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, learning_rate, total_steps=steps + 1, pct_start=WARM_UP
        )

    def train(self) -> float:
        """One step; returns its loss, nats per sound."""
        codes, targets = self.sayable(self.batches.examples(self.step))
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        self.model.train()
        self.step += 1
        loss = torch.zeros(())
        if codes:
            hidden = torch.rand(len(codes), max(map(len, codes)), generator=random) < HIDDEN
            loss = self.model.misread(codes, targets, hidden).sum() / sum(map(len, targets))
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
            self.optimizer.step()
        self.schedule.step()
        return loss.item()

    def sayable(self, examples: list[Example]) -> tuple[list[Tensor], list[Tensor]]:
        """Codes [T, K] and sounds of the utterances that have sounds, and time for them."""
        pairs = [(one.codes, self.model.targets(one.ids)) for one in examples]
        rate = self.model.config.steps_per_frame
        kept = [(codes, sounds) for codes, sounds in pairs if 0 < needed(sounds) <= rate * len(codes)]
        return [codes for codes, _ in kept], [sounds for _, sounds in kept]

    @torch.inference_mode()
    def read(self, most: int = 512) -> np.ndarray:
        """How far held-out utterances are from their texts, nats per sound, float [n]."""
        self.model.eval()
        found: list[float] = []
        for s, i in self.held_out[:: max(1, len(self.held_out) // most)]:
            codes, targets = self.sayable([self.shards[s][i]])
            if codes:
                found.append(self.model.misread(codes, targets).item() / len(targets[0]))
        return np.array(found)

    def state_dict(self) -> dict[str, Any]:
        """What a run needs to go on."""
        parts = {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}
        return {"step": self.step, "steps": self.steps, **{name: part.state_dict() for name, part in parts.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was made."""
        parts = {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}
        for name, part in parts.items():
            part.load_state_dict(state[name])
        self.step = int(state["step"])


def needed(sounds: Tensor) -> int:
    """Steps that CTC needs for sounds int64 [s]: one each, and one between two that are alike."""
    return len(sounds) + int((sounds[1:] == sounds[:-1]).sum())
