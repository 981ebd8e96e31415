"""Where shards are put: a folder of a file system, or one by URL, `s3://bucket/codes` or another URL of fsspec.

By URL a shard is made in a temporary folder here and uploaded, its receipt last; an object store shows an object when
it is whole. What is there is known from a list of all objects with their sizes, and from the receipts.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from pipelines.encoding import receipts
from pipelines.encoding.places import FileSystem, is_url
from pipelines.encoding.receipts import Receipt, Written, done, parse_receipt, refuse_another, write_receipt
from pipelines.shared.atomic import write_atomically

MANY = 1000  # receipts read at once


class Store(Protocol):
    """A folder of shards."""

    place: str  # path or URL

    def names(self) -> list[str]:
        """Files in it, and in folders in it, by their names below it; none that are still being written."""

    def done(self, tasks: Mapping[str, str], thorough: bool = False) -> dict[str, Receipt]:
        """Receipts of the shards that are done, by their names.

        Args:
            tasks: what each shard is to be made from, a hash, by its name.
            thorough: read every file; otherwise only what may have changed, as far as sizes and times tell.

        Raises:
            UserError: one was made from something else, and would be lost.
        """

    def write_files(self, name: str, write: Callable[[Path], None]) -> tuple[Written, ...]:
        """Have the files of a shard written into an empty folder and put them here; it is not done before its receipt.

        A receipt that is there already is removed first.
        """

    def write_receipt(self, name: str, receipt: Receipt) -> None:
        """Say that a shard is done."""

    def write(self, name: str, text: str) -> None:
        """Write a file, whole or not at all."""

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""


def store_of(place: str) -> Store:
    """The store that a path or URL names; raises UserError where nothing here knows such URLs."""
    return Remote(place) if is_url(place) else Folder(place)


class Folder:
    """A Store on a file system that this machine sees."""

    def __init__(self, place: str):
        self.place, self.path = place, Path(place)

    def names(self) -> list[str]:
        """See Store."""
        found = []
        for folder, inner, files in os.walk(self.path):
            inner[:] = [name for name in inner if not name.startswith(".")]
            found += [Path(folder, name).relative_to(self.path) for name in files if not name.startswith(".")]
        return [path.as_posix() for path in found]

    def done(self, tasks: Mapping[str, str], thorough: bool = False) -> dict[str, Receipt]:
        """See Store."""
        found = ((name, done(self.path, name, task, thorough)) for name, task in tasks.items())
        return {name: receipt for name, receipt in found if receipt}

    def write_files(self, name: str, write: Callable[[Path], None]) -> tuple[Written, ...]:
        """See Store."""
        self.path.mkdir(parents=True, exist_ok=True)
        return receipts.write_files(self.path, name, write)

    def write_receipt(self, name: str, receipt: Receipt) -> None:
        """See Store."""
        write_receipt(self.path, name, receipt)

    def write(self, name: str, text: str) -> None:
        """See Store."""
        write_atomically(self.path / name, text)

    def remove(self, name: str) -> None:
        """See Store."""
        (self.path / name).unlink(missing_ok=True)


class Remote:
    """A Store by URL. What it raises as UserError where it cannot be reached is said by FileSystem."""

    def __init__(self, place: str):
        self.place, self.files = place, FileSystem(place)

    def names(self) -> list[str]:
        """See Store."""
        return list(self.files.sizes())

    def done(self, tasks: Mapping[str, str], thorough: bool = False) -> dict[str, Receipt]:
        """See Store; without `thorough` sizes alone are compared."""
        sizes = self.files.sizes()
        wanted = [name for name in tasks if f"{name}.sha256" in sizes]
        found = {}
        for name, receipt in self.read(wanted):
            refuse_another(receipt, tasks[name], f"{self.place}/{name}.sha256")
            whole = all(sizes.get(one.name) == one.size for one in receipt.files)
            if whole and thorough:
                whole = all(self.files.sha256(one.name) == one.sha256 for one in receipt.files)
            if whole:
                found[name] = receipt
        return found

    def read(self, names: list[str]) -> Iterator[tuple[str, Receipt]]:
        """Receipts of some shards that have them; those that are damaged are left out."""
        for begin in range(0, len(names), MANY):
            part = names[begin : begin + MANY]
            contents = self.files.read([f"{name}.sha256" for name in part])
            for name, content in zip(part, contents, strict=True):
                receipt = parse_receipt(content)
                if receipt:
                    yield name, receipt

    def write_files(self, name: str, write: Callable[[Path], None]) -> tuple[Written, ...]:
        """See Store."""
        self.remove(f"{name}.sha256")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write(folder)
            written = []
            for path in sorted(one for one in folder.rglob("*") if one.is_file()):
                one = Written.of(path, folder)
                self.files.upload(path, one.name)
                written.append(one)
        return tuple(written)

    def write_receipt(self, name: str, receipt: Receipt) -> None:
        """See Store."""
        self.write(f"{name}.sha256", receipt.text())

    def write(self, name: str, text: str) -> None:
        """See Store."""
        self.files.write(name, text.encode())

    def remove(self, name: str) -> None:
        """See Store."""
        self.files.remove(name)
