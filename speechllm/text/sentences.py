"""Running text -> sentences short enough to speak in one go. Nothing is lost: the words of the sentences are the words
of the text, in order. Works on a stream, so the text of a book, or of a chat model, never has to be there as a whole.
"""

import re
from collections.abc import Iterable, Iterator

from speechllm.text.abbreviations import kind_of

MAX_CHARS = 220  # about 15 s of speech; longer sentences are rare in training and drift
LOOKAHEAD = 12  # characters that decide whether a full stop ends a sentence; also a stream's delay
LOOKBACK = 80  # characters before a full stop that may be one abbreviation
SHORT_LINE = 50  # characters; a line this short before a capital is a heading or an item, not wrapped text

END = re.compile(r"(?:[.!?…]+|[。！？]+)[\"'”’»)\]]*(?=\s|$)|(?<=[。！？])(?=\S)")
NEWLINE = re.compile(r"[ \t]*(?:\r?\n|[\u2028\u2029\f\v])\s*")
SPEAKABLE = re.compile(r"[^\W_]|[&%@#$€£+=]")
CLAUSE = re.compile(r"(?<=[,;:)])\s+|(?<=—)\s*|\s+(?=[–—(-]\s|\()")
SUBJECT = r"(?:The|He|She|It|We|They|This|That|These|Those|There|But|And|Then|His|Her|Its|Their)\b"
OPENING = "\"'“‘«([¿¡—–- "


def split_sentences(text: str, max_chars: int = MAX_CHARS) -> list[str]:
    """Sentences of `text`, each stripped and at most `max_chars` characters long.

    A longer sentence is split at clause punctuation, else at spaces, else inside a word.
    """
    return list(iter_sentences([text], max_chars))


def iter_sentences(chunks: Iterable[str], max_chars: int = MAX_CHARS) -> Iterator[str]:
    """Sentences of a text that arrives in pieces, cut anywhere; each comes as soon as it is certain.

    Args:
        chunks: strings, e.g. the lines of an open file or the tokens of a language model.
        max_chars: longest sentence, in characters; at least 20.
    """
    if max_chars < 20:
        raise ValueError(f"got max_chars={max_chars}, expected at least 20 characters; the default is {MAX_CHARS}")
    silent = ""
    for sentence in _all_parts(chunks, max_chars):
        if SPEAKABLE.search(sentence):
            silent = "done"
            yield sentence
        elif not silent:
            silent = sentence
    # A row of asterisks in a book is no sentence; a text that is nothing else is the front end's to refuse.
    if silent not in ("", "done"):
        yield silent


def _all_parts(chunks: Iterable[str], max_chars: int) -> Iterator[str]:
    held = ""
    for chunk in chunks:
        for start in range(0, len(chunk), 4096):  # a chunk may be a whole book
            held += chunk[start : start + 4096]
            sentences, held = _complete(held, max_chars)
            yield from sentences
    start = 0
    for stop in [*_stops(held), len(held)]:
        yield from _parts(held[start:stop], max_chars)
        start = stop


def _complete(text: str, max_chars: int) -> tuple[list[str], str]:
    """Sentences that no later text can change, and the rest."""
    done: list[str] = []
    start = 0
    for stop in _stops(text):
        if stop + LOOKAHEAD > len(text):
            break
        done += _parts(text[start:stop], max_chars)
        start = stop
    rest = text[start:]
    # A sentence without end must not be kept until it ends.
    while len(rest) > 4 * max_chars:
        parts = list(_parts(rest, max_chars))
        done += parts[:2]
        rest = _after(rest, parts[:2])
    return done, rest


def _after(text: str, parts: list[str]) -> str:
    """What follows `parts` in `text`, which differ from its beginning only in white space."""
    position = 0
    for char in "".join("".join(part.split()) for part in parts):
        position = text.index(char, position) + 1
    return text[position:]


def _stops(text: str) -> Iterator[int]:
    """Positions after which a new sentence begins."""
    start = 0  # of the sentence, or of its last line
    found = sorted([*END.finditer(text), *NEWLINE.finditer(text)], key=lambda match: match.end())
    for match in found:
        newline = "\n" in match[0] or match[0].isspace()
        if _breaks(text, start, match) if newline else _ends_sentence(text, start, match):
            yield match.end()
        elif not newline:
            continue
        start = match.end()


def _breaks(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether this line break is more than wrapped text: an empty line, or a short line before a capital or item."""
    if match[0].count("\n") > 1 or not match[0].strip(" \t\u2028\u2029\f\v"):
        return True
    following = text[match.end() : match.end() + 1]
    return match.start() - start <= SHORT_LINE and not (following.islower() or following in ",;:")


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether this punctuation ends a sentence: not after "Dr." or an initial, nor before a small letter."""
    mark, following = match[0], text[match.end() :].lstrip()
    if not following:
        return True
    next_char = following.lstrip(OPENING)[:1]
    if next_char.islower():
        return False
    if not mark.startswith(".") or mark.startswith(".."):
        return True
    before = re.search(r"[^\s(\[\"'“‘—]*$", text[max(match.start() - LOOKBACK, 0) : match.start()])
    assert before is not None
    word = before[0]
    if _abbreviates(word, following) or (re.fullmatch(r"[A-Z]", word) and word != "I"):  # an initial
        # "Elm St. It was", "vitamin C. It is": these words begin no name
        return (
            kind_of(word) != "phrase"
            and bool(re.match(SUBJECT, following))
            and bool(re.search(r"\w $", text[start : match.start() - len(word)]))
        )
    if word in ("a.m", "p.m"):
        return not re.match(r"[A-Z]{2}|\w+day\b", following)
    if re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word):  # "the U.S. Army" goes on, "in the U.S. He" does not
        return bool(re.match(r"(?:The|He|She|It|We|They|I|You|This|That|But|And|In|A|An|At|On|If|So)\b", following))
    list_number = re.fullmatch(r"\d{1,3}", word) and not text[start : match.start() - len(word)].strip()
    return not list_number


def _abbreviates(word: str, following: str) -> bool:
    """Whether `word`, before a full stop, is an abbreviation that ends no sentence before `following`."""
    kind = kind_of(word)
    if kind in ("title", "phrase"):
        return True
    if kind == "number":
        return bool(re.match(r"\d|[IVXLC]{2,}\b", following)) or (
            word in ("Vol", "Ch", "Chap", "Pt", "Bk", "Fig") and bool(re.match(r"[IVX]\b(?!')", following))
        )
    after = re.match(r"([\w.]*\w)\.", following)
    next_kind = kind_of(after[1]) if after else None
    return kind is not None and (following[0].isdigit() or next_kind in ("end", "date"))


def _parts(sentence: str, max_chars: int) -> Iterator[str]:
    """The sentence, in pieces of at most max_chars if it is longer."""
    rest = " ".join(sentence.split())
    while len(rest) > max_chars:
        cut = _cut(rest, max_chars)
        yield rest[:cut].rstrip()
        rest = rest[cut:].lstrip()
    if rest:
        yield rest


def _cut(text: str, max_chars: int) -> int:
    """Where to cut a text that is too long: the last clause end in its second half, else the last space, else hard."""
    head = text[: max_chars + 1]
    clauses = [match.start() for match in CLAUSE.finditer(head) if max_chars // 3 <= match.start() <= max_chars]
    if clauses:
        return clauses[-1]
    space = head.rfind(" ")
    return space if space > 0 else max_chars
