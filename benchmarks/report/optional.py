"""What is measured only where its package is installed."""

from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def optional(what: str, load: Callable[[], Found]) -> Found | None:
    """What `load` gives, or None and a printed reason where its package is missing."""
    try:
        return load()
    except ImportError as error:
        print(f"without {what}: {error}")
        return None
