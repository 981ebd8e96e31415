"""A rule: a pattern and what is written in its place, for the next rule or for the grammar to read."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

Replacement = str | Callable[[re.Match[str]], str]


class Rule(NamedTuple):
    """Every match of `pattern` becomes `replacement`."""

    pattern: re.Pattern[str]
    replacement: Replacement


def rules(*pairs: tuple[str, Replacement]) -> list[Rule]:
    """Rules in the order in which they act."""
    return [Rule(re.compile(pattern), replacement) for pattern, replacement in pairs]


def apply(rules: Iterable[Rule], text: str) -> str:
    """`text` after each rule in turn."""
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


def alternatives(names: Iterable[str]) -> str:
    """A pattern of any of `names`, the longest first."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
