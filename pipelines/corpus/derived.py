"""Folders of shards made from a manifest: what is whole, what to make again, what was made from something else.

A shard of which everything is still in the manifest, unchanged, is kept; what came in addition, or was rejected and
has been mended, is added to it. A shard that holds what has changed or is gone is refused, or made again on demand.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.corpus.manifest import Utterance
from pipelines.corpus.rejects import Reject, report
from pipelines.corpus.sources import Sources, changes, from_json, sources_of, to_json, unchanged
from pipelines.shared.errors import UserError


@dataclass(frozen=True)
class Made:
    """What a shard says of itself."""

    good: list[str]  # ids of its utterances
    sources: Sources | None  # None in shards of earlier versions
    rejects: list[Reject]


@dataclass(frozen=True)
class Todo:
    """How a shard is to be made."""

    sources: Sources
    keep: set[str]  # ids whose results in the shard that is there are still right


def made(good: list[str], notes: Mapping[str, str]) -> Made:
    """What a shard with some utterances and notes says."""
    sources = from_json(notes["sources"]) if "sources" in notes else None
    return Made(good, sources, [Reject(**values) for values in json.loads(notes.get("rejects", "[]"))])


def notes(sources: Sources, rejects: Sequence[Reject]) -> dict[str, str]:
    """What a shard keeps for `made`."""
    return {"sources": to_json(sources), "rejects": json.dumps([asdict(one) for one in rejects])}


def plan(
    path: Path, old: Made | None, utterances: Sequence[Utterance], folder: Path, *, redo: bool, with_text: bool = True
) -> Todo | None:
    """What to do for a shard of utterances of a manifest in `folder`; None if it is whole.

    Raises:
        UserError: it holds what has changed or gone, and is not to be made again.
    """
    if old and old.sources is None and not redo:
        if set(old.good) != {one.id for one in utterances}:
            raise UserError(f"{path} is of other utterances; make it again with --redo, or use another --out")
        print(f"{path} does not say what it was made from; taken as it is")
        return None
    known = (old.sources or {}) if old else {}
    new = sources_of(utterances, folder, known, with_text)
    if not old:
        return Todo(new, set())
    lost = changes(known, old.good, new)
    if lost and not redo:
        more = f", and {len(lost) - 1:,} more changes" if len(lost) > 1 else ""
        raise UserError(f"{path} is out of date: {lost[0]}{more}; make it again with --redo, or use another --out")
    fresh = unchanged(known, new)
    if not lost and fresh == set(new) == set(known):
        return None
    print(f"{path} is made again: {len(new) - len(fresh & set(old.good)):,} of {len(new):,} utterances")
    return Todo(new, fresh & set(old.good))


def refuse_strangers(folder: Path, shards: Sequence[Path]) -> None:
    """Raise UserError for a shard in `folder` that is none of `shards`, those of the whole manifest."""
    strangers = sorted(set(folder.glob("*.safetensors")) - set(shards))
    if strangers:
        names = ", ".join(path.name for path in strangers)
        raise UserError(
            f"{folder} has shards that are not of this manifest ({names}); remove them or use another --out"
        )


class Tally:
    """Rejects of one run as they come: as soon as they are too many of all, it ends.

    Args:
        total: utterances of the corpus.
        most: share of them that may be rejected.
        report: lists what has come so far, and raises UserError.
    """

    def __init__(self, total: int, most: float, report: Callable[[Sequence[Reject]], None]):
        self.total, self.most, self.report = total, most, report
        self.bad: list[Reject] = []

    def add(self, rejects: Sequence[Reject]) -> None:
        """Some more; raises UserError."""
        self.bad += rejects
        if len(self.bad) > self.most * self.total:
            self.report(self.bad)


def report_all(folder: Path, shards: Sequence[Made], most: float) -> None:
    """List in FOLDER/rejects.jsonl what its shards have rejected, in whichever run; raises UserError if too much."""
    rejects = [one for shard in shards for one in shard.rejects]
    report(folder / "rejects.jsonl", rejects, sum(len(shard.good) for shard in shards) + len(rejects), most)
