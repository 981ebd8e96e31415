"""Recordings that can be used for training, and what is wrong with others."""

from pathlib import Path

from codec.audio.decoding import Measured, measure
from codec.audio.headers import seconds_of

SHORTEST_S = 0.1
SILENCE = 1e-10  # mean power, -100 dB of full scale
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
# What people have too, and libsndfile cannot read.
FOREIGN_SUFFIXES = (".m4a", ".m4b", ".aac", ".mp4", ".wma", ".amr", ".webm", ".mka", ".ape", ".wv", ".3gp")


def duration_of(path: Path) -> float:
    """Seconds of a recording that can be used.

    Raises:
        ValueError, FileNotFoundError: it cannot; the message says why.
    """
    refuse_foreign(path)
    found = measure(path)
    refuse(path, found)
    return found.duration_s


def refuse_foreign(path: Path) -> None:
    """Raise ValueError for a file that libsndfile cannot read, by its name."""
    if path.suffix.lower() in FOREIGN_SUFFIXES and path.is_file():
        raise ValueError(f"{path}: {path.suffix} cannot be read here; convert it to wav, for example with ffmpeg")


def refuse(path: Path, found: Measured) -> None:
    """Raise ValueError where a recording, as it was measured, cannot be used."""
    if found.faults:
        raise ValueError(f"{path}: {'; '.join(found.faults)}")
    if found.duration_s < SHORTEST_S:
        raise ValueError(f"{path} lasts {found.duration_s:.2f} s; expected {SHORTEST_S} s or more")
    if found.power < SILENCE:
        raise ValueError(f"{path} is silent")


def header_duration(path: Path) -> float:
    """Seconds of a recording as its header says, which may be wrong; nothing is decoded.

    Raises:
        ValueError: it is not readable audio.
    """
    refuse_foreign(path)
    seconds = seconds_of(path)
    if seconds < SHORTEST_S:
        raise ValueError(f"{path} lasts {seconds:.2f} s; expected {SHORTEST_S} s or more")
    return seconds
