"""Files that are whole or not there: written under a temporary name, then renamed."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def partial(path: Path) -> Path:
    """A temporary name beside `path`, with its suffix, so that writers see the format. No two calls give the same."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.partial{path.suffix}")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the temporary name to write under; at the end the file gets its own, or is removed if that failed."""
    temporary = partial(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
