"""What a file says of itself: INFO of WAV, comments of FLAC and Ogg, ID3 of MP3. No torch.

Sources: LIST INFO, Microsoft and IBM's Multimedia Programming Interface 1.0, 2-14; Vorbis comments, xiph.org; ID3v2.
"""

import struct
from collections.abc import Mapping
from pathlib import Path

import soundfile

CHUNKS = {"title": b"INAM", "software": b"ISFT", "comment": b"ICMT"}  # libsndfile's names, and those of a WAV


def read_tags(path: str | Path) -> dict[str, str]:
    """The tags of a file by libsndfile's names, among them software and comment; none of a file that has none.

    Raises:
        FileNotFoundError, ValueError: no such file, or not audio.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is not a file")
    try:
        with soundfile.SoundFile(path) as file:
            found: dict[str, str] = file.copy_metadata()
            return found
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path} is not readable audio ({error}); expected wav, flac, ogg or mp3") from None


def write_tags(file: soundfile.SoundFile, tags: Mapping[str, str]) -> None:
    """Give tags, by the names of CHUNKS, to a file to which nothing has been written yet.

    ASCII is safest: an MP3 gets UTF-8 that it calls Latin-1. Its software is always LAME, whatever is given.
    """
    for name, value in tags.items():
        assert name in CHUNKS, name
        setattr(file, name, value)


def info_chunk(tags: Mapping[str, str]) -> bytes:
    """The same tags as a LIST chunk of a WAV; empty of none."""
    if not tags:
        return b""
    body = b"INFO"
    for name, value in tags.items():
        text = value.encode() + b"\0"
        body += CHUNKS[name] + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)
    return b"LIST" + struct.pack("<I", len(body)) + body
