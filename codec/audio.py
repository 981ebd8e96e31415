"""Files in, float32 mono out, and back. All decoding, resampling and encoding of audio files is here."""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

WRITE_BLOCK = 65_536  # samples in one write; libsndfile's Vorbis and MP3 encoders crash on very large ones
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}


def load_audio(path: str | Path, sample_rate: int) -> Tensor:
    """Read a file as float32 [1, N], mono (the mean of its channels), resampled to `sample_rate` Hz.

    Raises:
        FileNotFoundError, ValueError: no such file, not audio, or no samples in it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is not a file")
    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path} is not readable audio ({error}); expected wav, flac, ogg or mp3") from None
    if not len(audio):
        raise ValueError(f"{path} holds no samples")
    return torch.from_numpy(resample(audio.mean(axis=1), rate, sample_rate))[None]


def resample(audio: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Resample float32 [N] from `rate` to `target` Hz, soxr's high quality."""
    return audio if rate == target else soxr.resample(audio, rate, target).astype(np.float32)


def trim_silence(
    audio: Tensor, sample_rate: int, lead_s: float = 0.04, tail_s: float = 0.12, floor_db: float = -40.0
) -> Tensor:
    """Cut the silence around speech [1, N] down to `lead_s` and `tail_s`.

    Silence is what stays `floor_db` below the loudest 10 ms; audio that is nothing else comes back whole. An LM that
    never hears a long pause before the first word never makes its listener wait for one.
    """
    block = sample_rate // 100
    count = audio.shape[1] // block
    if not count:
        return audio
    level = audio[0, : count * block].view(count, block).square().mean(1)
    if not level.any():
        return audio
    loud = (level > level.max() * 10 ** (floor_db / 10)).nonzero()[:, 0] * block
    start = max(int(loud[0]) - round(lead_s * sample_rate), 0)
    return audio[:, start : int(loud[-1]) + block + round(tail_s * sample_rate)]


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
        temporary = Path(file).with_name(f".{Path(file).name}.partial")
        temporary.write_bytes(buffer.getvalue())
        temporary.replace(file)
    else:
        file.write(buffer.getvalue())
