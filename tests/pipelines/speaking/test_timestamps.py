"""Time stamps: words or phrases, of lengths that can be read, none of which overlap."""

import json
import re

import pytest

from pipelines.speaking.pieces import WordTime
from pipelines.speaking.timestamps import LINE, LINES, LONGEST_S, Sentence, clock, phrases, write_timestamps

LONG = (
    "It was the best of times, it was the worst of times; it was the age of wisdom, it was the age of foolishness — "
    "and nobody knew which of the two it was."
)


def spoken(text: str, word_s: float = 0.3, apart_s: float = 0.0) -> Sentence:
    """A sentence of words that last as long as each other."""
    words = [word.strip(".,;!?—") for word in text.split()]
    words = [word for word in words if word]
    step = word_s + apart_s
    return Sentence(text, [WordTime(word, i * step, i * step + word_s) for i, word in enumerate(words)])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00,000"), (1.25, "00:00:01,250"), (59.9996, "00:01:00,000"), (3723.5, "01:02:03,500")],
)
def test_times_as_subrip_writes_them(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize("word_s", [0.1, 0.3, 1.0])
def test_phrases_can_be_read(word_s):
    sentence = spoken(LONG, word_s)
    found = phrases(sentence)
    assert " ".join(phrase.text.replace("\n", " ") for phrase in found) == LONG
    for phrase in found:
        lines = phrase.text.split("\n")
        assert len(lines) <= LINES and max(map(len, lines)) <= LINE
        assert phrase.end_s - phrase.start_s <= LONGEST_S + 0.01
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in zip(found, found[1:], strict=False))
    assert min(len(phrase.text) for phrase in found) > 5


def test_phrases_end_at_clauses_and_pauses():
    assert phrases(spoken(LONG))[0].text.endswith((",", ";"))
    assert len(phrases(spoken("One two three.", 0.3, apart_s=0.5))) == 3
    assert phrases(Sentence("x", [])) == []


def test_words_that_the_text_does_not_show_are_written_as_said():
    words = [WordTime("given", 0, 0.5), WordTime("word", 0.5, 1)]
    assert phrases(Sentence("Something else.", words))[0].text == "given word"


def test_a_word_longer_than_a_line_has_one():
    word = "x" * 60
    assert phrases(spoken(f"a {word} b"))[0].text.split("\n") == ["a", word] or len(phrases(spoken(f"a {word} b"))) > 1


@pytest.mark.parametrize("unit", ["words", "phrases"])
@pytest.mark.parametrize("kind", ["srt", "vtt", "json"])
def test_every_kind_of_file(tmp_path, kind, unit):
    path = tmp_path / f"a.{kind}"
    write_timestamps(path, [spoken("Hello <b>, naïve & old friend."), spoken("Bye.")], kind, unit)
    content = path.read_text("utf-8")
    if kind == "json":
        entries = json.loads(content)
        assert entries[0]["text"] == ("Hello" if unit == "words" else "Hello <b>, naïve & old friend.")
        assert set(entries[0]) == {"text", "start_s", "end_s"}
        return
    mark, count = {"srt": ",", "vtt": "."}[kind], {"words": 7, "phrases": 2}[unit]
    assert len(re.findall(rf"^00:00:0\d\{mark}\d{{3}} --> 00:00:0\d\{mark}\d{{3}}$", content, re.MULTILINE)) == count
    assert content.startswith("WEBVTT\n\n00:" if kind == "vtt" else "1\n00:")
    assert ("&lt;b&gt;" in content and "&amp;" in content) == (kind == "vtt")
