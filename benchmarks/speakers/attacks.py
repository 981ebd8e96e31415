"""What may happen to a file of speech on its way to whoever asks where it comes from. Audio is float32 [N], mono."""

import io
from collections.abc import Callable

import numpy as np
import soundfile
import soxr

from benchmarks.speakers.degradations import add

Sound = tuple[np.ndarray, int]  # audio and its sample rate, Hz
Attack = Callable[[np.ndarray, int], Sound]

# kbit/s at libsndfile's compression 0, and what 1 has less; by whether the rate is one of MPEG-1.
MP3_KBPS = {True: (320, 288), False: (160, 152)}
OPUS_RATE, OPUS_KBPS = 24_000, (256, 250)


def through(audio: np.ndarray, rate: int, **form: object) -> Sound:
    """Written to a file of some format, and read."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(audio, -1, 1), rate, **form)
    file.seek(0)
    found, rate = soundfile.read(file, dtype="float32")
    return found, rate


def pcm(audio: np.ndarray, rate: int) -> Sound:
    """A WAV of 16 bits."""
    return through(audio, rate, format="WAV", subtype="PCM_16")


def mp3(kbps: float) -> Attack:
    """An MP3 of a constant rate."""

    def attack(audio: np.ndarray, rate: int) -> Sound:
        most, span = MP3_KBPS[rate >= 32_000]
        form = dict(format="MP3", bitrate_mode="CONSTANT", compression_level=(most - kbps) / span)
        return through(audio, rate, **form)

    return attack


def opus(kbps: float) -> Attack:
    """Opus in Ogg."""

    def attack(audio: np.ndarray, rate: int) -> Sound:
        form = dict(format="OGG", subtype="OPUS", compression_level=(OPUS_KBPS[0] - kbps) / OPUS_KBPS[1])
        return through(soxr.resample(audio, rate, OPUS_RATE), OPUS_RATE, **form)

    return attack


def resampled(*rates: int) -> Attack:
    """To one sample rate after another."""

    def attack(audio: np.ndarray, rate: int) -> Sound:
        for target in rates:
            audio, rate = soxr.resample(audio, rate, target), target
        return audio, rate

    return attack


def gain(gain_db: float) -> Attack:
    """Louder or softer, and then 16 bits."""
    return lambda audio, rate: pcm(audio * np.float32(10 ** (gain_db / 20)), rate)


def noise(snr_db: float, seed: int = 0) -> Attack:
    """White noise, so far below the speech."""
    random = np.random.default_rng(seed)
    return lambda audio, rate: (add(audio, random.standard_normal(len(audio)).astype(np.float32), snr_db), rate)


def played_at(speed: float) -> Attack:
    """Faster or slower, pitch and all."""
    return lambda audio, rate: (soxr.resample(audio, rate * speed, rate), rate)


ATTACKS: dict[str, Attack] = {
    "as written, 16 bits": pcm,
    "MP3, 64 kbit/s": mp3(64),
    "Ogg Vorbis": lambda audio, rate: through(audio, rate, format="OGG"),
    "Opus, 32 kbit/s": opus(32),
    "to 16 kHz, then to 44.1 kHz": resampled(16_000, 44_100),
    "to 8 kHz": resampled(8_000),
    "12 dB softer, 16 bits": gain(-12),
    "noise at 20 dB": noise(20),
    "noise at 10 dB": noise(10),
    "MP3, 32 kbit/s": mp3(32),
    "played 0.1 % faster": played_at(1.001),
    "played 1 % faster": played_at(1.01),
}
