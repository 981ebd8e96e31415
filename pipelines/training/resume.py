"""What lets an interrupted run go on: its last checkpoint, the steps it has done, and a log that is kept."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger

from pipelines.shared.errors import UserError

LAST = "last.ckpt"


def steps_done(run_dir: Path, max_steps: int) -> int:
    """Steps that an earlier part of the run in `run_dir` has done; 0 where there is none.

    Raises:
        UserError: nothing is left to do.
    """
    path, done = run_dir / LAST, 0
    if path.is_file():
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        # Under manual optimisation Lightning counts the steps of every optimiser, so these modules count themselves.
        done = int(checkpoint["state_dict"].get("step", checkpoint["global_step"]))
    if done >= max_steps:
        raise UserError(f"{run_dir} has done its {done} steps; raise --optim.max_steps or use another --run_dir")
    return done


class Checkpoint(Callback):
    """Every few minutes and at the end: the state to resume from, and the model in its `from_pretrained` form.

    Lightning's ModelCheckpoint counts no time under manual optimisation (2.6), and would keep old files.
    """

    def __init__(self, path: Path, minutes: float, export: Callable[[], None]):
        self.path, self.interval_s, self.export = path, 60 * minutes, export
        self.last_s = time.monotonic()

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save when it is time; of several processes the first one's clock counts, now and then."""
        is_time = time.monotonic() - self.last_s >= self.interval_s
        if trainer.world_size > 1:
            is_time = batch_idx % 50 == 49 and trainer.strategy.broadcast(is_time)
        if is_time:
            self.save(trainer)
            self.last_s = time.monotonic()

    def save(self, trainer: Any) -> None:
        """Write both, whole or not at all."""
        temporary = self.path.with_suffix(".partial")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            temporary.replace(self.path)
            self.export()


def log_to(run_dir: Path) -> CSVLogger:
    """A logger to RUN_DIR/metrics.csv that keeps what an earlier part of the run wrote; Lightning's own deletes it."""
    path = run_dir / "metrics.csv"
    earlier = path.read_text("utf-8") if path.is_file() else ""
    logger = CSVLogger(run_dir, name="", version="")
    experiment = logger.experiment  # deletes the file
    if earlier and not path.is_file():
        path.write_text(earlier, "utf-8")
        experiment.metrics_keys = earlier.partition("\n")[0].strip().split(",")
    return logger
