"""Pairs of tries of one sentence, of which one is heard right and the other is not: OUT/pairs.jsonl."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from pipelines.preferences.tries import Try
from pipelines.shared.atomic import write_atomically
from pipelines.shared.errors import UserError

FILE = "pairs.jsonl"
RUNAWAY = 1.5  # times the usual length of a sentence's tries: whatever is heard, this one did not end


@dataclass(frozen=True)
class Pair:
    """Two tries of a sentence by one speaker."""

    text: str
    speaker: str  # "" in a voice of one
    chosen: str  # name of the utterance
    rejected: str
    chosen_error_rate: float  # of characters
    rejected_error_rate: float
    chosen_frames: int
    rejected_frames: int


def pair_of(tries: Sequence[Try], most: float, margin: float) -> Pair | None:
    """The best and the worst try of a sentence, where they really differ.

    Of several that are heard equally well the best is the one of the most usual length, so that pairs teach neither to
    hurry nor to drag.

    Args:
        tries: of one sentence.
        most: character error rate of the best one, at most.
        margin: by how much that of the worst is larger, at least. A runaway is all wrong.
    """
    usual = statistics.median(one.frames for one in tries)
    wrong = {one: one.error_rate + (one.frames > RUNAWAY * usual) for one in tries}
    best = min(tries, key=lambda one: (wrong[one], abs(one.frames - usual)))
    worst = max(tries, key=wrong.__getitem__)
    if wrong[best] > most or wrong[worst] - wrong[best] < margin:
        return None
    rates, lengths = (best.error_rate, worst.error_rate), (best.frames, worst.frames)
    return Pair(best.text, best.speaker, best.name, worst.name, *rates, *lengths)


def by_sentence(tries: Iterable[Try]) -> list[list[Try]]:
    """Tries of each sentence."""
    return [list(group) for _, group in groupby(tries, key=lambda one: one.name.rpartition("-")[0])]


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """One JSON object a line."""
    write_atomically(path, "".join(json.dumps(asdict(pair), ensure_ascii=False) + "\n" for pair in pairs))


def read_pairs(path: Path) -> list[Pair]:
    """What write_pairs wrote.

    Raises:
        UserError: there is no such file, or it holds something else or nothing.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; make it with make_pairs.py")
    try:
        pairs = [Pair(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} holds no pairs ({error}); make it with make_pairs.py") from None
    if not pairs:
        raise UserError(f"{path} is empty: no try differed from another; make_pairs.py takes more texts and --tries")
    return pairs
