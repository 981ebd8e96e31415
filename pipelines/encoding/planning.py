"""Manifest -> plan, in memory that does not grow with it: lines are checked one by one and sorted on disk."""

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.corpus.manifest import parse
from pipelines.corpus.rejects import MOST, Reject, report
from pipelines.encoding.batches import batches_of
from pipelines.encoding.places import is_url, local, parent
from pipelines.encoding.plan import Entry, Plan, Settings, hash_of, line_of
from pipelines.encoding.sorting import sorted_lines
from pipelines.shared.atomic import replacing, write_atomically
from pipelines.shared.errors import UserError

LONGEST_LINE = 2**20  # bytes; what is longer is no line of a manifest
encode = json.JSONEncoder(ensure_ascii=False).encode
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass
class Counts:
    """What planning has seen."""

    utterances: int = 0
    seconds: float = 0.0
    bad: list[Reject] = field(default_factory=list)  # lines that are none of a manifest
    content: Any = field(default_factory=hashlib.sha256)  # of the whole manifest


def plan_manifest(place: str, folder: Path, settings: Settings, most: float = MOST) -> Plan:
    """`make_plan` of a manifest by path or URL."""
    with local(place) as path:
        return make_plan(path, folder, settings, most, parent(place) if is_url(place) else "")


def check_manifest(place: str, plan: Plan) -> None:
    """Raise UserError where a plan was made of another manifest, by path or URL, than this, or of what it was before.

    Plans of before manifests were remembered are taken as they are.
    """
    if not plan.manifest:
        return
    with local(place) as path:
        if not path.is_file():
            raise UserError(f"{place} is not a manifest file; leave out --manifest: {plan.folder} has all of it")
        content = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(LONGEST_LINE):
                content.update(block)
    if content.hexdigest() != plan.manifest:
        raise UserError(
            f"got --manifest {place}, and {plan.folder} was made of another one, or of what was in it before; plan it "
            "in another folder, or leave out --manifest"
        )


def make_plan(manifest: Path, folder: Path, settings: Settings, most: float = MOST, root: str = "") -> Plan:
    """Write a plan for a manifest into a folder, plan.json last.

    Shards follow the ids of their utterances. Of lines with one id the first counts, the others are rejects of its
    shard; lines that are none of a manifest are listed in rejects.jsonl beside the plan.

    Args:
        manifest: lines of JSON, of any number.
        folder: of the plan; while it is made it holds temporary files as large as the manifest.
        settings: for all shards.
        most: share of lines that may be rejected.
        root: folder or URL that audio is relative to; empty = that of the manifest.

    Raises:
        UserError: there is no manifest, nothing in it, or too much of it is no manifest.
    """
    if not manifest.is_file():
        raise UserError(f"{manifest} is not a manifest file; make one with `lfsc-tts prepare-corpus`")
    folder.mkdir(parents=True, exist_ok=True)
    counts = Counts()
    lines = sorted_lines(keyed_lines(manifest, counts), folder)
    entries, offset, twice = [], 0, 0
    with replacing(folder / "shards.jsonl") as temporary, temporary.open("wb") as file:
        for name, line, rejected in planned_lines(lines, settings.shard_size):
            entries.append(Entry(name, offset, hash_of(line)))
            offset, twice = offset + len(line), twice + rejected
            file.write(line)
        total = counts.utterances + len(counts.bad)
        report(folder / "rejects.jsonl", counts.bad, total, most)
        if not counts.utterances:
            raise UserError(f"{manifest} holds no utterance")
        file.flush()
        os.fsync(file.fileno())
    root = root or os.path.relpath(manifest.resolve().parent, folder.resolve())
    totals = counts.utterances - twice, len(counts.bad) + twice, counts.seconds / 3600
    plan = Plan(folder, settings, root, *totals, tuple(entries), counts.content.hexdigest())
    write_atomically(folder / "plan.json", json.dumps(plan.save()))
    return plan


def keyed_lines(manifest: Path, counts: Counts) -> Iterator[bytes]:
    """Lines that sort by id and then by their number: `id TAB number TAB seconds TAB utterance`."""
    with manifest.open("rb") as file:
        for number in itertools.count(1):
            raw = file.readline(LONGEST_LINE)
            if not raw:
                return
            counts.content.update(raw)
            text = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if not text.strip():
                continue
            try:
                one = parse(text.decode())
            except ValueError as error:  # of decoding too
                counts.bad.append(Reject(f"{manifest}:{number}", str(error)))
                continue
            counts.utterances += 1
            counts.seconds += one.duration_s
            yield f"{one.id.translate(ESCAPES)}\t{number:012d}\t{one.duration_s}\t{encode(vars(one))}\n".encode()


def planned_lines(lines: Iterable[bytes], size: int) -> Iterator[tuple[str, bytes, int]]:
    """Sorted lines -> name and line of shards of `size` utterances, and how many each rejects.

    A shard is named for the number of its first utterance. It is not parsed again: that would double the time.
    """
    members: list[tuple[bytes, float]] = []
    rejects: list[Reject] = []
    start, last, first_number = 0, b"", 0
    for line in lines:
        key, number, seconds, values = line.rstrip(b"\n").split(b"\t", 3)
        if key == last:
            rejects.append(Reject(json.loads(values)["id"], f"line {int(number)}: line {first_number} has the same id"))
            continue
        if len(members) == size:
            yield planned(start, members, rejects)
            start, members, rejects = start + size, [], []
        last, first_number = key, int(number)
        members.append((values, float(seconds)))
    if members:
        yield planned(start, members, rejects)


def planned(start: int, members: list[tuple[bytes, float]], rejects: list[Reject]) -> tuple[str, bytes, int]:
    """One of `planned_lines`."""
    name, batches = f"{start:08d}", batches_of([seconds for _, seconds in members])
    return name, line_of(name, [values for values, _ in members], batches, rejects), len(rejects)
