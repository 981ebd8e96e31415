"""All rules before the grammar, in their order; those for numbers and signs only where there are some."""

import re

from speechllm.text.rules import (
    abbreviations,
    addresses,
    codes,
    counts,
    dates,
    electronic,
    letters,
    money,
    numerals,
    roman,
    sizes,
    symbols,
    units,
)

WORDS = (electronic.RULES, addresses.RULES, abbreviations.RULES, roman.RULES, letters.RULES, dates.NAMES)
NUMBERS = (
    *(
        codes.RULES,
        counts.VERSES,
        dates.WITH_MONTH,
        dates.RULES,
        money.RULES,
        sizes.RULES,
        units.RULES,
        counts.RULES,
        numerals.RULES,
    ),
)
SIGNS = (units.WITHOUT_NUMBER, symbols.RULES)
ODD = re.compile(r"[^A-Za-z ,.;:!?'\"()—-]")
DIGIT = re.compile(r"\d")


def expand(text: str) -> str:
    """Written words, abbreviations and odd numbers -> words, and numbers in a form that the grammar reads well."""
    for rules in WORDS:
        text = rules(text)
    for rules in NUMBERS if DIGIT.search(text) else ():
        text = rules(text)
    for rules in SIGNS if ODD.search(text) else ():
        text = rules(text)
    return " ".join(text.split())
