"""What the training scripts share: a Lightning trainer that logs, checkpoints every few minutes and resumes."""

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger


class Export(Callback):
    """Write the model in its `from_pretrained` form whenever a checkpoint is written, and at the end."""

    def __init__(self, export: Callable[[], None]):
        self.export = export

    def on_save_checkpoint(self, trainer: Any, module: Any, checkpoint: Any) -> None:
        if trainer.is_global_zero:
            self.export()

    def on_train_end(self, trainer: Any, module: Any) -> None:
        if trainer.is_global_zero:
            self.export()


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
    last = run_dir / "checkpoints" / "last.ckpt"
    checkpoints = ModelCheckpoint(
        run_dir / "checkpoints",
        filename="last",
        train_time_interval=timedelta(minutes=checkpoint_minutes),
        enable_version_counter=False,
    )
    trainer = lightning.Trainer(
        default_root_dir=run_dir,
        logger=CSVLogger(run_dir, name="", version=""),
        callbacks=[checkpoints, Export(export), RichProgressBar(refresh_rate=5)],
        **options,
    )
    trainer.fit(module, *loaders, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
    trainer.save_checkpoint(last)
