"""What the training scripts share: a Lightning trainer that logs, checkpoints every few minutes and resumes."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, RichProgressBar
from lightning.pytorch.loggers import CSVLogger


class Checkpoint(Callback):
    """Every few minutes and at the end: the state to resume from, and the model in its `from_pretrained` form.

    Lightning's ModelCheckpoint counts no time under manual optimisation (2.6), and would keep old files.
    """

    def __init__(self, path: Path, minutes: float, export: Callable[[], None]):
        self.path, self.interval_s, self.export = path, 60 * minutes, export
        self.last_s = time.monotonic()

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save when it is time; of several processes the first one's clock counts, now and then."""
        due = time.monotonic() - self.last_s >= self.interval_s
        if trainer.world_size > 1:
            due = batch_idx % 50 == 49 and trainer.strategy.broadcast(due)
        if due:
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


def fit(
    module: lightning.LightningModule,
    loaders: tuple[Any, Any],
    run_dir: Path,
    options: dict[str, Any],
    export: Callable[[], None],
    config: dict[str, Any],
    checkpoint_minutes: float,
) -> None:
    """Train in `run_dir`; a run that was interrupted there goes on from its last checkpoint."""
    run_dir.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    record = {"commit": commit, "torch": torch.__version__, "lightning": lightning.__version__, **config}
    (run_dir / "config.json").write_text(json.dumps(record, indent=2, default=str) + "\n", "utf-8")
    last = run_dir / "last.ckpt"
    checkpoint = Checkpoint(last, checkpoint_minutes, export)
    trainer = lightning.Trainer(
        default_root_dir=run_dir,
        logger=log_to(run_dir),
        callbacks=[checkpoint, RichProgressBar(refresh_rate=5)],
        enable_checkpointing=False,
        **options,
    )
    trainer.fit(module, *loaders, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
    checkpoint.save(trainer)
