"""Words with two readings, told apart by the words around them where the tagger of the G2P is often wrong.

data/heteronyms.tsv: word, phonemes, and two patterns, for what stands before it and what follows.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"
# After these, and as a sentence's first word before those, a word that may be a noun or a verb is a verb.
VERB_AFTER = re.compile(
    r"\b(?:i|we|you|they|will|would|can|could|should|must|may|might|cannot|let's|please|"
    r"(?:do|did|does|wo|ca|could|would)n't) $"
)
VERB_BEFORE = re.compile(
    r"(?:the|an?|this|that|these|those|my|your|his|her|its|our|their|me|him|them|us|it|yourself)\b"
)
NO_SUBJECT = re.compile(r"\b(?:of|with|for|than|like|between|about|to|and) (?:you|they) $|\bmay $(?<=^may )")


class Cue(NamedTuple):
    """A reading and where it holds."""

    phonemes: str
    before: str  # patterns
    after: str

    def fits(self, before: str, after: str) -> bool:
        """Whether both patterns match; `before` up to its end."""
        return bool(_compiled(f"(?:{self.before})$").search(before) and _compiled(self.after).match(after))


def reading(word: str, before: str, after: str) -> str | None:
    """Phonemes of `word` between its neighbours; None where the G2P decides.

    >>> reading("lead", "", " paint is old")
    'lˈɛd'
    """
    cues = heteronyms().get(word) or heteronyms().get(word.lower())
    if not cues:
        return None
    before, after = before.lower().replace("'ll ", " will "), after.lower().lstrip()
    return next((cue.phonemes for cue in cues if cue.fits(before, after)), None)


def is_verb(before: str, after: str) -> bool:
    """Whether a word that may be a noun or a verb is a verb between these."""
    before, after = before.lower().replace("'ll ", " will "), after.lower().lstrip()
    if not before.strip(" \"'“‘"):
        return bool(VERB_BEFORE.match(after))
    return bool(VERB_AFTER.search(before)) and not NO_SUBJECT.search(before)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def heteronyms() -> dict[str, list[Cue]]:
    """Word -> its cues, in the order in which they are tried."""
    found: dict[str, list[Cue]] = {}
    for line in (DATA / "heteronyms.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            word, phonemes, before, after = line.split("\t")
            found.setdefault(word, []).append(Cue(phonemes, before, after))
    return found
