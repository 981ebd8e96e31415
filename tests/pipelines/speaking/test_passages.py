"""Sentences and the silence before them."""

import pytest

from pipelines.shared.errors import UserError
from pipelines.speaking.manner import PAUSES_S, Manner, parse_pauses, split_options
from pipelines.speaking.passages import passages
from speechllm.text.marks import as_written

PARAGRAPH, HEADING, ITEM = (PAUSES_S[kind] for kind in ("paragraph", "heading", "item"))


def read(text: str, voice: dict = {}, **options) -> list[tuple[str, float]]:  # noqa: B006  # not changed
    return [(as_written(p.text), p.pause_s) for p in passages([text], Manner(**options), **voice)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two.", [("One.", 0), ("Two.", 0)]),
        ("One.\n\nTwo.", [("One.", 0), ("Two.", PARAGRAPH)]),
        ("One.\n\n* * *\n\nTwo.\n\n", [("One.", 0), ("Two.", PARAGRAPH)]),
        ("\n\n# Title\nOne.", [("Title", 0), ("One.", HEADING)]),
        ("Chapter One\n\nOne.", [("Chapter One", 0), ("One.", HEADING)]),
        ("Buy:\n- eggs\n- milk\n\nBye.", [("Buy:", 0), ("eggs", ITEM), ("milk", ITEM), ("Bye.", PARAGRAPH)]),
        ("1. One\n2. Two", [("1. One", 0), ("2. Two", ITEM)]),
        ("A **bold** [link](http://x.y) <b>here</b>.", [("A bold link here.", 0)]),
        ("Good [[ˈIlən]] day.", [("Good [[ˈIlən]] day.", 0)]),
    ],
)
def test_blocks_have_pauses_of_their_own(text, found):
    assert read(text) == found


def test_pauses_are_those_asked_for():
    pauses = {"paragraph": 1.5, "sentence": 0.25}
    assert read("One. Two.\n\nThree.", pauses=pauses) == [("One.", 0), ("Two.", 0.25), ("Three.", 1.5)]
    assert read("One.\n\nTwo.", pauses={"paragraph": 0}) == [("One.", 0), ("Two.", 0)]


def test_markup_may_be_kept():
    assert read("A *b* [c](http://d.e).", markup="keep") == [("A *b* [c](http://d.e).", 0)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. <break time='2s'/> Two.", [("One.", 0), ("Two.", 2)]),
        ("<p>One.</p><break time='2s'/><p>Two.</p>", [("One.", 0), ("Two.", 2)]),
        ("<p>One.</p><break time='10ms'/><p>Two.</p>", [("One.", 0), ("Two.", PARAGRAPH)]),
        ("<s>One</s><s>Two</s>", [("One", 0), ("Two", 0)]),
        ("<p>One.</p>", [("One.", 0)]),
        ("<break time='1s'/>One.<break time='1s'/> <break time='2s'/>", [("One.", 1), ("", 3)]),
        ("One.<break/><break/>", [("One.", 0), ("", 0.8)]),
        ("One <break time='1s'/> two.", [("One two.", 0)]),
    ],
)
def test_breaks_and_tags_of_ssml(text, found):
    assert read(text, ssml=True) == found


def test_a_voice_without_a_reader_ends_its_sentences_at_breaks():
    voice = {"reads_phonemes": False, "has_reader": False}
    text = "One two <break time='1s'/> three. Four."
    assert read(text, voice, ssml=True) == [("One two", 0), ("three. Four.", 1)]
    assert read("Good [[x]] day.", voice) == [("Good [[x]] day.", 0)]


@pytest.mark.parametrize("text", ["", " \n", "* * *", "<break/>"])
def test_a_text_of_nothing_is_one_passage_to_refuse(text):
    found = list(passages([text], Manner(ssml="<" in text)))
    assert len(found) == 1 and not any(char.isalnum() for char in as_written(found[0].text))


@pytest.mark.parametrize(
    ("text", "message"),
    [("ab\udcff", "the byte 0xff at character 3"), ("abc\ud800", "half a character at character 4")],
)
def test_what_is_no_text_is_refused_with_its_place(text, message):
    for chunks in ([text], list(text)):
        with pytest.raises(UserError, match=f"got {message}; expected text"):
            list(passages(chunks, Manner()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 3}, "got speed 3; expected 0.5 to 2"),
        ({"speed": float("nan")}, "got speed nan"),
        ({"markup": "html"}, "got markup 'html'; expected one of: strip, keep"),
        ({"pauses": {"comma": 1}}, "got a pause of the kind 'comma'; expected one of: sentence, paragraph"),
        ({"pauses": {"paragraph": -1}}, "got a pause of -1 s; expected 0 to 60 s"),
    ],
)
def test_a_manner_that_cannot_be_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        Manner(**options)


def test_pauses_are_parsed():
    assert parse_pauses(["paragraph=600ms", "dash=0s", "item=.5s"]) == {"paragraph": 0.6, "dash": 0, "item": 0.5}
    for wrong in ("paragraph", "paragraph=", "paragraph=6", "paragraph=-1s", "=1s="):
        with pytest.raises(UserError, match="expected KIND=TIME such as paragraph=600ms"):
            parse_pauses([wrong])


def test_options_are_of_the_manner_or_of_sampling():
    manner, sampling = split_options({"speed": 1.5, "temperature": 0.0})
    assert manner == Manner(speed=1.5) and sampling == {"temperature": 0.0}
