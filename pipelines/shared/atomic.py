"""Files that are whole or not there: written under a temporary name, then renamed."""

from pathlib import Path


def partial(path: Path) -> Path:
    """The temporary name beside `path` that a file bears until it is whole (same suffix, so writers see the format)."""
    return path.with_name(f".{path.stem}.partial{path.suffix}")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial(path)
    temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    temporary.replace(path)
