"""Digits one by one, and patterns of numbers that several kinds of rule share."""

import re

DIGITS = "zero one two three four five six seven eight nine".split()
NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"  # 5, 1,250 and 3.14


def spell_digits(text: str) -> str:
    """'07' -> 'zero seven'."""
    return " ".join(DIGITS[int(char)] for char in text if char.isdigit())


def in_groups(digits: str) -> str:
    """Digits one by one with a pause after every third or fourth: '482913' -> 'four eight two, nine one three'."""
    size = len(digits) if len(digits) <= 5 else 4 if len(digits) % 4 == 0 else 3
    groups = [digits[i : i + size] for i in range(0, len(digits), size)]
    if len(groups) > 1 and len(groups[-1]) == 1:  # no digit alone
        groups[-2:] = [groups[-2] + groups[-1]]
    return ", ".join(map(spell_digits, groups))


def grouped(digits: str) -> str:
    """'12345' -> '12,345', in which the grammar sees a magnitude; of any length, unlike `int`."""
    digits = digits.lstrip("0") or "0"
    first = len(digits) % 3 or 3
    return ",".join([digits[:first], *(digits[i : i + 3] for i in range(first, len(digits), 3))])


def thousandfold(number: str) -> str:
    """'2.5' -> '2,500'."""
    whole, _, part = number.replace(",", "").partition(".")
    rest = part[3:].rstrip("0")
    return grouped(whole + part[:3].ljust(3, "0")) + (f".{rest}" if rest else "")


def spell_groups(text: str) -> str:
    """The groups as written: '4111 1111' -> 'four one one one, one one one one'."""
    return ", ".join(spell_digits(group) for group in re.findall(r"\d+", text))
