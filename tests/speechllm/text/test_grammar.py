"""Readings of NeMo's grammars: some by heart, many compared with nemo_text_processing where it is installed."""

import random
import re
import string
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from speechllm.text.grammar import GRAMMARS, Grammar, orders, parse

# As nemo_text_processing 1.2.0 reads them; most are of its own tests (tests/nemo_text_processing/en, Apache-2.0).
READINGS = {
    "123": "one hundred and twenty three",
    "13,000": "thirteen thousand",
    "13000": "one three zero zero zero",
    "-2": "minus two",
    "004": "zero zero four",
    "1,000,000": "one million",
    "3.14159": "three point one four one five nine",
    ".1665": "point one six six five",
    "2.00": "two point zero zero",
    "0.1 billion": "zero point one billion",
    "23rd": "twenty third",
    "1,000th": "one thousandth",
    "4rd": "four rd",
    "1/2": "one half",
    "2 1/2": "two and a half",
    "31/32": "thirty one thirty seconds",
    "1/4th": "one quarter",
    "¾": "three quarters",
    "$20.50": "twenty dollars fifty cents",
    "$0.02": "two cents",
    "£2.01": "two pounds one penny",
    "$.506": "point five zero six dollars",
    "₩460 billion": "four hundred sixty billion won",
    "US$76.3 trillion": "seventy six point three trillion us dollars",
    "$150-$250.67": "one hundred and fifty dollars to two hundred and fifty dollars sixty seven cents",
    "july 25 2012": "july twenty fifth twenty twelve",
    "25 jul 2012": "the twenty fifth of july twenty twelve",
    "2016-11-03": "november third twenty sixteen",
    "01.10.2010": "january tenth twenty ten",
    "11/17/05": "november seventeenth zero five",
    "1980s": "nineteen eighties",
    "'80s": "eighties",
    "340 A.D": "three forty AD",
    "2Q22": "the second quarter of twenty two",
    "1960s-80s": "nineteen sixties to eighties",
    "01:00": "one o'clock",
    "1:59 p.m. est": "one fifty nine PM EST",
    "10:00:00 p.m. e.s.t": "ten hours zero minutes and zero seconds PM EST",
    "4:00 am - 8:12 pm": "four AM to eight twelve PM",
    "+1 (123)-123-5678": "plus one, one two three, one two three, five six seven eight",
    "1-800-GO-U-HAUL": "one, eight hundred, GO U HAUL",
    "192.168.0.1": "one nine two dot one six eight dot zero dot one",
    "card ending in 8876": "card ending in eight eight seven six",
    "12kg/kg": "twelve kilograms per kilogram",
    "4 1/2 lbs": "four and a half pounds",
    "2°C": "two degrees Celsius",
    "41,459.00 km³": "forty one thousand four hundred and fifty nine point zero zero cubic kilometers",
    "5%": "five percent",
    "a1b2@abc.com": "a one b two at abc dot com",
    "file:///photos/image.jpg": "file colon slash slash slash photos slash image dot jpeg",
    "1-2=5": "one minus two equals five",
    "1980-1986": "nineteen eighty to nineteen eighty six",
    "2x8 m2": "two by eight square meters",
    "t-0t25d12-f": "t-zero t twenty five d twelve-f",
    "MIG-25/235212-asdg": "MIG-twenty five/two three five two one two-asdg",
    "$12@12%": "dollar twelve at twelve percent",
    "Dr. Evil": "doctor Evil",
    "C. S. Lewis": "CS Lewis",
    "a 401(k) plan": "a four oh one k plan",
    "708 N 1st St, San City": "seven zero eight North first Street, San City",
    "a `25` example": "a `twenty five` example",
    '"He\'s 50 and 2010".': '"He\'s fifty and twenty ten".',
    "``text 7`` text ``.": '"text seven" text ".',
    "1!hello": "one! hello",
    "This (12 species) and...": "This (twelve species) and...",
    "<pitch=-.3>123?123</pitch>": "<pitch=-.3> one hundred and twenty three? one hundred and twenty three </pitch>",
    "May I come in?": "May I come in?",
    "1≤2=3": "1≤2=3",
    "à la carte 5": "à la carte five",
    "[5] {6} \\ 7": "[five] {six}\\ seven",
    " 1 ": "one",
    " ": "",
    "—": "—",
}
# One kind a line. _ is a digit, ~ a number of one to four; May, $, kg, word and § change places with others like them.
TEMPLATES = """
~|-~|~,___|~,___,___|0~|____________
~.~|-~.~|.~|~._ million|~,___.__|____._
~st|~nd|~rd|~th|~,___th|the ~th word
_/_|~/~|_ _/_|_½|~/_th|-_/~|~ / ~
$~|$~.__|$.__|$~,___|$~._ billion|$~k|$~-$~|~ $|-$~|$~/kg
1___-0_-1_|20__/0_/2_|1_/_/__|May _, 20__|May 1_ 1___|2_ May 20__|_th of May, 1___|May 1___
1___s|'_0s|19__-__|_Q__|May 1_-2_|~ BC|2_.1_.20__|mid-_0s|May-1_-20__
_:__|1_:__ am|_:__:__|_pm|1:__ p.m. EST|2_:__ GMT|_am - _pm|_.__ p.m.|1_:00
___-___-____|+1 (___) ___-____|1-___-___-____|___-____|___-__-____|~.~.~.~|___-___-____ ext. ~
~ kg|~kg|~._ kg|_ _/_ kg|~ kg/kg|~-~ kg|~x_ kg|~%|~°C|~ kg2|-~kg|~-kg word
word@word~.com|www.word.org/~|https://word.edu/word?a=~|word~.de|@word~|#word|word.py
~+~=~|~ - ~ = ~|~=~|x=~|~*~|~<~
~-~|~ - ~|~–~|~:~|_ to _|_ x _ x _
word-~|word~word|A~B-_|_/word_|~#_|1_a_b~|~/~/~
Chapter IV ~|Henry VIII ~|No. _|pp. ~-~|Dr. word ~|Mr. word, ~|St. word ~|vs. ~|etc. ~
~ word St|~ N Elm Ave, word, CA _____|__ Elm Rd.|PO Box ~
§~§|~§word|word §~§ word|(~)word|~§word§~|~'s|"word ~"|`~` word|'~ word'|~§§§|§§~§
"""
FILLS = {
    "May": "January Feb Mar. april MAY June jul Aug. September Oct Nov. december".split(),
    "$": "$ £ € ¥ ₩ ₹ US$ C$".split(),
    "kg": "kg km m ft lbs mph GB ml cm sec hrs min kWh km² oz".split(),
    "word": "it the Alpha test NASA may abc NeMo it's über".split(),
    "§": list("\"'`(),.;:!?-—&%#@*/+=<>|{}[]\\_°§"),
    "_": list(string.digits),
}


def spans() -> list[str]:
    """Some hundreds of written forms: every template alone and among words."""
    rng = random.Random(0)

    def fill(match: re.Match[str]) -> str:
        return str(rng.randrange(10 ** rng.randint(1, 4))) if match[0] == "~" else rng.choice(FILLS[match[0]])

    templates = [template for line in TEMPLATES.strip().split("\n") for template in line.split("|")]
    among_words = [f"word {template}{rng.choice(['', '.', ',', '?', ' word'])}" for template in templates]
    return [re.sub(r"May|\$|kg|word|[§_~]", fill, template) for template in [*templates, *among_words] * 2]


@pytest.fixture(scope="module")
def grammar():
    return Grammar()


@pytest.mark.parametrize(("written", "spoken"), READINGS.items())
def test_written_forms_are_read(grammar, written, spoken):
    assert grammar.read(written) == spoken


def test_a_token_string_becomes_fields_and_back():
    tags = 'tokens { name: "5"" } tokens { time { hours: "one" zone: "E" preserve_order: true } hours: "x" hours: "y" }'
    name, time = parse(f"{tags} ")
    assert name == {"tokens": {"name": '"5""'}}
    assert time == {
        "tokens": {"time": {"hours": '"one"', "zone": '"E"', "preserve_order": "true"}, "hours": '"y"'},
    }
    assert list(orders(name)) == [' tokens { name: "5""  } ']
    assert len(list(orders(time))) == 2, "what keeps its order was reordered"
    assert len(set(orders({"date": {field: '"1"' for field in "abc"}}))) == 6


def test_threads_share_a_grammar(grammar):
    written = list(READINGS) * 4
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(grammar.read, written)) == list(READINGS.values()) * 4


def test_the_grammars_are_small():
    assert sum(path.stat().st_size for path in GRAMMARS.glob("*.fst")) <= 12e6


@pytest.fixture(scope="module")
def nemo():
    """NeMo's own normaliser; pynini compiles its grammars for half a minute."""
    normalize = pytest.importorskip("nemo_text_processing.text_normalization.normalize")
    return normalize.Normalizer(input_case="cased", lang="en")


@pytest.mark.slow
def test_readings_are_those_of_nemo(grammar, nemo):
    written = [*READINGS, *spans()]
    assert len(set(written)) > 500
    different = [(one, nemo.normalize(one), grammar.read(one)) for one in written]
    assert not [row for row in different if row[1] != row[2]]


@pytest.mark.slow
def test_the_files_are_what_nemo_compiles_to(nemo, tmp_path: Path, monkeypatch):
    from nemo_text_processing.text_normalization import normalize

    from pipelines.build_grammars import build_grammars

    monkeypatch.setattr(normalize, "Normalizer", lambda **_: nemo)
    build_grammars(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for path in GRAMMARS.iterdir())
    assert [name for name in names if (tmp_path / name).read_bytes() != (GRAMMARS / name).read_bytes()] == []
