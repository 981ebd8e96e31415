import re
from itertools import islice, repeat

import pytest

from speechllm.text.sentences import iter_sentences, split_sentences

BOOK = (
    'Chapter One\nIt was a dark and stormy night; the rain fell in torrents, except at\ntimes. "Oh!" said Dr. Smith. '
    "He lives in the U.S. and paid $3.50, e.g. for tea... Wait… What?\n\n* * *\n\nJ. K. Rowling wrote No. 5. Then"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there. How are you? Fine!", ["Hello there.", "How are you?", "Fine!"]),
        ("Dr. Smith met Mr. and Mrs. Jones. They left.", ["Dr. Smith met Mr. and Mrs. Jones.", "They left."]),
        ("Use e.g. this, i.e. that.", ["Use e.g. this, i.e. that."]),
        (
            "The U.S. Army left. I live in the U.S. He does not.",
            ["The U.S. Army left.", "I live in the U.S.", "He does not."],
        ),
        ("We met at 5 p.m. He left.", ["We met at 5 p.m.", "He left."]),
        ("J. K. Rowling wrote it.", ["J. K. Rowling wrote it."]),
        ("Pi is 3.14159. Nice.", ["Pi is 3.14159.", "Nice."]),
        ("Well... maybe. Wait... No.", ["Well... maybe.", "Wait...", "No."]),
        ('"Stop!" he said. "Why?" She ran.', ['"Stop!" he said.', '"Why?"', "She ran."]),
        ("See No. 5. No. Never.", ["See No. 5.", "No.", "Never."]),
        ("1. First item. 2. Second item.", ["1. First item.", "2. Second item."]),
        ("So did I. Then he left.", ["So did I.", "Then he left."]),
        ("One paragraph\n\nanother", ["One paragraph", "another"]),
        ("Milk\nEggs\nBread", ["Milk", "Eggs", "Bread"]),
        ("a line that is wrapped here,\nand goes on", ["a line that is wrapped here, and goes on"]),
        ("Visit example.com. Then go", ["Visit example.com.", "Then go"]),
        ("End.\n\n* * *\n\nStart.", ["End.", "Start."]),
        ("Go at 10:45 now", ["Go at 10:45 now"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_text_is_split_where_a_reader_would_pause(text, expected):
    assert split_sentences(text) == expected


def test_text_without_words_is_passed_on_for_the_front_end_to_refuse():
    assert split_sentences("…") == ["…"]


@pytest.mark.parametrize("text", [BOOK, "word " * 300, "a clause, " * 200, "x" * 1000, f"{'y' * 500} {BOOK}"])
@pytest.mark.parametrize("max_chars", [20, 60, 220])
def test_no_word_is_lost_and_no_sentence_is_too_long(text, max_chars):
    sentences = split_sentences(text, max_chars)
    assert re.findall(r"\w", "".join(sentences)) == re.findall(r"\w", text)
    assert max(map(len, sentences)) <= max_chars
    if max(map(len, text.split())) <= max_chars:
        assert [w for s in sentences for w in s.split() if w != "*"] == [w for w in text.split() if w != "*"]


def test_a_long_sentence_is_cut_at_a_clause_not_inside_a_time():
    sentence = "word " * 15 + "at 10:45 today; " + "word " * 15
    assert split_sentences(sentence, 100)[0].endswith("at 10:45 today;")
    assert split_sentences("word " * 15 + "10:45" + " word" * 15, 80)[0].split()[-1] in ("word", "10:45")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_pieces_of_any_size_give_the_same_sentences(size):
    text = BOOK + " " + "word " * 300 + "end. Next."
    pieces = (text[i : i + size] for i in range(0, len(text), size))
    assert list(iter_sentences(pieces)) == split_sentences(text)


@pytest.mark.parametrize("piece", ["x", "word ", "A sentence. "])
def test_an_endless_text_is_spoken_as_it_comes(piece):
    assert all(0 < len(sentence) <= 220 for sentence in islice(iter_sentences(repeat(piece)), 20))


def test_a_sentence_comes_before_the_next_is_complete():
    def pieces():
        yield "First sentence. And the second one"
        raise AssertionError("read on before giving the first sentence")

    assert next(iter_sentences(pieces())) == "First sentence."


def test_an_impossible_length_is_refused():
    with pytest.raises(ValueError, match=r"max_chars=5.*at least 20"):
        split_sentences("Hello", 5)
