"""A text as it is spoken: sentence by sentence, each with the silence before it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from pipelines.shared.errors import UserError
from pipelines.speaking.manner import Manner
from speechllm.text import ssml, structure
from speechllm.text.lexicon import mark_inline
from speechllm.text.marks import MARK, Break, decode, without_marks
from speechllm.text.markup import strip_markup
from speechllm.text.sentences import iter_sentences
from speechllm.text.structure import Boundary

MAX_CHARS = 180  # of a sentence; longer ones are split, as the LM has heard few of them
GROUP_CHARS = 60  # a voice without a reader is given so many at once, if there are
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class Passage:
    """A sentence as written, and how long to be silent before it. The last one of a text may have no words."""

    text: str
    pause_s: float = 0.0


def passages(
    chunks: Iterable[str], manner: Manner, reads_phonemes: bool = True, has_reader: bool = True
) -> Iterator[Passage]:
    """The sentences of a text that arrives in chunks. A lone dash or row of signs between them is not read; where there
    is nothing else it is.

    Args:
        chunks: of the text, cut anywhere.
        manner: how it is taken.
        reads_phonemes: whether the voice can be given words with their sounds, as [[phonemes]].
        has_reader: whether the voice can rest inside a sentence. If not, sentences end at breaks, and short ones are
            joined: such a voice is not to be trusted with few words.
    """
    chunks = readable(chunks)
    if manner.ssml:
        events = ssml.blocks(chunks)
    else:
        events = structure.blocks(map(without_marks, chunks), _transform(manner, reads_phonemes))
    found = _sentences(events, manner, split_at_breaks=not has_reader)
    return speakable(found if has_reader else grouped(found))


def readable(chunks: Iterable[str]) -> Iterator[str]:
    """The chunks, as long as they are text."""
    seen = 0
    for chunk in chunks:
        found = LONE_SURROGATE.search(chunk)
        if found:
            byte = (
                f"the byte 0x{ord(found[0]) - 0xDC00:02x}" if 0xDC80 <= ord(found[0]) < 0xDD00 else "half a character"
            )
            raise UserError(f"got {byte} at character {seen + found.start() + 1}; expected text, which is UTF-8")
        seen += len(chunk)
        yield chunk


def _transform(manner: Manner, reads_phonemes: bool) -> structure.Transform:
    """What is done to a piece of text that is not SSML."""

    def transform(text: str) -> str:
        text = mark_inline(text) if reads_phonemes else text
        return strip_markup(text) if manner.markup == "strip" else text

    return transform


def _sentences(events: Iterable[str | Boundary], manner: Manner, split_at_breaks: bool) -> Iterator[Passage]:
    """Sentences between boundaries. Of breaks beside a boundary the longer silence counts; those at the end stay."""
    events, rest_s, break_s, begun = iter(events), 0.0, 0.0, False
    for event in events:
        if isinstance(event, Boundary):
            rest_s = max(rest_s, manner.pause_s(event.kind))
            continue
        block = _Block(event, events)
        for sentence in iter_sentences(block, MAX_CHARS):
            for silence_s, text in _parts(sentence, split_at_breaks):
                break_s += silence_s
                if text:
                    yield Passage(text, max(break_s, rest_s if begun else 0.0))
                    rest_s, break_s, begun = 0.0, 0.0, True
            rest_s = max(rest_s, manner.pause_s("sentence"))
        if block.boundary:
            rest_s = max(rest_s, manner.pause_s(block.boundary.kind))
    if break_s:
        yield Passage("", break_s)


class _Block:
    """The text of events up to the next boundary."""

    def __init__(self, first: str, events: Iterator[str | Boundary]):
        self.first, self.events = first, events
        self.boundary: Boundary | None = None

    def __iter__(self) -> Iterator[str]:
        for event in chain([self.first], self.events):
            if isinstance(event, Boundary):
                self.boundary = event
                return
            yield event


def _parts(sentence: str, split: bool) -> Iterator[tuple[float, str]]:
    """Silence, and the text after it: the sentence without the breaks around it, or split at all of its breaks."""
    breaks = [(match, item) for match in MARK.finditer(sentence) if isinstance(item := decode(match[0]), Break)]
    starts, ends = [0, *(m.end() for m, _ in breaks)], [*(m.start() for m, _ in breaks), len(sentence)]
    silences_s = [0.0, *(item.duration_s for _, item in breaks)]
    texts = [sentence[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    said = [index for index, text in enumerate(texts) if text]
    if split or not said:
        yield from zip(silences_s, texts, strict=True)
        return
    first, last = said[0], said[-1]
    yield sum(silences_s[: first + 1]), sentence[starts[first] : ends[last]].strip()
    yield sum(silences_s[last + 1 :]), ""


def speakable(found: Iterable[Passage]) -> Iterator[Passage]:
    """Passages to speak."""
    spoken, signs, waiting_s = False, "", 0.0
    for passage in found:
        if any(character.isalnum() for character in passage.text):
            spoken = True
            yield replace(passage, pause_s=max(passage.pause_s, waiting_s))
            waiting_s = 0.0
        else:
            signs, waiting_s = signs or passage.text, max(waiting_s, passage.pause_s)
    if not spoken:
        yield Passage(signs)  # for the front end to read or refuse
    elif waiting_s:
        yield Passage("", waiting_s)


def grouped(found: Iterable[Passage]) -> Iterator[Passage]:
    """Passages, short ones joined with what follows without a pause."""
    held = Passage("")
    for passage in found:
        if held.text and (passage.pause_s or len(held.text) >= GROUP_CHARS):
            yield held
            held = passage
        else:
            held = Passage(f"{held.text} {passage.text}".strip(), max(held.pause_s, passage.pause_s))
    yield held
