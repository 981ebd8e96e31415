"""What lets an interrupted run go on: its last checkpoint."""

import pickle
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from pipelines.shared.errors import UserError
from pipelines.training.averaging import KEY

LAST = "last.ckpt"
Export: TypeAlias = Callable[[dict[str, Tensor]], None]  # writes the model that has these weights
UNREADABLE = (RuntimeError, EOFError, OSError, pickle.UnpicklingError, zipfile.BadZipFile, KeyError, ValueError)


class Progress(NamedTuple):
    """Where a run stands in its plan; nothing else is needed to go on in the middle of a pass over the data."""

    steps: int  # updates of the model
    items: int  # of the data that they have used, which another number of processes may have used faster


@dataclass(frozen=True)
class Run:
    """A training run in a folder, which goes on from the last checkpoint there.

    Args:
        folder: --run_dir.
        max_steps: updates of the model, whatever the number of processes.
        identity: what its weights belong to, by names a user knows: codec, tokenizer, shape, corpus. A checkpoint of
            another identity is not gone on from.
        config: all settings, for config.json.
        checkpoint_minutes: between checkpoints.
        items_per_step: items of the data that a step of all processes together uses.
    """

    folder: Path
    max_steps: int
    identity: dict[str, str]
    config: dict[str, Any]
    checkpoint_minutes: float = 5.0
    items_per_step: int = 1

    @property
    def last(self) -> Path:
        """The checkpoint to go on from."""
        return self.folder / LAST

    def steps_done(self) -> int:
        """Steps that an earlier part of the run has done; 0 where there is none.

        Raises:
            UserError: nothing is left to do, or the checkpoint cannot be gone on from; the message says why.
        """
        done = self.progress.steps
        if done >= self.max_steps:
            raise UserError(
                f"{self.folder} has done its {done} steps; raise --optim.max_steps or use another --run_dir"
            )
        return done

    @cached_property
    def progress(self) -> "Progress":
        """How far earlier parts of the run have come."""
        if not self.last.is_file():
            return Progress(0, 0)
        checkpoint = self.read()
        self.check_identity(checkpoint["identity"])
        # Under manual optimisation Lightning counts the steps of every optimiser, so modules count themselves.
        steps = int(checkpoint["state_dict"].get("step", checkpoint["global_step"]))
        return Progress(steps, int(checkpoint.get("items", steps * self.items_per_step)))  # older ones do not say

    def read(self) -> dict[str, Any]:
        """The last checkpoint."""
        try:
            checkpoint: dict[str, Any] = torch.load(self.last, map_location="cpu", weights_only=True)
            checkpoint["state_dict"], checkpoint["global_step"]
        except UNREADABLE as error:
            raise UserError(
                f"{self.last} is not a whole checkpoint ({type(error).__name__}); "
                "restore it, or use another --run_dir and start from this run's weights with --init_from"
            ) from None
        if "identity" not in checkpoint:
            raise UserError(
                f"{self.last} was written by an earlier version, which did not say what it belongs to; "
                "use another --run_dir and start from this run's weights with --init_from"
            )
        return checkpoint

    def check_identity(self, found: dict[str, str]) -> None:
        """Refuse to go on with what is not the same."""
        for name, mine in self.identity.items():
            if name in found and found[name] != mine:
                raise UserError(
                    f"{self.folder} was trained with another {name}: {found[name]}, now it is {mine}; "
                    "go on with the same, or use another --run_dir and start from this run's weights with --init_from"
                )


def part_of(weights: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The weights of one part of a module, by their names in it."""
    return {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}


def settings_of(name: str, config: Any) -> dict[str, str]:
    """A configuration as part of an identity: each setting by the name of its flag."""
    return {f"{name}.{key}": str(value) for key, value in asdict(config).items()}


class Checkpoint(Callback):
    """Every few minutes and at the end: the state to resume from, and the model in its `from_pretrained` form.

    Lightning's ModelCheckpoint counts no time under manual optimisation (2.6), and would keep old files.
    """

    def __init__(self, run: Run, export: Export):
        self.run, self.export = run, export
        self.weights: dict[str, Tensor] = {}  # of the checkpoint that is being saved
        self.last_s = time.monotonic()

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        """Save when it is time; of several processes the first one's clock counts, now and then.

        Before a step, and not after it: by then the log has what the last one gave, and no step will be missing there.
        """
        step, started = divmod(batch_idx, trainer.accumulate_grad_batches)
        if not step or started:
            return
        is_time = time.monotonic() - self.last_s >= 60 * self.run.checkpoint_minutes
        if trainer.world_size > 1:
            is_time = (step % 50 == 0 or not self.run.checkpoint_minutes) and trainer.strategy.broadcast(is_time)
        if is_time:
            self.save(trainer)
            self.last_s = time.monotonic()

    def on_save_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """Say what the weights belong to. Where Lightning's loops stand is left out: every part of a run is an epoch of
        its own, of the batches that are left, so that a run that is over can be made longer."""
        checkpoint["identity"] = self.run.identity
        steps, items = self.run.progress
        checkpoint["items"] = items + (int(module.step) - steps) * self.run.items_per_step
        checkpoint.pop("loops", None)
        self.weights = {**checkpoint["state_dict"], **checkpoint.get(KEY, {})}

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Settings of the optimisers are those of the configuration, not those of the checkpoint."""
        configured = module.configure_optimizers()
        for optimizer, fresh in zip(trainer.optimizers, as_list(configured), strict=True):
            for group, wanted in zip(optimizer.param_groups, fresh.param_groups, strict=True):
                group.update({name: value for name, value in wanted.items() if name != "params"})

    def save(self, trainer: Any) -> None:
        """Write both, whole or not at all."""
        temporary = self.run.last.with_suffix(".partial")
        try:
            trainer.save_checkpoint(temporary)
            if trainer.is_global_zero:
                temporary.replace(self.run.last)
                self.export(self.weights)
        finally:
            self.weights = {}
            if trainer.is_global_zero:
                temporary.unlink(missing_ok=True)


def as_list(optimizers: Any) -> list[torch.optim.Optimizer]:
    """What a module's configure_optimizers gave, as a list."""
    return optimizers if isinstance(optimizers, list) else [optimizers]
