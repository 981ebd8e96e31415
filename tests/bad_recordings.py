"""Recordings and texts of many kinds that cannot be used, and what must be said of them."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

import toys
from codec.audio.writing import save_audio

SPEECH = toys.voiced(140, 0.3)


def wav(path: Path, audio: np.ndarray = SPEECH, rate: int = toys.RATE) -> Path:
    soundfile.write(path.with_suffix(".wav"), audio, rate, subtype="FLOAT")
    return path.with_suffix(".wav")


def with_sample(value: float) -> Callable[[Path], object]:
    return lambda path: wav(path, np.concatenate([SPEECH, np.float32([value]), SPEECH]))


def cut(suffix: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        save_audio(path.with_suffix(suffix), np.tile(SPEECH, 8), toys.RATE)
        whole = path.with_suffix(suffix).read_bytes()
        path.with_suffix(suffix).write_bytes(whole[: len(whole) * 2 // 3])

    return write


def damaged(path: Path) -> None:
    save_audio(path.with_suffix(".flac"), np.tile(SPEECH, 8), toys.RATE)
    content = bytearray(path.with_suffix(".flac").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.with_suffix(".flac").write_bytes(content)


def two_rates(path: Path) -> None:
    parts = []
    for rate in (16_000, toys.RATE):
        save_audio(path.with_suffix(".ogg"), SPEECH, rate)
        parts.append(path.with_suffix(".ogg").read_bytes())
    path.with_suffix(".ogg").write_bytes(b"".join(parts))


def claims_too_much(path: Path) -> None:
    content = bytearray(wav(path).read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 2 * len(content))
    path.with_suffix(".wav").write_bytes(content)


def twice(path: Path) -> None:
    wav(path)
    save_audio(path.with_suffix(".flac"), SPEECH, toys.RATE)


# What is wrong, how the recording is made, the text if it is not a good one, and what must be said.
BAD: dict[str, tuple[Callable[[Path], object], str | bytes, str]] = {
    "nan": (with_sample(np.nan), "", "has a sample of nan at 0.300 s"),
    "infinite": (with_sample(-np.inf), "", "has a sample of -inf at 0.300 s"),
    "huge": (with_sample(1e29), "", "has a sample of 1e+29 at 0.300 s"),
    "integers": (lambda path: wav(path, SPEECH * 32_768), "", "divide float samples at integer scale"),
    "silent": (lambda path: wav(path, 0 * SPEECH), "", "is silent"),
    "offset": (lambda path: wav(path, 0 * SPEECH + 0.25), "", "is silent"),
    "short": (lambda path: wav(path, SPEECH[:1000]), "", "lasts 0.05 s"),
    "none": (lambda path: wav(path, SPEECH[:0]), "", "holds no samples"),
    "antiphase": (lambda path: wav(path, np.stack([SPEECH, -SPEECH], axis=1)), "", "channels cancel each other"),
    "nothing": (lambda path: path.with_suffix(".wav").write_bytes(b""), "", "is not readable audio"),
    "html": (lambda path: path.with_suffix(".mp3").write_bytes(b"<html>404</html>" * 20), "", "is not readable audio"),
    "m4a": (lambda path: path.with_suffix(".m4a").write_bytes(bytes(99)), "", "convert it to wav"),
    "cut_wav": (claims_too_much, "", "seems to be cut"),
    "cut_mp3": (cut(".mp3"), "", "seems to be cut"),
    "cut_ogg": (cut(".ogg"), "", "seems to be cut"),
    "damaged": (damaged, "", "is damaged or cut"),
    "rates": (two_rates, "", "holds recordings of 16000 Hz and 22050 Hz"),
    "absent": (lambda path: None, "", "does not exist"),
    "twice": (twice, "", "is there as"),
    "latin1": (wav, "D\xe9j\xe0 vu.".encode("latin-1"), "is not UTF-8"),
    "no_text": (wav, "  ", "has an empty text"),
    "columns": (wav, "Hello.|There.|Again.", "columns; expected id|text"),
    "unspeakable": (wav, "!?", ""),
}
