"""Float mono in, files out. No torch."""

import io
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

WRITE_BLOCK = 65_536  # samples in one write; libsndfile's Vorbis and MP3 encoders crash on very large ones
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}


def audio_format(path: str | Path) -> str:
    """libsndfile's name of the format a suffix stands for.

    Raises:
        ValueError: a suffix that is not in FORMATS.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f"got {path}; expected a name ending in {', '.join(FORMATS)}")
    return FORMATS[suffix]


def save_audio(file: str | Path | BinaryIO, audio: np.ndarray, sample_rate: int, kind: str | None = None) -> None:
    """Write float [N] in [-1, 1]; 16 bit where the format has a choice. `kind` is needed for a file object only."""
    if kind is None:
        kind = audio_format(file)  # type: ignore[arg-type]
    subtype = "PCM_16" if kind in ("WAV", "FLAC") else None
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", sample_rate, 1, format=kind, subtype=subtype) as writer:
        for start in range(0, len(audio), WRITE_BLOCK):
            writer.write(np.clip(audio[start : start + WRITE_BLOCK], -1, 1))
    if isinstance(file, str | Path):
        temporary = Path(file).with_name(f".{Path(file).name}.{os.getpid()}.partial")  # two runs may write one file
        try:
            temporary.write_bytes(buffer.getvalue())
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    else:
        file.write(buffer.getvalue())
