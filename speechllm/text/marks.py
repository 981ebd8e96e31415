"""What may stand in a text beside words, as marks that are passed on whole: sounds that are given, and breaks.

A mark is a capital X, so that it counts as a word where sentences are split, and its contents in characters of a
private use area, one for each byte, so that nothing on the way takes them for text. Whoever lets text in removes such
characters from it first, by `without_marks`.
"""

import re
from typing import NamedTuple

FIRST = 0xF0000  # of 256 characters, one for each byte
LONGEST = 160  # bytes of a mark; it must fit in a sentence
MARK = re.compile(f"X[{chr(FIRST)}-{chr(FIRST + 255)}]+")
FOREIGN = re.compile(f"[{chr(FIRST)}-{chr(FIRST + 255)}]")
SEPARATOR = "\x1f"


class Sounds(NamedTuple):
    """A word that is said as given."""

    phonemes: str
    written: str = ""  # what it stands for, if it is known


class Break(NamedTuple):
    """A pause."""

    duration_s: float


def without_marks(text: str) -> str:
    """Text without the characters that marks are made of; nobody can see or say them."""
    return FOREIGN.sub("", text)


def encode(item: Sounds | Break) -> str:
    """The mark of an item.

    Raises:
        ValueError: more than fits in a sentence.
    """
    fields = ("b", f"{item.duration_s:.6f}") if isinstance(item, Break) else ("s", *item)
    data = SEPARATOR.join(fields).encode()
    if len(data) > LONGEST:
        raise ValueError(f"got {' '.join(fields[1:])[:40]!r} and more as one word; expected one word at a time")
    return "X" + "".join(chr(FIRST + byte) for byte in data)


def decode(mark: str) -> Sounds | Break:
    """What a mark says."""
    kind, *fields = bytes(ord(char) - FIRST for char in mark[1:]).decode().split(SEPARATOR)
    return Break(float(fields[0])) if kind == "b" else Sounds(*fields)


def as_written(text: str) -> str:
    """Text for a reader: each mark as what it stands for."""

    def shown(match: re.Match[str]) -> str:
        item = decode(match[0])
        return "" if isinstance(item, Break) else item.written or f"[[{item.phonemes}]]"

    return re.sub(r" {2,}", " ", MARK.sub(shown, text)).strip() if FOREIGN.search(text) else text
