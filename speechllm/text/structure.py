"""Running text -> its blocks: paragraphs, headings, list items. Works on a stream, in constant memory.

What comes out is text, a line or some sentences at a time and never cut inside a link, a tag or a comment, and between
the blocks what kind of boundary it is.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

Transform = Callable[[str], str]
SLICE = 4096  # characters; a chunk may be a whole book
LONGEST_HELD = 2000  # characters in which what was opened must be closed
TRIES = 4  # ends of sentences, from the last on, at which an unfinished line is cut if nothing is open there
LONGEST_TITLE = 50  # characters of a line alone that has no full stop

HEADING = re.compile(r" {0,3}#{1,6}[ \t]|\s*<h[1-6]\b", re.IGNORECASE)
UNDERLINE = re.compile(r" {0,3}(?:={3,}|-{3,})\s*$")
RULE = re.compile(r"\s*([-*_=~#])(?:\s*\1){2,}\s*$")
ITEM = re.compile(r"\s*(?:[-*+•‣◦▪·–]|\d{1,3}[.)])[ \t]+\S|\s*<li\b", re.IGNORECASE)
PARAGRAPH = re.compile(r"\s*<(?:p|div|blockquote|table|pre)\b", re.IGNORECASE)
STARTS = {"heading": HEADING, "item": ITEM, "paragraph": PARAGRAPH}
SENTENCE_END = re.compile(r"(?<!^\d)(?<!^\d\d)(?<!^\d\d\d)[.!?…][\"'”’»)\]*_]*\s+(?=\S)")
OPEN = re.compile(r"<!--(?:(?!-->).)*$|<[A-Za-z/!][^<>]*$|\[[^\[\]]*$|\]\([^()\s]*$", re.DOTALL)
FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
SPACE = re.compile(r"\s+")


class Boundary(NamedTuple):
    """Between two blocks, or two sentences of SSML."""

    kind: str  # paragraph, heading, item or sentence


def blocks(chunks: Iterable[str], transform: Transform) -> Iterator[str | Boundary]:
    """Text and the boundaries in it.

    Args:
        chunks: of the text, cut anywhere.
        transform: applied to each piece of text once its block is known: what takes markup away.
    """
    reader = _Reader(transform)
    for chunk in chunks:
        for start in range(0, len(chunk), SLICE):
            yield from reader.push(chunk[start : start + SLICE])
    yield from reader.flush()


class _Reader:
    """The lines of a text as they come."""

    def __init__(self, transform: Transform):
        self.transform = transform
        self.held = ""  # of a line or of lines that belong together
        self.open = 0  # characters of it up to which something is known to be open
        self.inside = False  # of a line of which a part was given already
        self.previous, self.current = "", ""  # kinds of the block before, and of this one
        self.title = ""  # the block so far, as long as it may be a title

    def push(self, text: str) -> Iterator[str | Boundary]:
        """Take text; give the lines that are complete, and of the last one the sentences that are."""
        self.held += text
        while (line := self._line()) is not None:
            self.held, self.open = self.held[len(line) :], 0
            yield from self._take(line)
        begun = self._certain()
        if begun:
            self.held, self.open = self.held[len(begun) :], 0
            yield from self._take(begun)

    def flush(self) -> Iterator[str | Boundary]:
        """Give what is left."""
        if self.held:
            yield from self._take(self.held)
            self.held = ""

    def _line(self) -> str | None:
        """The next whole line, with its end; more than one where a comment or a tag goes on."""
        while (end := self.held.find("\n", self.open)) >= 0:
            if end >= LONGEST_HELD or not is_open(self.held[:end]):
                return self.held[: end + 1]
            if self.open and not self.held[self.open : end].strip() and not spans_blocks(self.held[:end]):
                return self.held[: self.open]
            self.open = end + 1
        return None

    def _certain(self) -> str:
        """The sentences at the beginning of an unfinished line that nothing can change."""
        if "\n" in self.held and len(self.held) <= LONGEST_HELD:
            return ""
        ends = [match.end() for match in SENTENCE_END.finditer(self.held)]
        for end in ends[-1 : -1 - TRIES : -1]:
            if not is_open(self.held[:end]):
                return self.held[:end]
        if len(self.held) <= LONGEST_HELD:
            return ""
        return self.held[: max((match.end() for match in SPACE.finditer(self.held)), default=len(self.held))]

    def _take(self, text: str) -> Iterator[str | Boundary]:
        """One line, or a part of one."""
        whole, begins = text.endswith("\n"), not self.inside
        self.inside = not whole
        if begins:
            if not text.strip() or RULE.match(text):
                self._end_block(bool(UNDERLINE.match(text)))
                if text.strip():
                    yield f"\n{text}"
                return
            kind = next((kind for kind, pattern in STARTS.items() if pattern.match(text)), "")
            if kind or not self.current or self.current == "heading":
                self._end_block(False)
                if self.previous:
                    yield Boundary(_boundary(self.previous, kind or "paragraph"))
                self.current = kind or "paragraph"
                self.title = text if self.current == "paragraph" and whole else ""
            else:
                self.title = ""
        yield self._transformed(text)

    def _end_block(self, underlined: bool) -> None:
        """What follows belongs to another block."""
        title = self.title.strip()
        if title and (underlined or (len(title) <= LONGEST_TITLE and title[-1].isalnum())):
            self.current = "heading"
        self.previous, self.current, self.title = self.current or self.previous, "", ""

    def _transformed(self, text: str) -> str:
        """Text without its markup, in the white space that it had around it."""
        core = text.strip()
        if not core:
            return text
        start = text.index(core)
        return f"{text[:start]}{self.transform(core)}{text[start + len(core) :]}"


def is_open(text: str) -> bool:
    """Whether a comment, a tag, a link, code or emphasis is begun in text and not ended."""
    return bool(OPEN.search(text)) or text.count("`") % 2 == 1 or text.count("**") % 2 == 1


def spans_blocks(text: str) -> bool:
    """Whether what is begun and not ended goes on after an empty line: a comment, or code between fences."""
    return text.rfind("<!--") > text.rfind("-->") or len(FENCE.findall(text)) % 2 == 1


def _boundary(before: str, after: str) -> str:
    if "heading" in (before, after):
        return "heading"
    return "item" if after == "item" else "paragraph"
