"""Rules: a pattern and what is written in its place, for the next rule or for the grammar to read."""

import re
from collections.abc import Callable, Iterable

Replacement = str | Callable[[re.Match[str]], str]


class Rules:
    """Rules in the order in which they act; every match of a pattern becomes its replacement.

    The patterns are compiled with the first text that may need them: a first sentence waits for no more than its own.
    """

    def __init__(self, *pairs: tuple[str, Replacement], needs: str | Callable[[str], object] = ""):
        """
        Args:
            pairs: pattern and replacement.
            needs: a pattern or a test of texts that these rules may change; every text by default.
        """
        self._pairs = pairs
        self._needs = re.compile(needs).search if isinstance(needs, str) else needs
        self._compiled: list[tuple[re.Pattern[str], Replacement]] = []

    def __call__(self, text: str) -> str:
        """`text` after each rule in turn."""
        if not self._needs(text):
            return text
        if not self._compiled:
            self._compiled = [(re.compile(pattern), replacement) for pattern, replacement in self._pairs]
        for pattern, replacement in self._compiled:
            text = pattern.sub(replacement, text)
        return text


def alternatives(names: Iterable[str]) -> str:
    """A pattern of any of `names`, the longest first."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
