"""SSML -> text with marks and boundaries, as a stream.

The tags are those that people use: speak, p, s, break, phoneme, say-as, sub.

W3C, "Speech Synthesis Markup Language (SSML) Version 1.1", 2010. Nothing that the text could define is expanded: a
DOCTYPE is refused, so there are no entities but those of XML itself.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.parsers import expat

from speechllm.text import say_as
from speechllm.text.marks import Break, Sounds, encode, without_marks
from speechllm.text.respelling import pronounce
from speechllm.text.structure import Boundary

TAGS = ("speak", "p", "s", "break", "phoneme", "say-as", "sub")
REQUIRED = {"phoneme": "ph", "say-as": "interpret-as", "sub": "alias"}
OPTIONAL = {"break": ("time", "strength"), "phoneme": ("alphabet",), "say-as": ("format", "detail")}
STRENGTHS_S = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
LONGEST_BREAK_S = 60.0
DEEPEST = 32
SLICE = 4096  # characters parsed at once


class SSMLError(ValueError):
    """What is wrong, and where."""


def blocks(chunks: Iterable[str]) -> Iterator[str | Boundary]:
    """Text with marks, and its boundaries.

    Args:
        chunks: of the SSML, cut anywhere; what has no speak tag around it gets one.

    Raises:
        SSMLError: no SSML, or a tag or attribute that is not spoken; with line and column.
    """
    reader = _Reader()
    for chunk in chunks:
        for start in range(0, len(chunk), SLICE):
            yield from reader.push(without_marks(chunk[start : start + SLICE]))
    yield from reader.flush()


def parse_duration(text: str) -> float:
    """500ms or 1.5s -> seconds; ValueError for anything else."""
    match = re.fullmatch(r"\+?(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(ms|s)", text.strip())
    duration_s = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else -1.0
    if not 0 <= duration_s <= LONGEST_BREAK_S:
        raise ValueError(f"got {text[:40]!r}; expected a time such as 500ms or 1.5s, up to {LONGEST_BREAK_S:g}s")
    return duration_s


class _Reader:
    """The parser and what it has found."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.begun, self.wrapped = "", False
        self.open: list[tuple[str, dict[str, str]]] = []
        self.found: list[str | Boundary] = []
        self.inner = ""  # text inside a tag whose text is not said as it stands

    def push(self, text: str) -> Iterator[str | Boundary]:
        """Take text; give what it says."""
        if self.begun is not None:
            self.begun += text
            if len(self.begun.lstrip()) < len("<speak"):
                return
            text = self._first()
        self._parse(text, False)
        yield from self._taken()

    def flush(self) -> Iterator[str | Boundary]:
        """Give the rest."""
        if self.begun is not None:
            self._parse(self._first(), False)
        self._parse("</speak>" if self.wrapped else "", True)
        yield from self._taken()

    def _first(self) -> str:
        """The beginning, in a tag of its own if it has none."""
        text, self.begun = self.begun.lstrip("\ufeff"), None  # type: ignore[assignment]
        self.wrapped = not re.match(r"\s*<(?:\?xml|speak|!)", text)
        return f"<speak>\n{text}" if self.wrapped else text.lstrip()

    def _taken(self) -> Iterator[str | Boundary]:
        yield from self.found
        self.found.clear()

    def _parse(self, text: str, last: bool) -> None:
        try:
            self.parser.Parse(text.encode("utf-8", "replace"), last)
        except expat.ExpatError as error:
            raise SSMLError(f"{self._where()}: this is no SSML, {expat.ErrorString(error.code)}") from None

    def _where(self) -> str:
        line = self.parser.CurrentLineNumber - self.wrapped
        return f"line {line}, column {self.parser.CurrentColumnNumber + 1}"

    def _refuse(self, message: str) -> SSMLError:
        return SSMLError(f"{self._where()}: {message}")

    def _refuse_doctype(self, *_: Any) -> None:
        raise self._refuse("got a DOCTYPE, which is not read; take it out")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag not in TAGS:
            raise self._refuse(f"got the tag <{tag}>; expected one of: {', '.join(TAGS)}")
        inside = self.open[-1][0] if self.open else ""
        if inside in (*REQUIRED, "break") or len(self.open) >= DEEPEST:
            raise self._refuse(f"got <{tag}> inside <{inside}>, where it cannot be spoken")
        self._check_attributes(tag, attributes)
        self.open.append((tag, attributes))
        self.inner = ""
        if tag in ("p", "s"):
            self._bound(tag)
        elif tag == "break":
            self.found.append(f" {encode(Break(self._duration(attributes)))} ")

    def _check_attributes(self, tag: str, attributes: dict[str, str]) -> None:
        required = REQUIRED.get(tag)
        if required and not attributes.get(required, "").strip():
            raise self._refuse(f"got <{tag}> without {required}=; expected one")
        known = {required, *OPTIONAL.get(tag, ())}
        unknown = [name for name in attributes if name not in known and not name.startswith("xml:")]
        if unknown and tag != "speak":
            raise self._refuse(f"got {unknown[0]}= of <{tag}>; expected {' or '.join(sorted(filter(None, known)))}")

    def _duration(self, attributes: dict[str, str]) -> float:
        if "time" in attributes:
            try:
                return parse_duration(attributes["time"])
            except ValueError as error:
                raise self._refuse(f"<break time=>: {error}") from None
        strength = attributes.get("strength", "medium")
        if strength not in STRENGTHS_S:
            raise self._refuse(f"got strength={strength!r} of <break>; expected one of: {', '.join(STRENGTHS_S)}")
        return STRENGTHS_S[strength]

    def _bound(self, tag: str) -> None:
        self.found.append(Boundary("paragraph" if tag == "p" else "sentence"))

    def _text(self, text: str) -> None:
        if self.open and self.open[-1][0] in REQUIRED:
            self.inner += text
            if len(self.inner) > SLICE:
                raise self._refuse(f"got more than {SLICE} characters inside <{self.open[-1][0]}>")
        else:
            self.found.append(" ".join(["", *text.split(), ""]) if text.isspace() else re.sub(r"\s", " ", text))

    def _end(self, tag: str) -> None:
        _, attributes = self.open.pop()
        if tag in ("p", "s"):
            self._bound(tag)
        elif tag in REQUIRED:
            try:
                self.found.append(_said(tag, attributes, " ".join(self.inner.split())))
            except ValueError as error:
                raise self._refuse(f"<{tag}>: {error}") from None


def _said(tag: str, attributes: dict[str, str], written: str) -> str:
    """What a tag around some text makes of it."""
    if tag == "phoneme":
        return encode(Sounds(pronounce(f"/{attributes['ph'].strip('/')}/"), written))
    if tag == "sub":
        return attributes["alias"]
    return say_as.rewrite(written, attributes["interpret-as"], attributes.get("format", ""))
