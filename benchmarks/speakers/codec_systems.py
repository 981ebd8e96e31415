"""What benchmarks/codec_quality.py compares: our codecs, Opus, and the original, behind one interface."""

import io
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import soundfile
import torch

from codec import Codec
from codec import load as load_codec
from codec.audio.reading import resample

OPUS_RATE = 24_000  # Hz
OPUS_LOWEST, OPUS_SPAN = 6_000, 250_000  # bits per second at libsndfile's compression 1, and what 0 has more


class Coded(NamedTuple):
    """Speech after a codec."""

    audio: np.ndarray  # float32 [N], as long as the original
    bits: float  # that it took
    codes: np.ndarray | None = None  # int [K, T]


class CodecSystem(Protocol):
    """Whatever codes and decodes speech."""

    name: str

    def __call__(self, audio: np.ndarray, sample_rate: int) -> Coded:
        """Code and decode audio float32 [N]."""
        ...


class Original:
    """The recording itself, the best that any judge can say."""

    name = "original"

    def __call__(self, audio: np.ndarray, sample_rate: int) -> Coded:
        """Nothing is lost of 16-bit samples."""
        return Coded(audio, 16.0 * len(audio))


class Neural:
    """A codec of this project."""

    def __init__(self, source: str):
        self.codec: Codec = load_codec(source)
        self.name = getattr(self.codec.config, "name", source)

    def __call__(self, audio: np.ndarray, sample_rate: int) -> Coded:
        """At the codec's own rate, and back."""
        own = resample(audio, sample_rate, self.codec.sample_rate)
        codes, _ = self.codec.encode(torch.from_numpy(own)[None, None])
        decoded = self.codec.decode(codes)[0, 0].numpy()
        out = resample(decoded, self.codec.sample_rate, sample_rate)
        bits = codes.shape[1] * codes.shape[2] * np.log2(self.codec.codebook_size)
        return Coded(fit(out, len(audio)), float(bits), codes[0].numpy())


class Opus:
    """Opus through libsndfile, at a variable rate of so many kilobits per second on average."""

    def __init__(self, kbps: float):
        self.name, self.level = f"opus {kbps:g} kbps", 1 - (1000 * kbps - OPUS_LOWEST) / OPUS_SPAN
        if not 0 <= self.level <= 1:
            raise ValueError(f"got opus:{kbps:g}; expected 6 to 256 kilobits per second")

    def __call__(self, audio: np.ndarray, sample_rate: int) -> Coded:
        """Bits include those of its Ogg container."""
        buffer = io.BytesIO()
        own = resample(audio, sample_rate, OPUS_RATE)
        soundfile.write(
            buffer,
            own,
            OPUS_RATE,
            format="OGG",
            subtype="OPUS",
            compression_level=self.level,
        )
        bits = 8.0 * buffer.tell()
        buffer.seek(0)
        decoded, rate = soundfile.read(buffer, dtype="float32")
        return Coded(fit(resample(decoded, rate, sample_rate), len(audio)), bits)


def fit(audio: np.ndarray, length: int) -> np.ndarray:
    """Cut or pad with silence to `length` samples."""
    return np.pad(audio[:length], (0, max(0, length - len(audio))))


def load_codec_system(spec: str) -> CodecSystem:
    """A system by its name: original, opus:KBPS, or what codec.load takes."""
    if spec == "original":
        return Original()
    if spec.startswith("opus:"):
        return Opus(float(spec.removeprefix("opus:")))
    if not Path(spec).exists() and "/" not in spec:
        raise FileNotFoundError(f"no codec {spec!r}; expected original, opus:KBPS, a folder, a .nemo file or a hub id")
    return Neural(spec)
