"""Shards that are whole or not there, and a file beside each that says so: `NAME.sha256`.

It is what `sha256sum -c` reads; a comment in its first line says what the shard is of and what it rejected. It is
written last, so a shard without it, or with files that are not the ones it lists, is not done.
"""

import glob
import json
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from pipelines.corpus.rejects import Reject
from pipelines.corpus.sources import sha256_of
from pipelines.shared.atomic import partial
from pipelines.shared.errors import UserError


@dataclass(frozen=True)
class Written:
    """A file of a shard."""

    name: str  # below the folder of the shards
    sha256: str
    size: int  # bytes
    mtime_ns: int  # as the file system says; not the same after a copy

    @classmethod
    def of(cls, path: Path, folder: Path) -> "Written":
        """Of a file below a folder."""
        stat = path.stat()
        return cls(path.relative_to(folder).as_posix(), sha256_of(path), stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True)
class Receipt:
    """What a shard that is done says of itself."""

    task: str  # hash of what it was made from; empty if of no plan
    utterances: int
    audio_s: float  # of these
    rejects: tuple[Reject, ...]
    files: tuple[Written, ...]

    def text(self) -> str:
        """As a file."""
        facts = {"task": self.task, "utterances": self.utterances, "audio_s": self.audio_s}
        facts |= {"rejects": [vars(one) for one in self.rejects]}
        facts |= {"files": [[one.size, one.mtime_ns] for one in self.files]}
        lines = [f"{one.sha256}  {one.name}\n" for one in self.files]
        return f"# {json.dumps(facts, ensure_ascii=False)}\n{''.join(lines)}"


def receipt_path(folder: Path, name: str) -> Path:
    """Where the receipt of a shard is or will be."""
    return folder / f"{name}.sha256"


def receipt_of(file: PurePath) -> str | None:
    """The shard that a file below a folder of shards is the receipt of; None for any other file."""
    return file.stem if len(file.parts) == 1 and file.suffix == ".sha256" else None


def parse_receipt(content: bytes) -> Receipt | None:
    """What `Receipt.text` gave; None for anything else."""
    try:
        first, *lines = content.decode().splitlines()
        facts = json.loads(first.removeprefix("# "))
        sums = [line.split("  ", 1) for line in lines]
        stats = facts.pop("files")
        rejects = tuple(Reject(**one) for one in facts.pop("rejects"))
        files = tuple(Written(path, sha, *stat) for (sha, path), stat in zip(sums, stats, strict=True))
        return Receipt(**facts, rejects=rejects, files=files)
    except (ValueError, KeyError, TypeError):
        return None


def refuse_another(receipt: Receipt, task: str, where: object) -> None:
    """Raise UserError for a receipt of something else, whose shard would be lost."""
    if receipt.task != task:
        what = "another plan, codec, tokenizer or format"
        raise UserError(f"{where} is of {what}; use another --out, or remove the shards there")


def done(folder: Path, name: str, task: str, thorough: bool = False) -> Receipt | None:
    """The receipt of a shard whose files are those that were written; None if it is still to be made.

    Args:
        folder: of the shards.
        name: of the shard.
        task: hash of what it is to be made from.
        thorough: read every file; otherwise only those whose time of change is another.

    Raises:
        UserError: it was made from something else, and would be lost.
    """
    path = receipt_path(folder, name)
    receipt = parse_receipt(path.read_bytes()) if path.is_file() else None
    if receipt is None:
        return None
    refuse_another(receipt, task, path)
    for one in receipt.files:
        try:
            stat = (folder / one.name).stat()
            if stat.st_size != one.size:
                return None
            if (thorough or stat.st_mtime_ns != one.mtime_ns) and sha256_of(folder / one.name) != one.sha256:
                return None
        except OSError:
            return None
    return receipt


def write_files(folder: Path, name: str, write: Callable[[Path], None]) -> tuple[Written, ...]:
    """Have files written into a folder of its own, bring them to the disk, and only then to their names.

    What an attempt that was killed has left of this shard is removed first.

    Args:
        folder: of the shards; a file `a/b` in that folder of its own becomes FOLDER/a/b.
        name: of the shard.
        write: gets the folder of its own.
    """
    receipt_path(folder, name).unlink(missing_ok=True)
    for old in folder.glob(f".{glob.escape(name)}.*.partial"):
        shutil.rmtree(old, ignore_errors=True)
    temporary = folder / f".{name}.{os.getpid()}-{secrets.token_hex(4)}.partial"
    temporary.mkdir()
    try:
        write(temporary)
        files = []
        for path in sorted(one for one in temporary.rglob("*") if one.is_file()):
            target = folder / path.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            sync(path)
            path.replace(target)
            sync(target.parent)
            files.append(Written.of(target, folder))
        return tuple(files)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_receipt(folder: Path, name: str, receipt: Receipt) -> None:
    """Say that a shard is done."""
    path = receipt_path(folder, name)
    temporary = partial(path)
    try:
        temporary.write_text(receipt.text(), "utf-8")
        sync(temporary)
        temporary.replace(path)
        sync(folder)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sums_of(receipts: Sequence[Receipt]) -> dict[str, str]:
    """SHA-256 of every file of some shards, by its name."""
    return {one.name: one.sha256 for receipt in receipts for one in receipt.files}
