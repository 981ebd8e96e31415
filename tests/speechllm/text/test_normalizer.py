import re
import subprocess
import sys
import time

import pytest

from speechllm.text.normalizer import Normalizer


@pytest.fixture(scope="module")
def normalizer():
    return Normalizer()


class NoGrammar(Normalizer):
    """Fails where a text reaches the number grammar."""

    def _load(self):
        raise AssertionError("the number grammar was loaded")


WITHOUT_GRAMMAR = {
    "Hi!": "Hi!",
    "x": "x",
    "go go go go go go go go go go go go": "go go go go go go go go go go go go",
    "THIS IS VERY LOUD": "This is very loud",
    "I DON'T KNOW!": "I don't know!",
    "NASA LAUNCHES A NEW ROCKET": "NASA launches a new rocket",
    "USA NASA PDF": "USA NASA PDF",
    "A B C": "A. B C",
    "STOP": "STOP",
    "This is VERY loud": "This is VERY loud",
    "“Smart” ‘quotes’ — they’re fine": "Smart quotes—they're fine",
    "'Single quoted' he said": "Single quoted he said",
    "I.B.M.": "I.B.M.",
    "Washington, D.C., is": "Washington, D.C., is",
    "e.g. this, i.e. that": "for example this, that is that",
    "Mr. & Mrs. Smith": "Mister and Missus Smith",
    "Dr. Smith lives on Elm St. in St. Louis.": "Doctor Smith lives on Elm Street in Saint Louis.",
    "tea, etc.": "tea, et cetera.",
    "No. I won't.": "No. I won't.",
    "O'Brien's": "O'Brien's",
    "the dogs' bones": "the dogs' bones",
    "rock 'n' roll": "rock and roll",
    "C++ and C#": "C plus plus and C sharp",
    "#hashtag @user": "hashtag hashtag at user",
    "AT&T and R&B": "A.T. and T and R and B",
    "user.name@example.com": "user dot name at example dot com",
    "Mail user_7@example.co.uk.": "Mail user underscore seven at example dot co dot U K.",
    "https://example.org/a?b=1": "example dot org slash a question mark b equals one",
    "www.example.com": "W W W dot example dot com",
    "main.py": "main dot py",
    "Well… I guess... Yes": "Well, I guess. Yes",
    "He (my friend) left.": "He, my friend, left.",
    "yes - no -- maybe – ok": "yes—no—maybe—ok",
    "What?!?!": "What?",
    "[link] *bold* _it_ `code` <b>x</b>": "link, bold it code x",
    "zero\u200bwidth soft\u00adhyphen\x00 \ttab\nline": "zerowidth softhyphen tab line",
    "café naïve Müller straße Æon ﬁne": "cafe naive Muller strasse Aeon fine",
    "my résumé": "my résumé",
    "😀 hello 👍🏽 there": "hello there",
    "the angle π": "the angle pi",
    "E=mc²": "E equals mc squared",
    "a/b and/or w/ milk": "a slash b and or with milk",
    "24/7": "twenty four seven",
    "+1 (555) 123-4567": "plus one, five five five, one two three, four five six seven",
    "call 911": "call nine one one",
    "&": "and",
    "Hello,world": "Hello, world",
}
WITH_GRAMMAR = {
    "12": "twelve",
    "It is 12.": "It is twelve.",
    "$3.50": "three dollars fifty cents",
    "$5.20": "five dollars twenty cents",
    "3.14159": "three point one four one five nine",
    "2024-11-24": "November twenty fourth twenty twenty four",
    "3/4/2021": "March fourth twenty twenty one",
    "1st 2nd 3rd": "first second third",
    "10:45am": "ten forty five A.M.",
    "At 5:30 p.m. he left.": "At five thirty P.M. he left.",
    "5'11\"": "five feet eleven inches",
    "50/50": "fifty fifty",
    "1/2 and 3½": "one half and three and a half",
    "1,250": "one thousand two hundred and fifty",
    "100,000,000": "one hundred million",
    "10000": "ten thousand",
    "50%": "fifty percent",
    "#1": "number one",
    "No. 5": "number five",
    "(see p. 5)": "see page five",
    "20°C and 72 °F": "twenty degrees Celsius and seventy two degrees Fahrenheit",
    "-5": "minus five",
    "-$5": "minus five dollars",
    "$10k or $2.5bn": "ten thousand dollars or two point five billion dollars",
    "$5-10": "five dollars to ten dollars",
    "₹500": "five hundred rupees",
    "16GB": "sixteen gigabytes",
    "6 ft. tall": "six feet tall",
    "pages 5-10": "pages five to ten",
    "World War II, Chapter IV, Henry VIII": "World War two, Chapter four, Henry the eighth",
    "XIV": "fourteen",
    "v2.0": "version two point zero",
    "192.168.0.1": "one nine two dot one six eight dot zero dot one",
    "16:9": "sixteen to nine",
    "COVID-19": "COVID nineteen",
    "~5": "about five",
    "I may come in May 5": "I may come in May fifth",
}


@pytest.mark.parametrize(("written", "spoken"), WITHOUT_GRAMMAR.items())
def test_words_are_read_without_the_number_grammar(written, spoken):
    assert NoGrammar().normalize(written) == spoken


@pytest.mark.parametrize(("written", "spoken"), WITH_GRAMMAR.items())
def test_numbers_are_read_as_people_say_them(normalizer, written, spoken):
    assert normalizer.normalize(written) == spoken


@pytest.mark.parametrize("written", [*WITHOUT_GRAMMAR, *WITH_GRAMMAR])
def test_normalising_twice_changes_nothing_and_leaves_plain_letters(normalizer, written):
    spoken = normalizer.normalize(written)
    assert re.fullmatch(r"(?:[^\W\d_]|[ ,.;:!?'—-])+", spoken)
    assert NoGrammar().normalize(spoken) == spoken


def test_an_absurd_number_is_read_digit_by_digit_instead_of_for_ever(normalizer):
    started = time.perf_counter()
    assert normalizer.normalize("1-" * 2000 + "7").count("one") == 2000
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("text", ["", "   ", "...", "…", "?!", "—", "😀", '""', "* * *"])
def test_text_with_nothing_to_say_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r"nothing to say; expected .*; write some text") as caught:
        NoGrammar().normalize(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "char", "script"),
    [
        ("привет", "п", "Cyrillic"),
        ("Hello мир", "м", "Cyrillic"),
        ("你好", "你", "Cjk"),
        ("she said مرحبا", "م", "Arabic"),
        ("καλημέρα", "κ", "Greek"),
        ("ひらがな", "ひ", "Hiragana"),
        ("٣ cats", "٣", "Arabic"),
    ],
)
def test_a_foreign_script_is_named_and_never_dropped(text, char, script):
    with pytest.raises(ValueError, match=f"got '{char}' \\({script}.*expects Latin letters; write the {script}"):
        NoGrammar().normalize(text)


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="language 'de', expected 'en'"):
        Normalizer("de")


def test_a_plain_sentence_takes_far_less_than_a_millisecond():
    text = "The quick brown fox jumps over the lazy dog, and then it runs away as fast as it can."
    normalizer, best = NoGrammar(), 1.0
    for _ in range(20):
        started = time.perf_counter()
        normalizer.normalize(text)
        best = min(best, time.perf_counter() - started)
    assert best < 1e-3


@pytest.mark.parametrize(
    ("text", "unneeded"),
    [("Dr. Smith & co.", "kaldifst"), ("Call 12.", "nemo_text_processing"), ("Call 12.", "pynini")],
)
def test_no_library_is_imported_before_it_is_needed(text, unneeded):
    code = (
        f"import sys; from speechllm.text.normalizer import Normalizer; Normalizer().normalize({text!r});"
        f"assert {unneeded!r} not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
