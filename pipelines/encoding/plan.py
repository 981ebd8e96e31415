"""A plan: which utterances make which shard, fixed before any of them is encoded.

Whoever encodes a shard, and whenever, finds the same utterances in the same order and batches, so shards come out the
same, byte by byte, in one process and in many. A plan is a folder of two files: `shards.jsonl` has a line for each
shard, `plan.json` the places of these lines, what codec and tokenizer they are for, and the hash of it all.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.corpus.manifest import Utterance
from pipelines.corpus.rejects import Reject
from pipelines.shared.errors import UserError

VERSION = 1


@dataclass(frozen=True)
class Settings:
    """What codes and rejects depend on besides the utterances."""

    codec: str  # fingerprint
    tokenizer: str  # fingerprint
    reread: bool = False  # read texts anew whose phonemes the tokenizer does not know
    longest_s: float = 60.0  # of a recording
    shard_size: int = 1000  # utterances


@dataclass(frozen=True)
class PlannedShard:
    """One task: the utterances of a shard, the batches they are encoded in, and what is rejected unheard."""

    name: str
    utterances: tuple[Utterance, ...]
    batches: tuple[tuple[int, ...], ...]  # numbers of utterances
    rejects: tuple[Reject, ...] = ()

    @classmethod
    def parse(cls, line: bytes) -> "PlannedShard":
        """What `line_of` wrote."""
        values = json.loads(line)
        utterances = tuple(Utterance(**one) for one in values["utterances"])
        rejects = tuple(Reject(**one) for one in values["rejects"])
        return cls(values["name"], utterances, tuple(map(tuple, values["batches"])), rejects)


def line_of(
    name: str, utterances: Sequence[bytes], batches: Sequence[Sequence[int]], rejects: Sequence[Reject]
) -> bytes:
    """The line of a PlannedShard; its utterances are JSON already."""
    rest = json.dumps({"name": name, "batches": batches, "rejects": [vars(one) for one in rejects]}, ensure_ascii=False)
    return b'{"utterances": [' + b", ".join(utterances) + b"], " + rest[1:].encode() + b"\n"


@dataclass(frozen=True)
class Entry:
    """Where a shard stands in shards.jsonl."""

    name: str
    offset: int  # bytes
    hash: str  # of its line


@dataclass(frozen=True)
class Plan:
    """A plan that is there."""

    folder: Path
    settings: Settings
    root: str  # folder or URL that audio paths are relative to
    utterances: int
    rejected: int  # already while planning
    hours: float
    shards: tuple[Entry, ...]
    manifest: str = ""  # SHA-256 of the one it was made of; empty = not known

    @property
    def hash(self) -> str:
        """SHA-256, 16 hex digits, of utterances, batches and settings, wherever they lie."""
        return hash_of(json.dumps([asdict(self.settings), *(one.hash for one in self.shards)]).encode())

    def task(self, number: int) -> str:
        """Hash of all that a shard depends on, its recordings apart."""
        return hash_of(json.dumps([asdict(self.settings), self.shards[number].hash]).encode())

    def shard(self, number: int) -> PlannedShard:
        """Read a shard's line; raises UserError for one that is not what was planned."""
        path = self.folder / "shards.jsonl"
        with path.open("rb") as file:
            file.seek(self.shards[number].offset)
            line = file.readline()
        shard = PlannedShard.parse(line) if hash_of(line) == self.shards[number].hash else None
        if shard is None or shard.name != self.shards[number].name:
            raise UserError(f"{path} is not what {self.folder / 'plan.json'} says; remove {self.folder} and plan again")
        return shard

    def save(self) -> dict[str, Any]:
        """What plan.json holds."""
        values = {"version": VERSION, "hash": self.hash, "settings": asdict(self.settings), "root": self.root}
        values["manifest"] = self.manifest
        totals = {"utterances": self.utterances, "rejected": self.rejected, "hours": self.hours}
        return values | totals | {"shards": [[one.name, one.offset, one.hash] for one in self.shards]}


def hash_of(content: bytes) -> str:
    """SHA-256, 16 hex digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def open_plan(folder: Path) -> Plan:
    """Read plan.json; raises UserError for what is none, or was changed."""
    path = folder / "plan.json"
    if not path.is_file():
        raise UserError(f"{folder} holds no plan; make one with `lfsc-tts plan`")
    try:
        values = json.loads(path.read_bytes())
        if values["version"] != VERSION:
            raise UserError(f"{path} is of version {values['version']}, expected {VERSION}; plan again")
        entries = tuple(Entry(name, int(offset), line) for name, offset, line in values["shards"])
        totals = values["utterances"], values["rejected"], values["hours"]
        settings, manifest = Settings(**values["settings"]), str(values.get("manifest", ""))  # older ones do not say
        plan = Plan(folder, settings, str(values["root"]), *totals, entries, manifest)
        whole = plan.hash == values["hash"] and all(one.name.isdigit() for one in entries)  # a name becomes a path
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not a plan ({error}); plan again") from None
    if not whole:
        raise UserError(f"{path} was changed after it was made; remove {folder} and plan again")
    return plan
