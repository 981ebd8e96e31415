"""Files on this machine, or elsewhere by URL: `s3://bucket/a.flac` and whatever else fsspec knows.

Optional: pip install 'lfsc-tts[cloud]' for S3; others need their own package, as fsspec says.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipelines.shared.errors import UserError

BLOCK = 2**20  # bytes copied at once


def is_url(place: str) -> bool:
    """Whether a place is not on this machine."""
    return "://" in place


def joined(root: str, place: str) -> str:
    """A place as seen from a folder; URLs and absolute paths are where they are."""
    if is_url(place):
        return place
    return f"{root.rstrip('/')}/{place}" if is_url(root) else os.path.join(root, place)


def parent(place: str) -> str:
    """The folder of a file by URL."""
    return place.rpartition("/")[0]


@contextlib.contextmanager
def local(place: str) -> Iterator[Path]:
    """A file on this machine: itself, or a copy for as long as it is looked at.

    Raises:
        FileNotFoundError: there is none.
        UserError: it cannot be had now, or nothing here knows such URLs. That is no fault of the file.
    """
    if not is_url(place):
        yield Path(place)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"file{PurePosixPath(place).suffix}")  # no name of a stranger's
        fetch(place, path)
        yield path


def fetch(place: str, path: Path) -> None:
    """Copy what a URL leads to; raises as `local`."""
    try:
        import fsspec

        with fsspec.open(place, "rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, BLOCK)
    except FileNotFoundError:
        raise
    except ImportError as error:
        raise UserError(f"{place} cannot be read ({error}); pip install 'lfsc-tts[cloud]'") from None
    except Exception as error:  # each file system has errors of its own
        raise UserError(f"{place} cannot be read ({error}); when it can, the same command goes on") from None
