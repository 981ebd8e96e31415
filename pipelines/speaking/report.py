"""What a command says of the speech that it has made, and how far it is."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.speaking.pieces import Piece


class Report:
    """What is printed at the end of a text."""

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate
        self.begin, self.first = time.perf_counter(), 0.0
        self.samples = self.frames = 0
        self.confidence = 0.0

    def add(self, piece: Piece) -> None:
        """Count one piece."""
        if len(piece.audio) and not self.samples:
            self.first = time.perf_counter() - self.begin
        self.samples += len(piece.audio)
        self.frames += len(piece.confidences)
        self.confidence += float(np.sum(piece.confidences))

    def values(self, out: str, seed: int) -> dict[str, Any]:
        """The report as numbers."""
        elapsed, duration = time.perf_counter() - self.begin, self.samples / self.sample_rate
        return {
            "out": out,
            "duration_s": round(duration, 3),
            "time_to_first_audio_ms": round(self.first * 1000, 1),
            "real_time_factor": round(elapsed / duration, 4),
            "confidence": round(self.confidence / max(self.frames, 1), 3),
            "sample_rate": self.sample_rate,
            "seed": seed,
        }


@contextlib.contextmanager
def progress(count: int, shown: bool) -> Iterator[Any]:
    """A bar over `count` steps on standard error; yields a function to call after each."""
    columns = TextColumn("speaking"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeRemainingColumn()
    seen = shown and sys.stderr is not None and sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=not seen, transient=True) as bar:
        task = bar.add_task("speaking", total=count)
        yield lambda: bar.advance(task)


def show(values: dict[str, Any], as_json: bool, to_stderr: bool) -> None:
    """Print one report."""
    line = json.dumps(values)
    if not as_json:
        line = (
            f"{values['out']}: {values['duration_s']:.2f} s of speech, first audio after "
            f"{values['time_to_first_audio_ms']:.0f} ms, real-time factor {values['real_time_factor']:.3f}, "
            f"confidence {values['confidence']:.2f}"
        )
    printable = line.encode("utf-8", "backslashreplace").decode()  # a file's name may be no text
    print(printable, file=sys.stderr if to_stderr else sys.stdout, flush=True)
