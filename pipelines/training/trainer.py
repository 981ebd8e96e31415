"""What the training scripts share: a Lightning trainer that logs, checkpoints every few minutes and resumes."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from signal import Signals
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, RichProgressBar
from lightning.pytorch.loggers import Logger
from torch.utils.data import DataLoader

from pipelines.shared.atomic import write_atomically
from pipelines.shared.errors import UserError
from pipelines.training.averaging import Average
from pipelines.training.board import FOLDER, Show, Showing, board
from pipelines.training.dealing import names_of, processes
from pipelines.training.half_precision import tell_if_slower
from pipelines.training.log import CsvLog
from pipelines.training.quiet import quieten
from pipelines.training.resume import Checkpoint, Export, Run
from pipelines.training.sharding import NAME, FullySharded
from pipelines.training.signals import StopOnSignal, command

# Flags of lightning.Trainer that would break what a run promises, and what to use in their place.
RESERVED = {
    "max_steps": "--optim.max_steps",
    "max_epochs": "--optim.max_steps",
    "min_steps": "--optim.max_steps",
    "min_epochs": "--optim.max_steps",
    "accumulate_grad_batches": "a larger batch, or --batches_per_step of a speech LM",
    "limit_train_batches": "--optim.max_steps",
    "overfit_batches": "a smaller corpus",
    "fast_dev_run": "--optim.max_steps",
    "val_check_interval": "--validate_every",
    "check_val_every_n_epoch": "--validate_every",
    "reload_dataloaders_every_n_epochs": "nothing",
    "use_distributed_sampler": "nothing",
    "default_root_dir": "--run_dir",
    "enable_checkpointing": "--checkpoint_minutes",
    "callbacks": "nothing",
    "gradient_clip_val": "--optim.clip_norm",
    "barebones": "nothing",
}
CSV = "csv"  # the only --trainer.logger: metrics.csv, without TensorBoard
WORKER_ERROR = "Original Traceback"  # in what a DataLoader's process raises


@dataclass(frozen=True)
class How:
    """How a run trains, whatever it trains.

    Args:
        validate_every: steps.
        given: options of lightning.Trainer, as a user gave them.
        accumulate: batches of each process in a step.
        ema_decay: of the mean of the weights, less than 1; 0 = none is kept, and the last weights are exported.
    """

    validate_every: int
    given: dict[str, Any]
    accumulate: int = 1
    ema_decay: float = 0.0


def trainer_options(given: dict[str, Any]) -> dict[str, Any]:
    """Options of lightning.Trainer; those that are given win.

    Raises:
        UserError: one that the scripts need for themselves.
    """
    for name in given:
        if name in RESERVED:
            raise UserError(f"--trainer.{name} is not to be set; use {RESERVED[name]} instead")
    if given.get("logger", CSV) != CSV:
        raise UserError(f"got --trainer.logger={given['logger']}; expected {CSV}, or none for TensorBoard too")
    options = {"devices": 1, "log_every_n_steps": 50, **given}
    if given.get("strategy") == NAME:
        options["strategy"] = FullySharded(processes(given))
    return options


def adversarial_options(given: dict[str, Any]) -> dict[str, Any]:
    """Options for a codec and its discriminators, of which one or the other goes without a gradient in turn."""
    several = processes(given) > 1 and given.get("strategy", "ddp") == "ddp"
    return {**given, "strategy": "ddp_find_unused_parameters_true"} if several else given


def fit(
    module: Any,
    training: DataLoader,
    validation: DataLoader | None,
    run: Run,
    how: How,
    export: Export,
    show: Show | None = None,
) -> None:
    """Train in `run.folder`; a run that was interrupted there goes on from its last checkpoint.

    SIGTERM and Ctrl-C end it after a step, with a checkpoint, and the process with 143 or 130.

    Args:
        module: the LightningModule that learns; it counts its steps in a buffer `step`.
        training: the batches that are left, as many for each process and step.
        validation: None = there is nothing to validate on, which is said.
        run: where, and what its weights belong to.
        how: see How.
        export: writes the model for those who will use it.
        show: what shows held-out items in RUN_DIR/tensorboard, after every validation; None = curves alone.

    Raises:
        UserError: what a user can mend; the message says how.
    """
    options = trainer_options(how.given)
    quieten()
    write_record(run)
    done, checkpoint, stopping = run.steps_done(), Checkpoint(run, export), StopOnSignal()
    if validation is None or not len(validation):
        print("no utterances are held out: nothing is validated", file=sys.stderr)
        validation = None
    if isinstance(options.get("strategy"), FullySharded):
        show = None  # of sharded weights: the first process alone would wait for those of the others
    loggers, callbacks = logs(run, done, show, options.pop("logger", None) != CSV)
    callbacks += [Average(how.ema_decay)] if how.ema_decay else []
    callbacks += [RichProgressBar(refresh_rate=5)] if options.get("enable_progress_bar", True) else []
    try:
        with explained(run, lambda: names_of(training, int(module.step) - done, run.items_per_step)):
            trainer = trainer_of(run, how, done, loggers, [stopping, *callbacks, checkpoint], options)
            last = str(run.last) if run.last.is_file() else None
            trainer.fit(module, training, validation, ckpt_path=last, weights_only=True)
            checkpoint.save(trainer)
    finally:
        stopping.restore()
    if stopping.received and trainer.is_global_zero:
        steps = int(module.step)
        print(f"\nstopped after step {steps} of {run.max_steps}; this goes on: {command()}", file=sys.stderr)
    if stopping.received:
        sys.exit(128 + Signals(stopping.received))


def trainer_of(
    run: Run, how: How, done: int, loggers: list[Logger], callbacks: list[Callback], options: dict[str, Any]
) -> lightning.Trainer:
    """The trainer of what is left of a run after `done` steps; half precision that is slower here is said."""
    trainer = lightning.Trainer(
        max_epochs=1,
        accumulate_grad_batches=how.accumulate,
        val_check_interval=how.accumulate * min(how.validate_every, run.max_steps - done),
        num_sanity_val_steps=0,
        default_root_dir=run.folder,
        logger=loggers,
        callbacks=callbacks,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        **options,
    )
    tell_if_slower(trainer)
    return trainer


def write_record(run: Run) -> None:
    """Write down what was asked for, and of which versions."""
    record = {"commit": commit(), "torch": torch.__version__, "lightning": lightning.__version__, **run.config}
    write_atomically(run.folder / "config.json", json.dumps(record, indent=2, default=str) + "\n")


def logs(run: Run, done: int, show: Show | None, with_board: bool) -> tuple[list[Logger], list[Callback]]:
    """Where curves are written after `done` steps, and what shows held-out items there."""
    fresh = not done or not (run.folder / FOLDER).is_dir()
    table, logger = CsvLog(run.folder, done), board(run.folder, done) if with_board else None
    if logger is None:
        return [table], []
    return [table, logger], [Showing(logger, show, fresh)] if show else []


@contextmanager
def explained(run: Run, heard: Callable[[], list[str]]) -> Iterator[None]:
    """What a user can mend, as one line; `heard` tells the utterances of the step that failed."""
    try:
        yield
    except FloatingPointError as error:
        raise UserError(f"{error}, of {', '.join(heard())}; {run.folder} keeps its last checkpoint") from None
    except (TypeError, MisconfigurationException) as error:
        raise UserError(f"the trainer cannot do this: {one_line(error)}; mend the --trainer flags") from error
    except Exception as error:
        if WORKER_ERROR in str(error):
            raise UserError(one_line(error)) from error
        if os.strerror(errno.ENOSPC) in str(error):  # of safetensors too, whose errors are none of the system's
            raise UserError(f"no space left in {run.folder}; it keeps its last checkpoint: make room, go on") from error
        raise


def one_line(error: Exception) -> str:
    """What went wrong, without the traceback of a DataLoader's process."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if WORKER_ERROR in str(error) else " ".join(lines)) if lines else type(error).__name__


def commit() -> str:
    """The commit of the current folder; empty where it is no clone or there is no git."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
