"""Blocks of a text: what is between them, and that nothing is lost however the text comes."""

import random
import time

import pytest

from speechllm.text.structure import Boundary, blocks, is_open

TEXT = """# A title

A paragraph. It goes on
and wraps. See [a
link](http://x.y) here.

Buy:
- eggs
- milk
  and more
1. one

Chapter One

He left. <!-- a

comment. --> Yes.
* * *
Below
=====
<h2>Html</h2>
<p>One.</p>
<p>Two.</p>
End **bold. And** more. Ok"""


def read(*chunks: str, transform=lambda text: text) -> list[str]:
    """Blocks, and in brackets what is between them."""
    found = [""]
    for event in blocks(chunks, transform):
        if isinstance(event, Boundary):
            found += [f"({event.kind})", ""]
        else:
            found[-1] += event
    return [block.strip() for block in found]


def test_every_boundary_has_its_kind():
    assert read(TEXT) == [
        *("# A title", "(heading)", "A paragraph. It goes on\nand wraps. See [a\nlink](http://x.y) here."),
        *("(paragraph)", "Buy:", "(item)", "- eggs", "(item)", "- milk\n  and more", "(item)", "1. one"),
        *("(paragraph)", "Chapter One", "(heading)", "He left. <!-- a\n\ncomment. --> Yes.\n\n* * *"),
        *("(paragraph)", "Below\n\n=====", "(heading)", "<h2>Html</h2>", "(heading)", "<p>One.</p>"),
        *("(paragraph)", "<p>Two.</p>\nEnd **bold. And** more. Ok"),
    ]


def test_however_a_text_is_cut_its_blocks_are_the_same():
    whole, chooser = read(TEXT), random.Random(0)
    for count in [*range(40), len(TEXT)]:
        cuts = sorted(chooser.sample(range(len(TEXT)), min(count, len(TEXT) - 1)))
        assert read(*(TEXT[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True))) == whole


@pytest.mark.parametrize("stray", ["a ` b", "a [ b", "a **b", "if a <b then"])
def test_what_is_never_closed_ends_with_its_paragraph(stray):
    text = f"{stray}\nand more\n\n# Title\n\n- item\n"
    assert read(text) == [f"{stray}\nand more", "(heading)", "# Title", "(heading)", "- item"]
    assert read(*text) == read(text)


def test_comments_and_fences_go_on_after_an_empty_line():
    for text in ("One <!-- a\n\n# b\n--> two.", "```\ncode\n\n# no title\n```"):
        assert read(text) == [text]


def test_what_is_transformed_holds_links_tags_and_emphasis_whole():
    pieces: list[str] = []
    read(*TEXT, transform=lambda text: pieces.append(text) or text)
    assert not [piece for piece in pieces if is_open(piece)]


@pytest.mark.parametrize("text", ["Hello there. How are you? I", "Hello there.\n\nHow", "- one. Two. three"])
def test_sentences_come_before_their_line_ends(text):
    given = []
    events = blocks(iter([text, *([""] if given else [])]), lambda piece: piece)
    first = next(events)
    assert first.strip() and len(first) < len(text)


@pytest.mark.parametrize(
    "unit", ["word ", "Hello there. ", "[x ", "x", "<a \n", "**", "`a", "<!-- ", "# \n", "\n", "- "]
)
def test_no_text_takes_long_or_is_held_for_long(unit):
    size, begin, waiting = 40_000, time.process_time(), 0

    def chunks():
        nonlocal waiting
        for _ in range(size // len(unit) // 10):
            waiting += 10 * len(unit)
            yield unit * 10

    given = 0
    for event in blocks(chunks(), lambda piece: piece):
        given += len(event) if isinstance(event, str) else 0
        assert waiting - given < 8000
    assert time.process_time() - begin < 6
