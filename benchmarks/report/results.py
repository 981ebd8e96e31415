"""What every benchmark leaves: OUT.json, OUT.md, and the command that makes both again."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.shared.atomic import write_atomically

RESULTS = Path(__file__).resolve().parents[1] / "results"


def command_line(script: str, argv: Sequence[str] | None = None) -> str:
    """The command that was run, ready for a shell; `argv` is what its main was given, None for the process's own."""
    return shlex.join(["python", f"benchmarks/{script}", *(sys.argv[1:] if argv is None else argv)])


def write_results(
    out: Path,
    report: dict[str, Any],
    text: str,
    plots: Mapping[str, bytes] | None = None,
    json_path: Path | None = None,
) -> None:
    """Write a report to OUT.json, its text to OUT.md, and plots beside them.

    Args:
        out: without an ending; "v1.0" is a whole name.
        report: ready for JSON.
        text: Markdown.
        plots: PNG files by what follows OUT in their names, such as ".png".
        json_path: in place of OUT.json.
    """
    files: dict[str, str | bytes] = {".md": text, **(plots or {})}
    write_atomically(json_path or Path(f"{out}.json"), json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    for ending, content in files.items():
        write_atomically(Path(f"{out}{ending}"), content)
