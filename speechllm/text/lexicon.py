"""Words with a pronunciation of their own, from a file, or given where they stand: marks in, their phonemes out.

A given word goes through the normaliser and the phonemiser as a stand-in, an invented name that they leave alone, so
that the words around it are read as they would be beside any other word; then its phonemes take the place of those.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from speechllm.text.marks import MARK, Break, Sounds, decode, encode
from speechllm.text.phonemizer import PUNCTUATION, Phonemes, Word
from speechllm.text.respelling import possessive, pronounce, starts_with_vowel

LONGEST_FILE = 20_000_000  # bytes
STAND_IN = re.compile(r"(?:Obb|Tobb)[a-z]{4}na", re.IGNORECASE)
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeou"]
JOINED_MARK = re.compile(rf"-?({MARK.pattern})-?(?=(.?))")
PAUSING = ",;:.!?—…"
INLINE = re.compile(r"\[\[(?=[^\[\]]*[^\W\d_])([^\[\]]*)\]\](?!\()")  # [[1]](#note) is a footnote


class Pause(NamedTuple):
    """A break inside a sentence: where in the phonemes the punctuation is on which the voice rests, and how long."""

    place: int
    duration_s: float


class Lexicon:
    """Words and their phonemes.

    Args:
        entries: written word, or words -> phonemes. What is all small letters is found however it is written.
    """

    def __init__(self, entries: Mapping[str, str] = {}):  # noqa: B006  # it is never changed
        self.entries = dict(entries)
        words = sorted(self.entries, key=len, reverse=True)
        any_case = "|".join(re.escape(word) for word in words if word.islower())
        exact = "|".join(re.escape(word) for word in words if not word.islower())
        pattern = "|".join(filter(None, [exact, any_case and f"(?i:{any_case})"]))
        self.pattern = re.compile(rf"(?<!\w)(?<!\w['’])({pattern})(['’]s)?(?![\w]|['’]\w)") if pattern else None

    @classmethod
    def load(cls, path: Path) -> "Lexicon":
        """Read a file of lines: word, tab, phonemes or a respelling. Lines that are empty or begin with # are skipped.

        Raises:
            FileNotFoundError, ValueError: no such file, or a line that cannot be read, with its number.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; expected a lexicon, lines of a word, a tab, its phonemes")
        if path.stat().st_size > LONGEST_FILE:
            raise ValueError(f"{path} has {path.stat().st_size} bytes; a lexicon has {LONGEST_FILE} at most")
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8 text; expected lines of a word, a tab, its phonemes") from None
        return cls(dict(_entry(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if _counts(line)))

    @classmethod
    def of(cls, words: Mapping[str, str]) -> "Lexicon":
        """Words with their phonemes or a respelling, as a file has them; ValueError for what cannot be read."""
        return cls(dict(_entry(f"{word}\t{sound}", f"lexicon: {word[:60]}") for word, sound in words.items()))

    def __or__(self, other: "Lexicon") -> "Lexicon":
        """Both; where they differ, what `other` says."""
        return Lexicon(self.entries | other.entries) if other.entries else self

    def mark(self, text: str) -> str:
        """The text with a mark in place of each word of the lexicon."""
        return self.pattern.sub(self._marked, text) if self.pattern else text

    def _marked(self, match: re.Match[str]) -> str:
        word, owner = match[1], match[2]
        phonemes = self.entries.get(word) or self.entries[word.lower()]
        return encode(Sounds(possessive(phonemes) if owner else phonemes, match[0]))

    def check(self, characters: Iterable[str]) -> None:
        """Raise ValueError for an entry with a sound that a voice of these characters lacks."""
        for word, phonemes in self.entries.items():
            check_sounds(Sounds(phonemes, word), characters)


class Masked(NamedTuple):
    """A sentence with a stand-in for each of its marks."""

    text: str
    marks: dict[str, Sounds | Break]  # by their stand-ins in small letters


def mark_inline(text: str) -> str:
    """[[phonemes]] -> marks.

    Raises:
        ValueError: more than a word.
    """
    return INLINE.sub(lambda match: encode(Sounds(pronounce(match[1]))), text) if "[[" in text else text


def mask(sentence: str) -> Masked:
    """Put stand-ins in place of marks; a break gets punctuation, on which the voice rests."""
    marks: dict[str, Sounds | Break] = {}

    def stand_in(match: re.Match[str]) -> str:
        item, number = decode(match[1]), len(marks)
        vowel = isinstance(item, Sounds) and starts_with_vowel(item.phonemes)
        first, second = divmod(number % len(SYLLABLES) ** 2, len(SYLLABLES))
        name = f"{'Obb' if vowel else 'Tobb'}{SYLLABLES[first]}{SYLLABLES[second]}na"
        marks[name.lower()] = item
        after = " " if match[2] and match[2].isalnum() else ""
        if isinstance(item, Sounds):
            return f"{name}{after}"
        before = sentence[: match.start()].rstrip()[-1:]
        return f"{'' if before in PAUSING else ','} {name},{after}"

    text = JOINED_MARK.sub(stand_in, sentence)
    return Masked(re.sub(r"\s+,", ",", text), marks)


def unmask_text(text: str, marks: Mapping[str, Sounds | Break]) -> str:
    """The spoken form with the words that were given in place of their stand-ins."""

    def given(match: re.Match[str]) -> str:
        item = marks.get(match[0].lower())
        return match[0] if item is None else "" if isinstance(item, Break) else item.written or item.phonemes

    return re.sub(r" (?:,|(?= ))|^, ", "", STAND_IN.sub(given, text))


def unmask(said: Phonemes, marks: Mapping[str, Sounds | Break]) -> tuple[Phonemes, list[Pause]]:
    """The phonemes that were given in place of those of their stand-ins, and the breaks.

    Raises:
        ValueError: a stand-in was not left alone.
    """
    text, end, words, pauses = "", 0, [], []
    missing = set(marks)
    for word in said.words:
        text += said.text[end : word.start]
        name = word.text.strip(PUNCTUATION).lower()
        item, end = marks.get(name), word.end
        missing.discard(name)
        if isinstance(item, Break):
            pauses.append(Pause(max(len(text.rstrip()) - 1, 0), item.duration_s))
            end += len(said.text[end:]) - len(said.text[end:].lstrip(", "))
            continue
        sound, shown = (said.text[word.start : word.end], word.text) if item is None else _given(item)
        words.append(Word(shown, len(text), len(text) + len(sound)))
        text += sound
    if missing:
        names = ", ".join(item.written or item.phonemes for item in map(marks.get, missing) if isinstance(item, Sounds))
        raise ValueError(f"got {names or 'a break'} where it cannot be said as a word of its own; put spaces around it")
    return Phonemes((text + said.text[end:]).rstrip(), words), pauses


def check_sounds(item: Sounds, characters: Iterable[str]) -> None:
    """Raise ValueError for a sound that a voice of these characters lacks, or none at all."""
    known = set(characters)
    unknown = sorted(set(item.phonemes) - known)
    if unknown or not item.phonemes.strip(PUNCTUATION):
        what = f"{', '.join(map(repr, unknown))} in {item.phonemes!r}" if unknown else "no phonemes"
        sounds = "".join(sorted(known - set(PUNCTUATION)))
        raise ValueError(f"got {what}{' for ' * bool(item.written)}{item.written}; this voice has {sounds}")


def _given(item: Sounds) -> tuple[str, str]:
    return item.phonemes, item.written or item.phonemes


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _entry(line: str, where: str) -> tuple[str, str]:
    """One line of a file."""
    word, tab, sound = (part.strip() for part in line.partition("\t"))
    if not word or not sound or "\t" in sound:
        raise ValueError(f"{where}: got {line[:60]!r}; expected a word, a tab, and its phonemes or a respelling")
    if not (word[0].isalnum() and word[-1].isalnum()):
        raise ValueError(f"{where}: got {word[:60]!r}; expected a word that begins and ends with a letter or a digit")
    try:
        phonemes = pronounce(sound)
        encode(Sounds(phonemes, word))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return word, phonemes
