"""Edits between what was to be said and what was heard, in characters and in words. The one door to jiwer."""

from types import ModuleType
from typing import NamedTuple


class Errors(NamedTuple):
    """Edits that turn a reference into its hypothesis, and the length of the reference, in characters or words."""

    errors: int
    total: int


def load_jiwer() -> ModuleType:
    """The package; called before long work, it complains in time. Raises ImportError where it is not installed."""
    try:
        import jiwer
    except ImportError as error:
        raise ImportError(f"error rates need jiwer ({error}); pip install 'lfsc-tts[eval]'") from error
    return jiwer


def character_errors(reference: str, hypothesis: str) -> Errors:
    """Edits between two normalised texts in characters, spaces included."""
    found = load_jiwer().process_characters(reference, hypothesis)
    return Errors(found.substitutions + found.deletions + found.insertions, len(reference))


def word_errors(reference: str, hypothesis: str) -> Errors:
    """Edits between two normalised texts in words."""
    found = load_jiwer().process_words(reference, hypothesis)
    return Errors(found.substitutions + found.deletions + found.insertions, len(reference.split()))


def last_word_heard(reference: str, hypothesis: str) -> bool:
    """Whether the last word of a normalised text is among the last three heard, a third of its characters aside."""
    last = reference.split()[-1]
    return any(3 * character_errors(last, word).errors <= len(last) for word in hypothesis.split()[-3:])
