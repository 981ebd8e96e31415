"""What was made of a plan, for tests of encoding."""

import json
from pathlib import Path


def files(folder: Path) -> dict[str, bytes]:
    """Everything that shards are, not what is said of the run."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "report.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.suffix != ".sha256"}


def rejects(folder: Path) -> dict[str, str]:
    path = folder / "rejects.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return {one["what"]: one["reason"] for one in map(json.loads, lines)}
