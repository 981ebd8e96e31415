"""When what is said, as SubRip, WebVTT or JSON: word by word, or in phrases of a length that can be read."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipelines.shared.atomic import write_atomically
from pipelines.speaking.pieces import WordTime

LINE = 42  # characters of a line of subtitles
LINES = 2
LONGEST_S = 6.0  # of a phrase
GAP_S = 0.4  # of silence, which ends a phrase
CLAUSE = re.compile(r"[,;:.!?—…]\W*$")


class Sentence(NamedTuple):
    """What was said, with its punctuation, and when each word was."""

    text: str
    words: list[WordTime]


def write_timestamps(path: Path, sentences: Iterable[Sentence], kind: str, unit: str) -> None:
    """Write a file of a kind, srt, vtt or json, of words or phrases. No two of them overlap."""
    cues = [cue for sentence in sentences for cue in (sentence.words if unit == "words" else phrases(sentence))]
    write_atomically(path, {"srt": as_srt, "vtt": as_vtt, "json": as_json}[kind](cues))


def phrases(sentence: Sentence) -> list[WordTime]:
    """Words put together: as many as fit in LINES lines, to the end of a clause if there is one in the second half."""
    shown, found, begin = written_words(sentence), [], 0
    words = sentence.words
    while begin < len(words):
        end = begin + 1
        while end < len(words) and _fits(shown[begin : end + 1], words[begin : end + 1]):
            end += 1
        if end < len(words):
            middle = (begin + end) // 2
            clauses = [cut for cut in range(middle + 1, end + 1) if CLAUSE.search(shown[cut - 1])]
            end = clauses[-1] if clauses else end
        text = "\n".join(wrapped(shown[begin:end]))
        found.append(WordTime(text, words[begin].start_s, words[end - 1].end_s))
        begin = end
    return found


def _fits(shown: list[str], words: list[WordTime]) -> bool:
    """Whether words can be one phrase."""
    apart = words[-1].start_s - words[-2].end_s if len(words) > 1 else 0.0
    return apart < GAP_S and words[-1].end_s - words[0].start_s <= LONGEST_S and len(wrapped(shown)) <= LINES


def wrapped(shown: list[str]) -> list[str]:
    """Lines of at most LINE characters; a longer word has a line of its own."""
    lines: list[str] = []
    for word in shown:
        if lines and len(lines[-1] + word.rstrip()) <= LINE:
            lines[-1] += word
        else:
            lines.append(word)
    return [line.strip() for line in lines]


def written_words(sentence: Sentence) -> list[str]:
    """Each word with what follows it in the text, punctuation and space; as it is said, if it is not found there."""
    places, end = [], 0
    for word in sentence.words:
        found = sentence.text.find(word.text, end)
        if found < 0:
            return [f"{word.text} " for word in sentence.words]
        places.append(found)
        end = found + len(word.text)
    cuts = [0, *places[1:], len(sentence.text)]
    return [sentence.text[start:stop] for start, stop in zip(cuts, cuts[1:], strict=False)]


def clock(seconds: float, mark: str = ",") -> str:
    """Seconds as SubRip writes them, 00:00:01,250; WebVTT has a full stop."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{mark}{milliseconds % 1000:03d}"


def as_srt(cues: list[WordTime]) -> str:
    """SubRip."""
    return "\n".join(f"{i}\n{clock(c.start_s)} --> {clock(c.end_s)}\n{c.text}\n" for i, c in enumerate(cues, 1))


def as_vtt(cues: list[WordTime]) -> str:
    """WebVTT."""
    texts = [cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for cue in cues]
    times = [f"{clock(cue.start_s, '.')} --> {clock(cue.end_s, '.')}" for cue in cues]
    return "\n".join(["WEBVTT\n", *(f"{time}\n{text}\n" for time, text in zip(times, texts, strict=True))])


def as_json(cues: list[WordTime]) -> str:
    """A list of text, start_s and end_s."""
    return json.dumps([cue._asdict() for cue in cues], indent=1, ensure_ascii=False) + "\n"
