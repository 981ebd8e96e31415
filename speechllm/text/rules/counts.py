"""Numbers of four digits, years to NeMo: before what is counted they are none. Verses, which it takes for times."""

import re

from speechllm.text.rules.dates import MONTH
from speechllm.text.rules.digits import grouped
from speechllm.text.rules.rule import Rules

COUNTED = (
    "people men women children soldiers voters residents inhabitants students workers employees members users sheep "
    "fish cattle deer troops police lives dollars euros pounds feet inches"
).split()
TIME_OR_MEASURE = (
    "years days hours minutes seconds weeks months meters metres miles kilometers kilometres feet pounds dollars euros "
    "grams kilograms tons tonnes acres calories degrees watts volts words pages times points rpm"
).split()
NO_PLURAL = frozenset(
    "was is has his its as us this thus does plus perhaps always towards besides across yes alas versus unless less "
    "there's that's it's he's she's sometimes afterwards onwards".split()
)
YEAR_CUE = (
    r"(?:(?i:in|since|until|till|by|from|before|after|during|early|late|mid|circa|years?|spring|summer|autumn|fall|"
    rf"winter|to|and|the|of)|{MONTH}\.?|\d{{1,2}},?)"
)
BIBLE = (
    "Genesis Exodus Leviticus Numbers Deuteronomy Joshua Judges Ruth Samuel Kings Chronicles Ezra Nehemiah Esther "
    "Job Psalm Psalms Proverbs Ecclesiastes Isaiah Jeremiah Lamentations Ezekiel Daniel Hosea Joel Amos Obadiah "
    "Jonah Micah Nahum Habakkuk Zephaniah Haggai Zechariah Malachi Matthew Mark Luke John Acts Romans Corinthians "
    "Galatians Ephesians Philippians Colossians Thessalonians Timothy Titus Philemon Hebrews James Peter Jude "
    "Revelation Quran Surah"
).replace(" ", "|")
COMPARED = (
    "more than|fewer than|less than|at least|at most|up to|as many as|no fewer than|a total of|population of|crowd of|"
    "capacity of|total of|team of"
)
QUANTIFIER = (
    f"(?:{COMPARED}|another|exactly|nearly|almost|roughly|approximately|about|around|over|under|some|only|just|all)"
)


def _count(match: re.Match[str]) -> str:
    """A number of four digits before what is counted is no year: '1850 people', but 'in 1850 people'."""
    head, number, noun = match.string[: match.start()], match["n"], match["noun"]
    plural_noun = noun in COUNTED or (noun.endswith("s") and not noun.endswith("ss") and noun not in NO_PLURAL)
    year = re.search(rf"\b{YEAR_CUE} $", head) and noun not in TIME_OR_MEASURE
    quantity = re.search(rf"\b{QUANTIFIER} $", head)
    return f"{grouped(number)} {noun}" if plural_noun and (quantity or not year) else match[0]


def _quantified(match: re.Match[str]) -> str:
    return f"{match[1]}{grouped(match[2])}"


def _verse(match: re.Match[str]) -> str:
    """Matthew 5:3-12 -> Matthew 5 3 to 12."""
    return f"{match[1]} {match[2]}" + (f" to {match[3]}" if match[3] else "")


VERSES = Rules((rf"\b((?:{BIBLE}) \d+):(\d+)(?: ?[-–] ?(\d+))?", _verse), needs=r":\d")
RULES = Rules(
    (r"(?<![\w.,$€£:/-])(?P<n>[1-9]\d{3})(?:-| )(?P<noun>[a-z][a-z']+)", _count),
    (
        rf"(\b(?:{COMPARED}) )(\d{{4}})(?![\w,/:-]|\.\d)",
        _quantified,
    ),
    needs=r"\d{4}",
)
