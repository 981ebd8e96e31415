"""SSML: what its tags say, and that what is no SSML, or not safe, is refused with its place."""

import time

import pytest

from speechllm.text import ssml
from speechllm.text.marks import MARK, Break, Sounds, decode
from speechllm.text.say_as import rewrite
from speechllm.text.structure import Boundary


def read(text: str, size: int = 10_000) -> list:
    """Pieces of text joined, marks as what they are, boundaries by their kind."""
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    joined = "".join(
        event if isinstance(event, str) else f"({event.kind})"
        for event in ssml.blocks(chunks)
        if isinstance(event, str | Boundary)
    )
    found, end = [], 0
    for match in MARK.finditer(joined):
        found += [joined[end : match.start()].strip(), decode(match[0])]
        end = match.end()
    return [part for part in [*found, joined[end:].strip()] if part]


SPOKEN = {
    "Hello you &amp; me &lt; &#8212;": ["Hello you & me < —"],
    "<speak>\n  Hello\n</speak>": ["Hello"],
    "<?xml version='1.0'?><speak version='1.1' xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='en'>x</speak>": [
        "x"
    ],
    "One <break time='500ms'/> two<break time='1.5s'></break>": ["One", Break(0.5), "two", Break(1.5)],
    "a<break/>b<break strength='x-strong'/>c<break strength='none'/>": [
        "a",
        Break(0.4),
        "b",
        Break(1.2),
        "c",
        Break(0),
    ],
    "<p>One.</p><p><s>Two</s></p>": ["(paragraph)One.(paragraph)(paragraph)(sentence)Two(sentence)(paragraph)"],
    "I am <phoneme alphabet='ipa' ph='ˈnɑːviəl'>Navial</phoneme>.": ["I am", Sounds("nˈɑviəl", "Navial"), "."],
    "<phoneme ph='tab'>x</phoneme>": [Sounds("tab", "x")],
    "the <sub alias='World Wide Web Consortium'>W3C</sub>.": ["the World Wide Web Consortium."],
    "<say-as interpret-as='ordinal'>21</say-as> <say-as interpret-as='digits'>42</say-as>": ["21st four two"],
}


@pytest.mark.parametrize("text", SPOKEN)
@pytest.mark.parametrize("size", [10_000, 7, 1])
def test_what_tags_say(text, size):
    assert read(text, size) == SPOKEN[text]


REFUSED = {
    "<speak><prosody rate='slow'>x</prosody></speak>": "line 1, column 8: got the tag <prosody>; expected one of",
    "x\n <foo/>": "line 2, column 2: got the tag <foo>",
    "<speak>unclosed": "no element found",
    "5 < 6": "line 1, column 4: this is no SSML, not well-formed",
    "<speak>a</speak>b": "junk after document element",
    "<speak>&nbsp;</speak>": "undefined entity",
    "<sub>x</sub>": "got <sub> without alias=",
    "<phoneme>x</phoneme>": "got <phoneme> without ph=",
    "<break time='5 years'/>": "got '5 years'; expected a time such as 500ms or 1.5s, up to 60s",
    "<break time='-1s'/>": "expected a time",
    "<break time='61s'/>": "up to 60s",
    "<break strength='huge'/>": "expected one of: none, x-weak",
    "<break pitch='1'/>": "got pitch= of <break>; expected strength or time",
    "<sub alias='x'><break/></sub>": "got <break> inside <sub>",
    "<p>" * 40: "where it cannot be spoken",
    "<say-as interpret-as='expletive'>x</say-as>": "expected one of: characters, spell-out",
    "<say-as interpret-as='cardinal'>many</say-as>": "expected a whole number",
    "<say-as interpret-as='date'>99/99/2024</say-as>": "is no date of format mdy",
    f"<phoneme ph='{'a' * 200}'>x</phoneme>": "expected one word at a time",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_what_cannot_be_said_is_refused_with_its_place(text):
    for size in (10_000, 1):
        with pytest.raises(ssml.SSMLError, match=r"^line \d+, column \d+: ") as refused:
            read(text, size)
        assert REFUSED[text] in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "b">]><speak>&a;</speak>',
        '<?xml version="1.0"?><!DOCTYPE speak SYSTEM "file:///etc/passwd"><speak>x</speak>',
        "<!DOCTYPE x ["
        + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "]><speak>&i;</speak>",
    ],
)
def test_nothing_is_defined_or_expanded(text):
    begin = time.process_time()
    with pytest.raises(ssml.SSMLError, match="got a DOCTYPE, which is not read"):
        read(text)
    assert time.process_time() - begin < 0.5


def test_a_long_text_comes_as_it_is_parsed():
    taken = 0

    def chunks():
        nonlocal taken
        yield "<speak>"
        for taken in range(1000):  # noqa: B007  # it is read below
            yield "<p>Hello there.</p>"
        yield "</speak>"

    events = ssml.blocks(chunks())
    assert [next(events) for _ in range(3)] == [Boundary("paragraph"), "Hello there.", Boundary("paragraph")]
    assert taken < 10
    assert sum(event == "Hello there." for event in events) == 999


@pytest.mark.parametrize(
    ("text", "kind", "form", "said"),
    [
        ("A1-b c", "characters", "", "A, one, dash, B, C"),
        ("007", "spell-out", "", "zero, zero, seven"),
        ("+1 (555) 123-4567", "telephone", "", "plus one, five five five, one two three, four five six seven"),
        ("1850", "cardinal", "", "1,850"),
        ("-12 000", "number", "", "minus 12,000"),
        ("11", "ordinal", "", "11th"),
        ("1002nd", "ordinal", "", "1,002nd"),
        ("11/24/2024", "date", "", "November 24, 2024"),
        ("24.11.2024", "date", "dmy", "November 24, 2024"),
        ("2024-11-24", "date", "ymd", "November 24, 2024"),
        ("11/2024", "date", "my", "November 2024"),
        ("24/11", "date", "dm", "November 24"),
        ("1984", "date", "y", "1984"),
    ],
)
def test_say_as(text, kind, form, said):
    assert rewrite(text, kind, form) == said
