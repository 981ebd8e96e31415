"""Quantities with a unit: singular before a noun ("a 5-lb bag"), "per", ranges; NeMo reads few units."""

import re

from speechllm.text.rules.digits import NUMBER, grouped
from speechllm.text.rules.nouns import DETERMINER, NOUN
from speechllm.text.rules.rule import Rules, alternatives
from speechllm.text.rules.unit_names import JOINED, NAMES, PER, SURE, plural

FRACTIONS = {"1/2": "half", "1/4": "quarter", "3/4": "three quarter", "1/3": "one third", "2/3": "two third"}
FRACTIONS |= {"1/8": "eighth", "3/8": "three eighth", "5/8": "five eighth", "7/8": "seven eighth", "1/16": "sixteenth"}
ONES = frozenset("1 1/2 1/4 1/3 3/4 2/3 1/8".split())  # of which English speaks in the singular
WORD_UNITS = (
    "inch foot mile pound ounce cup gallon liter hour acre pint quart yard carat day ton turn scale year".split()
)


def _is_one(number: str) -> bool:
    return number.replace(",", "") in ONES


def _unit(match: re.Match[str]) -> str:
    name = NAMES[match["unit"]]
    return f"{match['n']} {name if _is_one(match['n']) else plural(name)}"


def _range(match: re.Match[str]) -> str:
    first, last = (grouped(n) if n.isdigit() else n for n in (match["n"], match["last"]))
    return f"{first} to {last} {plural(NAMES[match['unit']])}"


def _before_noun(match: re.Match[str]) -> str:
    return f"{match['n']} {NAMES[match['unit']]}"


def _per(match: re.Match[str]) -> str:
    name = NAMES[match["unit"]]
    return f"{match['n']} {name if _is_one(match['n']) else plural(name)} per {PER[match['per']]}"


def _fraction(match: re.Match[str]) -> str:
    """3/4-inch -> three quarter inch; one half alone stays 'half'."""
    whole = f"{match['whole']} and {'a ' if match['f'] in ('1/2', '1/4') else ''}" if match["whole"] else ""
    unit = NAMES.get(match["unit"], match["unit"])
    return f"{whole}{FRACTIONS.get(match['f'], match['f'])} {unit}"


def _per_word(match: re.Match[str]) -> str:
    return f" per {PER.get(match[1], match[1])}"


def _after_determiner(match: re.Match[str]) -> str:
    return f"{match['head']}{_before_noun(match)}"


def _seconds(match: re.Match[str]) -> str:
    return f"{match[0][:-1]} seconds"


ALONE = r"(?<![\w.,$€£/-])"
N, PLAIN = rf"(?P<n>{NUMBER})", r"(?P<n>\d+(?:\.\d+)?)"
QUANTITY = rf"{ALONE}(?P<n>-?(?:\d+ )?\d+/\d+|{NUMBER})"
U, UJ = alternatives(SURE), alternatives([*SURE, *JOINED])
BEFORE_NOUN = alternatives([*SURE, *"W V min mi s MP J N".split()])
APART = alternatives("s min mi mo pt V W J N l rad bar mos MP yo ly doz px ac kt kb Mb Gb".split())
COUNTED_BY = alternatives([*(unit for unit in PER if len(unit) > 1), *"capita head piece item page user seat".split()])
EVERY = "day|week|month|year|hour|hr|min|mo|yr|sec|night|person"
NOT_WORD = r"(?![\w'/^]|-\d)"
ENDS = r"(?=[,;:)]|\.?$"  # to be closed with the words that may follow


def _has_unit(text: str) -> bool:
    """Whether a word behind a number may be a unit."""
    return any((word[1] or "").rstrip(".") in FIRST_WORDS or "/" in word[0] for word in AFTER_NUMBER.finditer(text))


AFTER_NUMBER = re.compile(r"\d[ -]?([A-Za-zμΩ°.^]+\d?(?:/[A-Za-z]*)?)|/\w")
FIRST_WORDS = {*NAMES, *WORD_UNITS, "sq", "cu", "fl", "N", "thousand", "million", "billion", "trillion"}
RULES = Rules(
    (
        rf"(?<![\w/])(?:(?P<whole>\d+)[ -])?(?P<f>\d{{1,2}}/\d{{1,2}})-(?P<unit>{U}|in|{alternatives(WORD_UNITS)})\b",
        _fraction,
    ),
    (rf"(?<![\w.,$€£/]){PLAIN}-(?P<unit>{UJ}|in)\b(?!\.\w|/)\.?", _before_noun),
    (rf"{ALONE}{N}(?P<unit>{UJ}){NOT_WORD}{NOUN}", _before_noun),
    (rf"\b(?P<head>{DETERMINER} ){N} ?(?P<unit>{BEFORE_NOUN}){NOT_WORD}\.?{NOUN}", _after_determiner),
    (rf"(?<![\w.]){N} ?(?P<unit>{U}|s|mi)/(?P<per>{alternatives(PER)})(?![\w^])", _per),
    # 30s is a time after "for", else a decade or a model
    (r"(?<=\bfor )\d+s\b|(?<=\b[Ii]n )\d+s\b|\d*\.\d+s\b", _seconds),
    (rf"{ALONE}{N} ?[-–] ?(?P<last>{NUMBER}) ?(?P<unit>{U}){NOT_WORD}", _range),
    (rf"{ALONE}(?P<n>{NUMBER} (?:thousand|million|billion|trillion)) (?P<unit>{U}){NOT_WORD}", _unit),
    (rf"{QUANTITY} ?(?P<unit>{U}){NOT_WORD}(?:\.(?! [A-Z]|$))?", _unit),
    (rf"{QUANTITY}(?P<unit>{alternatives(JOINED)}){NOT_WORD}", _unit),
    (rf"{ALONE}{PLAIN} (?<![12]\d{{3}} )(?P<unit>{APART})(?![\w'/^-]|\.\w)", _unit),
    (rf"{ALONE}{PLAIN} ?(?P<unit>in){ENDS}| (?:x|by|long|wide|tall|high|deep|thick|of)\b)\.?", _unit),
    (rf"{ALONE}{PLAIN} (?P<unit>A|T|F|H){ENDS}| (?:fuse|current|circuit|field|charger|capacitor|inductor)\b)", _unit),
    (rf"(?<=[\dsx%]) ?/ ?({COUNTED_BY})\b", _per_word),
    (r"(?<=\d)/([smh])\b(?!\w)", _per_word),
    needs=_has_unit,
)
WITHOUT_NUMBER = Rules(
    (r"[$](?=/[a-z])", "dollars "),
    (rf"(?<!\w) ?/({EVERY})\b", _per_word),
)
