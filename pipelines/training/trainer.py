"""What the training scripts share: a Lightning trainer that logs, checkpoints every few minutes and resumes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import RichProgressBar

from pipelines.training.resume import LAST, Checkpoint, log_to


def trainer_options(max_steps: int, validate_every: int, given: dict[str, Any]) -> dict[str, Any]:
    """Options of lightning.Trainer for one pass over a dataset of `max_steps` batches; those that are given win."""
    return {
        "max_epochs": 1,
        "val_check_interval": min(validate_every, max_steps),
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 50,
        **given,
    }


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
    record = {"commit": commit(), "torch": torch.__version__, "lightning": lightning.__version__, **config}
    (run_dir / "config.json").write_text(json.dumps(record, indent=2, default=str) + "\n", "utf-8")
    last = run_dir / LAST
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


def commit() -> str:
    """The commit of the current folder; empty where it is no clone or there is no git."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
