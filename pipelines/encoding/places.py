"""Files on this machine, or elsewhere by URL: `s3://bucket/a.flac` and whatever else fsspec knows.

Optional: pip install 'lfsc-tts[cloud]' for S3; others need their own package, as fsspec says.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

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
    with reached(place, "read"):
        import fsspec

        with fsspec.open(place, "rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, BLOCK)


@contextlib.contextmanager
def reached(place: str, done: str) -> Iterator[None]:
    """UserError for whatever keeps a place by URL from being reached; FileNotFoundError stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except ImportError as error:
        raise UserError(f"{place} cannot be {done} ({error}); pip install 'lfsc-tts[cloud]'") from None
    except Exception as error:  # each file system has errors of its own
        raise UserError(f"{place} cannot be {done} ({error}); when it can, the same command goes on") from None


class FileSystem:
    """The files below a URL, by their names there.

    Raises:
        UserError: at any call, where it cannot be reached.
    """

    def __init__(self, url: str):
        self.url = url.rstrip("/")
        with reached(url, "written"):
            from fsspec.core import url_to_fs

            self.system: Any
            # What others write meanwhile is to be seen, so no list is remembered.
            self.system, self.root = url_to_fs(self.url, use_listings_cache=False)

    def sizes(self) -> dict[str, int]:
        """Bytes of every file."""
        try:
            with reached(self.url, "read"):
                found = self.system.find(self.root, detail=True)
        except FileNotFoundError as error:
            raise UserError(f"{self.url} cannot be written ({error}); make the bucket, or mend the URL") from None
        begin = len(self.root) + 1
        return {path[begin:]: int(facts["size"]) for path, facts in found.items()}

    def read(self, names: Sequence[str]) -> list[bytes]:
        """Contents of small files, of many at once; empty for one that is gone."""
        with reached(self.url, "read"):
            found = self.system.cat_ranges([f"{self.root}/{name}" for name in names], None, None, on_error="return")
            for one in found:
                if isinstance(one, Exception) and not isinstance(one, FileNotFoundError):
                    raise one
        return [b"" if isinstance(one, Exception) else bytes(one) for one in found]

    def sha256(self, name: str) -> str:
        """Of a file's content."""
        digest = hashlib.sha256()
        with reached(f"{self.url}/{name}", "read"), self.system.open(f"{self.root}/{name}", "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def upload(self, path: Path, name: str) -> None:
        """Copy a file there."""
        target = f"{self.root}/{name}"
        with self.writing(name):
            self.system.put_file(str(path), target)
            size = self.system.size(target)
            if size != path.stat().st_size:
                raise OSError(f"{size} of {path.stat().st_size} bytes have arrived")

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        with self.writing(name):
            self.system.pipe_file(f"{self.root}/{name}", content)

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        with contextlib.suppress(FileNotFoundError), reached(f"{self.url}/{name}", "removed"):
            if self.system.exists(f"{self.root}/{name}"):
                self.system.rm_file(f"{self.root}/{name}")

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """For a file to be written, in a folder where there is such a thing."""
        url = f"{self.url}/{name}"
        try:
            with reached(url, "written"):
                if "file" in self.system.protocol:
                    self.system.makedirs(parent(f"{self.root}/{name}"), exist_ok=True)
                yield
        except FileNotFoundError as error:
            raise UserError(f"{url} cannot be written ({error}); make the bucket, or mend the URL") from None
