"""What of a corpus cannot be used, and why: counted, shown and listed, never dropped unsaid."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.shared.atomic import write_atomically
from pipelines.shared.errors import UserError

MOST = 0.2  # share of a corpus; more than that is a mistake of all of it rather than of its parts
SHOWN = 5


@dataclass(frozen=True)
class Reject:
    """Something that is left out."""

    what: str  # an utterance's id, a file, or a line of one
    reason: str
    orphan: bool = False  # a file without a partner, rather than an utterance


def report(path: Path, rejects: Sequence[Reject], total: int, most: float = MOST) -> None:
    """List rejects in a file, and print how many they are and the first; without any, there is no such file.

    Args:
        path: of the list, one JSON object a line.
        rejects: everything that was left out of `total` utterances.
        most: share of `total` that may be rejected.

    Raises:
        UserError: more are.
    """
    if rejects:
        write_rejects(path, rejects)
    else:
        path.unlink(missing_ok=True)
    tell(rejects, total, most, path)


def tell(rejects: Sequence[Reject], total: int, most: float, where: object) -> None:
    """The part of `report` that is for people; `where` names the list."""
    if not rejects:
        return
    bad = [one for one in rejects if not one.orphan]
    refuse_too_many(bad, total, most, where)
    orphans = len(rejects) - len(bad)
    counts = [f"{len(bad):,} of {total:,} utterances rejected"] * bool(bad)
    counts += [f"{orphans:,} file{'s' * (orphans > 1)} without a partner left out"] * bool(orphans)
    print(f"{', '.join(counts)}; all in {where}:")
    for one in rejects[:SHOWN]:
        print(f"  {one.what}: {one.reason}")
    if len(rejects) > SHOWN:
        print(f"  ... and {len(rejects) - SHOWN:,} more")


def write_rejects(path: Path, rejects: Sequence[Reject]) -> None:
    """One JSON object a line."""
    write_atomically(path, lines_of(rejects))


def lines_of(rejects: Sequence[Reject]) -> str:
    """One JSON object a line."""
    return "".join(f"{json.dumps(asdict(one), ensure_ascii=False)}\n" for one in rejects)


def refuse_too_many(bad: Sequence[Reject], total: int, most: float, where: object) -> None:
    """Raise UserError if more than a share of the utterances is bad."""
    if len(bad) > most * total:
        first = "; ".join(f"{one.what}: {one.reason}" for one in bad[:SHOWN])
        raise UserError(
            f"{len(bad):,} of {total:,} utterances cannot be used, more than {most:.0%}: {first}; all are in {where}; "
            "mend them, or allow more with --max-rejects"
        )
