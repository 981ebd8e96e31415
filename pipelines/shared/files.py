"""How every script treats its user's files and mistakes: whole files or none, one clear line, exit code 2."""

import os
import sys
from collections.abc import Callable
from pathlib import Path


class UserError(ValueError):
    """A mistake the user can mend; its message says what was given, what was expected and what to do."""


def guard(main: Callable[[], None]) -> None:
    """Run a script's main: a user's mistake prints one line and exits with 2, an interrupt exits with 130."""
    try:
        main()
    except (UserError, ValueError, OSError, ImportError) as error:
        if os.environ.get("LFSC_TRACEBACK"):
            raise
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command resumes", file=sys.stderr)
        sys.exit(130)


def partial(path: Path) -> Path:
    """The temporary name beside `path` that a file bears until it is whole (same suffix, so writers see the format)."""
    return path.with_name(f".{path.stem}.partial{path.suffix}")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial(path)
    temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    temporary.replace(path)
