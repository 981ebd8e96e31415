"""Numbers: magnitude first; NeMo takes every number of five digits and more for a code, and of four for a year.

What comes out are digits with commas, which NeMo reads as a magnitude.
"""

import re

from speechllm.text.rules.digits import NUMBER, grouped, spell_digits, thousandfold
from speechllm.text.rules.rule import Rules

SCALES = {"K": "thousand", "k": "thousand", "M": "million", "mn": "million", "B": "billion", "bn": "billion"}
SCALES |= {"T": "trillion", "tn": "trillion"}
# "Section 5B" is a letter, "5B dollars" a magnitude.
PLACES = frozenset(
    "section room apartment gate seat act unit flat bus route row platform grade class hall figure block".split()
)


def _magnitude(match: re.Match[str]) -> str:
    number, scale = match[1], match[2]
    before = match.string[: match.start()].rsplit(None, 1)
    if before and before[-1].lower() in PLACES:
        return match[0]
    if scale in "Kk":
        return thousandfold(number)
    return f"{number} {SCALES[scale]}"


def _large(match: re.Match[str]) -> str:
    return grouped(match[0])


def _range(match: re.Match[str]) -> str:
    """Ends of one to three digits, or of alike length; "1-8090" is none."""
    first, last = match[1].replace(",", ""), match[2].rstrip("%").replace(",", "")
    if match[1] == match[2]:
        return f"{match[1]} {match[2]}"  # fifty fifty
    alike = "." in match[0] or (len(last) - len(first) < 3 and not (len(first) > 2 and len(last) == 1))
    return f"{match[1]} to {match[2]}" if alike else match[0]


def _science(match: re.Match[str]) -> str:
    """1e-5 -> 1 times 10 to the minus 5."""
    return f"{match[1]} times 10 to the {'minus ' if match[2] == '-' else ''}{match[3]}"


SHORT = r"(?:\d{1,3}(?:,\d{3})+|\d{1,4}(?:\.\d+)?)"

RULES = Rules(
    # 10 000 people: groups of three after a first of at most three
    (
        r"(?<![\w.,$€£+/-])(?<!\d )([1-9]\d{0,2})((?: \d{3})+)(?! ?\d|[\w/-]|[.,]\d{4})",
        lambda m: (m[1] + m[2]).replace(" ", ","),
    ),
    (r"(?<![\w.,$€£:/-])0\d{1,8}(?![\w:/-]|[.,]\d)", lambda m: spell_digits(m[0])),
    (r"(?<=\b401)[ (]*[kK]\)?", " K"),
    (r"\b401 K", "four oh one K"),
    (r"\b([48])K\b(?! (?:people|[a-z]+s)\b)", r"\1 K"),  # of a screen
    (r"\b(\d+)K(?= (?:race|run|walk|runner)s?\b)", r"\1 K"),
    (rf"(?<![\w.,$€£:/-])({NUMBER}) ?(bn|mn|tn)\b", _magnitude),
    (rf"(?<![\w.,$€£:/-])({NUMBER})([KMB])(?![\w/'-])", _magnitude),
    (
        rf"(?<![\w.,$€£:/-])({NUMBER})k(?![\w/'])(?:-(?=[a-z]))?",
        lambda m: f"{thousandfold(m[1])} ",
    ),
    (r"(?<![\w.,$€£:/-])(\d+\.\d+)(T)\b", _magnitude),
    (r"(?<![\w.])(-?\d+(?:\.\d+)?)[eE]([+-]?)(\d{1,3})(?!\w)", _science),
    (r"(?<=\d) ?[x*] ?(?=10 ?\^)", " times "),
    (r"(?<![\w./])(\d{2,3})/(\d{2,3})(?= ?(?:mmHg|millimeters? of|mm ?Hg)|(?<=/[6-9]\d)(?![\d/]))", r"\1 over \2"),
    (
        r"(?<![\w/-])(\d{2,9})/(\d{2,9})(?![\w/-])",
        lambda m: m[0] if int(m[1]) < int(m[2]) or m[1] == m[2] or len(m[1]) == 4 else f"{m[1]} over {m[2]}",
    ),
    (r"(?<![\d/])(\d+)/\1(?![\d/])", r"\1 \1"),  # 50/50
    (r"(?<![\w.,$€£/:-])(-?)([1-9]\d{4,14})(?![\w,/:-]|\.\d)", lambda m: m[1] + grouped(m[2])),
    (r"(?<![\w.,$€£/:-])([1-9]\d{4,14})(?=\.\d+(?![\w.]))", _large),
    (r"(?<![\w.,/:-])([1-9]\d{4,14})(?=(?:st|nd|rd|th)\b)", _large),
    (r"(?<=\d) ?- ?(?=\d+ ?=)", " minus "),
    (r"(?<=\d) ?/ ?(?=\d+ ?=)", " divided by "),
    (r"(?<![\d.])1 ?★", "1 star"),
    (r"(?<=\d) ?★+", " stars"),
    (
        rf"(?<![\w.-])({SHORT}) ?[-–] ?({SHORT}%?)(?![\w.-]*\d)(?!-?\w)(?! ?=)",
        _range,
    ),
    (r"(?<![\w.-])(\d{1,3}(?:st|nd|rd|th)) ?[-–] ?(\d{1,3}(?:st|nd|rd|th))\b", r"\1 to \2"),
    (r"(?<![\w.-])(\d+(?:\.\d+)?)% ?[-–] ?(\d+(?:\.\d+)?%)", r"\1% to \2"),
    (r"(?<=[A-Za-z])(?<!/[a-z])-(?=\d)(?!\d+/)", " "),
    (r"(?<![\w-])(\d[\d,.]*)-(?=[a-z]|[A-Z]\b|[A-Z][a-z])", r"\1 "),
    (r"(?<=\d) ?x ?(?=\d[\d.]* ?=)", " times "),
    (r"(?<=\d) ?[xX] ?(?=\d)", " by "),
    (
        r"(?<=\d)x(?= (?:faster|slower|more|less|as|per|a|the|better|bigger|larger|higher|cheaper|smaller)\b|/)",
        " times",
    ),
    (r"~ ?(?=[\d$€£])", "about "),
    (r"(?<=\d)\+(?=[ ,.;!?)]|$)(?! ?\d)", " plus"),
    (r"\bCO2\b", "C O 2"),
    needs=r"\d{4}|\d \d{3}|[-–/xX*+~^★=]|\d[A-Za-z]|\b0\d|CO2|\d[.,]\d|\d ?(?:bn|mn|tn)\b|401",
)
