"""Feet and inches, angles, spans of time and fractions of a unit; of these NeMo knows an inch sign alone."""

import re

from speechllm.text.rules.digits import NUMBER
from speechllm.text.rules.nouns import DETERMINER, NOUN
from speechllm.text.rules.rule import Rules

COMPASS = {"N": "north", "S": "south", "E": "east", "W": "west"}
FOOT_OR_INCH = r"(?:'|\"|'')"


def _counted(number: str, name: str, plural: str = "") -> str:
    return f"{number} {name if number == '1' else plural or name + 's'}"


def _by_feet(match: re.Match[str]) -> str:
    """3' x 5' -> 3 by 5 feet."""
    sizes = re.findall(NUMBER, match[0])
    inches = '"' in match[0] or "''" in match[0]
    one = re.match(NOUN, match.string[match.end() :])  # "a 12' x 10' room"
    name = ("inch" if one else "inches") if inches else ("foot" if one else "feet")
    return " by ".join(sizes) + f" {name}"


def _duration(match: re.Match[str]) -> str:
    """1h 30m -> 1 hour 30 minutes."""
    names = {"d": "day", "h": "hour", "m": "minute", "min": "minute", "s": "second"}
    parts = re.findall(r"(\d+) ?(d|h|min|m|s)", match[0])
    return " ".join(_counted(number, names[unit]) for number, unit in parts)


def _angle(match: re.Match[str]) -> str:
    """40°26'46"N -> 40 degrees 26 minutes 46 seconds north."""
    names = ("degree", "minute", "second")
    parts = [_counted(number, name) for number, name in zip(match.groups()[:3], names, strict=True) if number]
    return f"{' '.join(parts)} {COMPASS.get(match[4], '')}".rstrip()


def _latitude(match: re.Match[str]) -> str:
    return f"{match[1]} degrees {COMPASS[match[2]]}"


def _feet_and_inches(match: re.Match[str]) -> str:
    return f"{_counted(match[1], 'foot', 'feet')} {_counted(match[2], 'inch', 'inches')}"


MINUTES, SECONDS = r"\d+ ?m(?:in)?", r"\d+ ?s"
HOURS = r"\d+ ?h(?:rs?)?"
RULES = Rules(
    (rf"(?<![\w.])(\d{{1,3}}) ?° ?(\d{{1,2}}) ?'(?: ?({NUMBER}) ?(?:\"|''))?(?: ?([NSEW]))?(?!\w)", _angle),
    (r"(?<![\w.])(\d{1,3}(?:\.\d+)?) ?° ?([NSEW])\b", _latitude),
    (rf"(?<![\w.])\d+ ?d ?{HOURS}(?: ?{MINUTES})?\b", _duration),
    (rf"(?<![\w.]){HOURS} ?{MINUTES}(?: ?{SECONDS})?\b", _duration),
    (rf"(?<![\w.]){MINUTES} {SECONDS}\b|(?<![\w.])\d+m\d+s\b", _duration),
    (r"(?<![\w.])(\d+)h\b(?!')", lambda m: _counted(m[1], "hour")),
    (
        rf"(?<![\w.]){NUMBER}{FOOT_OR_INCH} ?(?:[xX]|by) ?{NUMBER}{FOOT_OR_INCH}"
        rf"(?: ?(?:[xX]|by) ?{NUMBER}{FOOT_OR_INCH})?",
        _by_feet,
    ),
    (r"(?<!\w)(\d+)' ?(\d+(?: \d/\d)?)(?:''|\"| ?inches| ?in\b\.?)?(?=\W|$)(?!')", _feet_and_inches),
    (rf"(?<!\w)(?<!['\"])({NUMBER})' ?(?=tall|long|wide|high|deep|ladder|ceiling|board|x\b)", r"\1 feet "),
    (r"(?<![\w'\"])(\d{1,2})'(?=[,.;)]|$)", r"\1 feet"),
    (r"\b(10|7|4|14|21|3)(80|20|40|60)p\b", r"\1 \2 p"),  # lines of a screen
    (rf"\b({DETERMINER} \d[\d.,]*) ?°{NOUN}", r"\1 degree"),
    needs=r"['\"°]|\d ?(?:d|h|hrs?|m|min|p)\b|\d[dhm]\d",
)
