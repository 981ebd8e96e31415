"""The curves of a run: RUN_DIR/metrics.csv, in which every step stands once however often the run was interrupted."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from pipelines.shared.atomic import write_atomically

Row = Mapping[str, Any]


class CsvLog(Logger):
    """A table of metrics, a line for each time something is logged.

    Lightning's own deletes what an earlier part of the run wrote, and loses everything where the disk is full when a
    column comes in.

    Args:
        folder: --run_dir.
        steps: that the earlier parts of the run have done; what they wrote about later ones is done again.
    """

    def __init__(self, folder: Path, steps: int = 0):
        super().__init__()
        self.path, self.steps = folder / "metrics.csv", steps
        self.names: list[str] = []  # columns, once something is logged

    @property
    def name(self) -> str:
        """None is needed: a run has a folder."""
        return ""

    @property
    def version(self) -> str:
        """As of name."""
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> "CsvLog":
        """What writes; of several processes the first."""
        return self

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """They are in config.json."""

    @rank_zero_only
    def log_metrics(self, metrics: Row, step: int | None = None) -> None:
        """Write one line; step counts from the beginning of the run."""
        row = {**metrics, "step": step}
        if set(row) <= set(self.names):
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(table([row], self.names))
            return
        rows = list(self.rows())
        names = sorted({*row, *self.names, *(name for each in rows for name in each)})
        write_atomically(self.path, ",".join(names) + "\n" + table([*rows, row], names))
        self.names = names

    def rows(self) -> Iterable[Row]:
        """What is there; of earlier parts of the run what is whole and not done again."""
        text = self.path.read_text("utf-8") if self.path.is_file() else ""
        return (row for row in csv.DictReader(io.StringIO(text)) if self.names or belongs(row, self.steps))


def table(rows: Iterable[Row], names: list[str]) -> str:
    """Lines of CSV."""
    text = io.StringIO()
    csv.DictWriter(text, names, lineterminator="\n").writerows(rows)
    return text.getvalue()


def belongs(row: Row, steps: int) -> bool:
    """Whether a line is whole and of one of the first `steps` steps."""
    try:
        return float(row["step"]) <= steps and None not in row.values()
    except (KeyError, TypeError, ValueError):
        return False
