"""Phone and card numbers, codes, post codes, versions and identifiers: digit by digit, in groups.

NeMo knows American phone numbers alone, and reads the groups of a card and a code of six digits as numbers.
"""

import re

from speechllm.text.rules.digits import in_groups, spell_digits, spell_groups
from speechllm.text.rules.rule import Rules

CUE = (
    r"(?:(?i:codes?|passcodes?|passwords?|otp|zip|accounts?|extension|order|ticket|invoice|reference|confirmation|serial|"
    r"tracking|booking|routing|licen[cs]e|passport|policy|case number)|cards?|PINs?|CVV|CVC|ISBN|IBAN|SSN)"
)
BETWEEN = r"(?: (?:number|no\.|num|ID|id|is|was|of|ending in|ends in|begins with))*(?: number)?[ :#]+"
PHONE_CUE = (
    r"(?i:\b(?:call|phone|tel|telephone|fax|dial|text|ring|mobile|cell|hotline|whatsapp)"
    r"(?: (?:us|me|him|her|at|on|is|number))*[ :.]+)"
)


def _phone(match: re.Match[str]) -> str:
    return ("plus " if match[0].startswith("+") else "") + spell_groups(match[0])


def _code(match: re.Match[str]) -> str:
    letters, digits, others = re.fullmatch(r"([A-Za-z]*)(\d+)(.*)", match["code"]).groups()  # type: ignore[union-attr]
    return f"{match['cue']}{letters} {spell_groups(digits + others) if others else in_groups(digits)}"


def _dotted(match: re.Match[str]) -> str:
    """A version has points; an address of the internet has four parts, read digit by digit."""
    parts = match[0].split(".")
    if re.fullmatch(r"\d\d?\.\d\d?\.\d{4}", match[0]):
        return match[0]  # a date
    if len(parts) == 4:
        return " dot ".join(map(spell_digits, parts))
    if all(len(part) == 3 for part in parts[1:]) and parts[0] != "0":
        return ",".join(parts)  # thousands as they are written on the Continent: 1.000.000
    return " point ".join(parts)


def _identifier(match: re.Match[str]) -> str:
    """747-400 -> seven four seven four hundred; parts that fall, or a part with a zero in front, are no range."""
    first, *others = re.findall(r"\d+", match[0])
    return " ".join(
        [spell_digits(first), *(part if re.fullmatch(r"[1-9]00", part) else spell_digits(part) for part in others)]
    )


def _hyphenated(match: re.Match[str]) -> str:
    parts = re.findall(r"\d+", match[0])
    if re.fullmatch(r"\d{4}-\d\d?-\d\d?|\d\d?-\d\d?-\d{4}", match[0]):
        return match[0]  # a date
    if re.fullmatch(r"[12]\d{3}", parts[0]) and len(parts[1]) in (2, 4):
        return match[0]  # years
    falling = (len(parts[0]), parts[0]) >= (len(parts[1]), parts[1]) and len(parts[0]) >= 3 and len(parts[1]) > 1
    odd = len(parts[1]) > 4 or len(parts[0]) > 4 or any(len(part) > 1 and part[0] == "0" for part in parts)
    plane = re.fullmatch(r"7\d7", parts[0]) and parts[1].endswith("00")
    return _identifier(match) if falling or odd or plane or len(parts) > 3 else match[0]


START, END = r"(?<![\w.,$€£/+-])", r"(?![\w/-]|[.,:]\d)"
RULES = Rules(
    (r"\b24/7\b", "twenty four seven"),
    (r"\b9/11\b(?!/)", "nine eleven"),
    (r"(?<![\w.,$-])(911)(?= *(?:$|[.!?,;]|now|call|operator|emergency))", lambda m: spell_digits(m[1])),
    (r"(?<=[Cc]all )(911|999|112)\b|(?<=[Dd]ial )(911|999|112)\b", lambda m: spell_digits(m[0])),
    (r"(?<![\w.])\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?(?![\w-])", lambda m: spell_groups(m[0])),  # a card
    (r"(?<![\w.])\d{4}([ -])\d{6}\1\d{4,5}(?![\w-])", lambda m: spell_groups(m[0])),
    (r"(?<![\w.,$€£])\d{13,19}(?![\w.,-]\d|\w)", lambda m: in_groups(m[0])),
    (r"(?<![\w.-])\d{3}-\d{2}-\d{4}(?![\w-])", lambda m: spell_groups(m[0])),  # social security
    (r"(?<![\w.])97[89][- ]\d{1,5}[- ]\d{1,7}[- ]\d{1,6}[- ]\d(?![\w-])", lambda m: spell_groups(m[0])),  # ISBN
    (r"(?<![\w.])\+?\d{1,3}[ .-]\(?\d{2,4}\)?[ .-]\d{3,4}[ .-]?\d{4}(?![\w-])", _phone),
    (r"(?<![\w.])(?:\(\d{3}\)[ -]?|\d{3}[ .-])?\d{3}-\d{4}(?![\w-])", _phone),
    (r"(?<![\w.])\(\d{3,5}\) ?\d{3,4}[ -]?\d{3,4}(?![\w-])", _phone),
    (r"(?<![\w.])\d{3}\.\d{3}\.\d{4}(?![\w-])", _phone),
    (r"(?<![\w.])\+\d{1,3}(?:[ -]\(?\d{1,5}\)?){1,5}(?![\w-])", _phone),
    (r"(?<![\w.])\+\d{7,15}(?!\w)", lambda m: "plus " + in_groups(m[0][1:])),
    (r"(?<![\w.,:/-])(?<!\d )0\d{2,4}(?:[ -]\d{2,6}){1,4}(?![\w-]|[.,:/]\d)", _phone),
    (r"(?<![\w.,:/-])1[ -]8\d\d[ -]\d{3}[ -]\d{4}(?![\w-])", _phone),
    (rf"({PHONE_CUE})(\d{{7,11}})(?![\w.,-]\d|\w)", lambda m: m[1] + in_groups(m[2])),
    (
        rf"(?P<cue>\b{CUE}{BETWEEN})(?P<code>\d{{2,6}}(?:[ -]\d{{2,6}})+|[A-Za-z]{{0,3}}\d{{3,12}})(?![\w/-]|[.,:]\d)",
        _code,
    ),
    (r"(?<![\w.-])\d{5}-\d{4}(?![\w-])", lambda m: spell_groups(m[0])),
    (r"\b0x([0-9A-Fa-f]{1,16})\b", lambda m: "0 x " + " ".join(m[1].upper())),
    (r"(?<![\w.])\d+(?:\.\d+){2,}(?![\w])", _dotted),
    (rf"(?i)(?<=\bversion )(\d+)\.(\d+){END}", r"\1 point \2"),
    (r"(?<=Boeing )7(\d7)\b(?!-)", r"7 \1"),
    (r"(?<![\w.,$€£:/-])\d+-\d+(?:-\d+)*(?![\w%:/-]|\.\d|,\d| ?(?:[°%=]|BC|kg|km|lb|m\b))", _hyphenated),
    needs=r"\d{3}|\d[ ./-]\(?\d|\b[04]x",
)
