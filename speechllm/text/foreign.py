"""Foreign words and names by their accents: what the G2P misreads with them and without.

data/foreign_words.tsv: a word in small letters, and its phonemes in the alphabet of the phonemiser.
"""

from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"


@cache
def foreign_words() -> dict[str, str]:
    """Word with accents, in small letters -> phonemes."""
    lines = (DATA / "foreign_words.tsv").read_text("utf-8").splitlines()
    return dict(line.split("\t") for line in lines if line and not line.startswith("#"))
