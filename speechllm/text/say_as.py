"""SSML's say-as: a written form whose kind is given -> one that is read so wherever it stands."""

import re

DIGITS = "zero one two three four five six seven eight nine".split()
SIGNS = {
    "-": "dash", "_": "underscore", ".": "dot", "@": "at", "/": "slash", "#": "hash", "+": "plus", "*": "star",
    "&": "and", "%": "percent", ":": "colon", ",": "comma", "'": "apostrophe", "!": "exclamation mark", "=": "equals",
    "?": "question mark", "$": "dollar", "(": "open bracket", ")": "close bracket", "\\": "backslash",
}  # fmt: skip
MONTHS = (
    "January February March April May June July August September October November December".split()  # of the calendar
)
KINDS = ("characters", "spell-out", "digits", "telephone", "cardinal", "number", "ordinal", "date")
FORMATS = ("mdy", "dmy", "ymd", "md", "dm", "ym", "my", "y")


def rewrite(text: str, kind: str, form: str = "") -> str:
    """Text that is read as the kind says.

    Args:
        text: as written between the tags.
        kind: of KINDS.
        form: of a date, of FORMATS; month, day, year unless given.

    Raises:
        ValueError: another kind, or text that is not of the kind.
    """
    if kind in ("characters", "spell-out"):
        return ", ".join(_character(char) for char in text if not char.isspace())
    if kind in ("digits", "telephone"):
        return _digits(text)
    if kind in ("cardinal", "number"):
        number = _integer(text, kind)
        return f"{'minus ' * (number < 0)}{abs(number):,}"  # a sign after another number would be a range
    if kind == "ordinal":
        return _ordinal(_integer(re.sub(r"(?<=\d)(?:st|nd|rd|th)$", "", text), kind))
    if kind == "date":
        return _date(text, form or "mdy")
    raise ValueError(f"got interpret-as={kind!r}; expected one of: {', '.join(KINDS)}")


def _character(char: str) -> str:
    return DIGITS[int(char)] if char in "0123456789" else SIGNS.get(char, char.upper())


def _digits(text: str) -> str:
    """Digit by digit, a comma where they are written in groups."""
    groups = re.findall(r"\d+", text)
    if not groups or re.search(r"[A-Za-z]", text):
        raise ValueError(f"got {text[:40]!r}; expected digits")
    said = ", ".join(" ".join(DIGITS[int(digit)] for digit in group) for group in groups)
    return f"plus {said}" if text.strip().startswith("+") else said


def _integer(text: str, kind: str) -> int:
    plain = re.sub(r"(?<=\d)[,\s](?=\d)", "", text.strip())
    if not re.fullmatch(r"[-+]?\d{1,15}", plain) or not plain.isascii():
        raise ValueError(f"got {text[:40]!r} as a {kind}; expected a whole number")
    return int(plain)


def _ordinal(number: int) -> str:
    teens = number % 100 in (11, 12, 13)
    suffix = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{suffix}"


def _date(text: str, form: str) -> str:
    """November 24, 2024 from its numbers in the order of `form`."""
    numbers = re.findall(r"\d+", text)
    if form not in FORMATS:
        raise ValueError(f"got format={form!r} of a date; expected one of: {', '.join(FORMATS)}")
    if len(numbers) != len(form) or re.search(r"[A-Za-z]", text):
        raise ValueError(f"got {text[:40]!r} as a date of format {form}; expected {len(form)} numbers")
    found = {part: int(number) for part, number in zip(form, numbers, strict=True)}
    if not (1 <= found.get("m", 1) <= 12 and 1 <= found.get("d", 1) <= 31 and found.get("y", 0) <= 9999):
        raise ValueError(f"got {text[:40]!r}, which is no date of format {form}")
    month = MONTHS[found["m"] - 1] if "m" in found else ""
    day = f" {found['d']}" if "d" in found else ""
    year = str(found["y"]) if "y" in found else ""
    return f"{month}{day}{', ' if day and year else ' ' if month and year else ''}{year}"
