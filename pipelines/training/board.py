"""RUN_DIR/tensorboard: the curves of a run, and what it makes of a few held-out items, to look at and to listen to.

Shapes: N samples, S frames, M mel bands, H and W pixels.
"""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

FOLDER = "tensorboard"


@dataclass(frozen=True)
class Board:
    """Where something can be shown, at a step of the run.

    Args:
        writer: torch's SummaryWriter.
        step: of the run.
        first: whether nothing has been shown yet; what never changes is shown then alone.
    """

    writer: Any
    step: int
    first: bool

    def audio(self, tag: str, audio: Tensor, sample_rate: int) -> None:
        """Audio [N] in [-1, 1]."""
        self.writer.add_audio(tag, audio.float().cpu().clamp(-1, 1)[None], self.step, sample_rate)

    def image(self, tag: str, image: Tensor) -> None:
        """A picture [3, H, W] or [H, W], 0 = black, 1 = full; row 0 is the lowest."""
        image = image if image.dim() == 3 else image.expand(3, -1, -1)
        self.writer.add_image(tag, image.float().cpu().flip(1).clamp(0, 1), self.step)

    def spectrograms(self, tag: str, original: Tensor, made: Tensor) -> None:
        """Log-mels [S, M], natural logarithms of equal size, the original above; both in the grey of the original."""
        low, high = original.min(), original.max()
        line = torch.ones(2, len(original), device=original.device)
        grey = [(each.T - low) / (high - low).clamp(min=1e-3) for each in (made, original)]
        self.image(tag, torch.cat([grey[0], line, grey[1]]))


Show: TypeAlias = Callable[[Board], None]


def board(run_dir: Path, steps: int) -> TensorBoardLogger | None:
    """A logger to RUN_DIR/tensorboard that goes on after the `steps` steps of earlier parts of the run.

    None, and a line that says so, where tensorboard is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        print("tensorboard is not installed: curves are in metrics.csv alone; pip install tensorboard", file=sys.stderr)
        return None
    # What an earlier part wrote about later steps is done again, and TensorBoard told to forget it.
    forget = (steps + 1 if steps else 0) if (run_dir / FOLDER).is_dir() else None
    return TensorBoardLogger(run_dir, name="", version=FOLDER, default_hp_metric=False, purge_step=forget)


class Showing(Callback):
    """Shows something at the beginning of a run and after every validation, and changes nothing.

    Args:
        logger: of `board`.
        show: what shows it; called without gradients, in evaluation mode.
        first: whether nothing has been shown yet.
    """

    def __init__(self, logger: TensorBoardLogger, show: Show, first: bool):
        self.logger, self.show, self.first = logger, show, first

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        """Weights of lower precision than float32 do not show anything: a codec does not decode with them."""
        if not trainer.is_global_zero or any(p.dtype != torch.float32 for p in module.parameters()):
            return
        devices = [module.device] if module.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.autocast(module.device.type, enabled=False):
            self.show(Board(self.logger.experiment, int(module.step), self.first))
        self.first = False
