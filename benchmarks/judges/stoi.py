"""STOI: how intelligible decoded speech is beside its original. Functions of numpy arrays.

Shapes: N samples, J frames, F bins, M bands. Original and decoded audio are mono float [N] of equal length and rate.
"""

import numpy as np

from codec.audio.reading import resample

STOI_RATE = 10_000  # Hz
STOI_FFT, STOI_HOP, STOI_SEGMENT = 512, 128, 30  # samples, samples, frames
STOI_RANGE_DB = 40.0  # frames this much below the loudest are silence
STOI_CLIP_DB = -15.0  # lowest signal-to-distortion ratio that counts


def third_octaves(rate: int = STOI_RATE, n_fft: int = STOI_FFT, bands: int = 15, lowest: float = 150.0) -> np.ndarray:
    """Zero or one [M, F]: the bins of each third of an octave."""
    hz = np.linspace(0, rate, n_fft + 1)[: n_fft // 2 + 1]
    centres = lowest * 2 ** (np.arange(bands) / 3)
    matrix = np.zeros((bands, len(hz)))
    for row, centre in enumerate(centres):
        low, high = (np.abs(hz - centre * 2 ** (sign / 6)).argmin() for sign in (-1, 1))
        matrix[row, low:high] = 1
    return matrix


def stoi(real: np.ndarray, fake: np.ndarray, sample_rate: int) -> tuple[float, float]:
    """Short-time objective intelligibility and its extended form, each at most 1; higher is better.

    Not a number where less than 384 ms of speech is left without its silences.

    Source: Taal et al., IEEE TASLP 2011; Jensen and Taal, IEEE TASLP 2016.
    """
    x, y = (to_rate(audio, sample_rate, STOI_RATE) for audio in (real, fake))
    x, y = without_silence(x, y)
    if len(x) < 256 + (STOI_SEGMENT - 1) * STOI_HOP:
        return float("nan"), float("nan")
    bands = third_octaves()
    a, b = (np.sqrt(bands @ np.abs(np.fft.rfft(stoi_frames(audio), STOI_FFT)).T ** 2) for audio in (x, y))  # [M, J]
    a, b = (np.lib.stride_tricks.sliding_window_view(m, STOI_SEGMENT, axis=1).transpose(1, 0, 2) for m in (a, b))
    # [segments, M, 30]
    scale = np.linalg.norm(a, axis=2, keepdims=True) / (np.linalg.norm(b, axis=2, keepdims=True) + 1e-12)
    clipped = np.minimum(b * scale, a * (1 + 10 ** (-STOI_CLIP_DB / 20)))
    plain = (normalized(a, 2) * normalized(clipped, 2)).sum(2).mean()
    extended = (normalized(normalized(a, 2), 1) * normalized(normalized(b, 2), 1)).sum((1, 2)).mean() / STOI_SEGMENT
    return float(plain), float(extended)


def normalized(x: np.ndarray, axis: int) -> np.ndarray:
    """Zero mean and unit length along an axis."""
    x = x - x.mean(axis, keepdims=True)
    return x / (np.linalg.norm(x, axis=axis, keepdims=True) + 1e-12)


def stoi_window() -> np.ndarray:
    """Hann window [256] without its zeros."""
    return np.hanning(258)[1:-1]


def stoi_frames(audio: np.ndarray) -> np.ndarray:
    """Windowed frames [J, 256]."""
    return np.lib.stride_tricks.sliding_window_view(audio, 256)[::STOI_HOP] * stoi_window()


def without_silence(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both without the frames in which x is silent, overlapped and added again."""
    if len(x) < 256:
        return x[:0], y[:0]
    a, b = stoi_frames(x), stoi_frames(y)
    level = 20 * np.log10(np.linalg.norm(a, axis=1) + 1e-12)
    keep = level > level.max() - STOI_RANGE_DB
    return overlap_add(a[keep]), overlap_add(b[keep])


def overlap_add(frames: np.ndarray) -> np.ndarray:
    """Frames [J, 256] -> audio [(J + 1) * 128]."""
    audio = np.zeros((len(frames) + 1) * STOI_HOP)
    for index, frame in enumerate(frames):
        audio[index * STOI_HOP : index * STOI_HOP + 256] += frame
    return audio


def to_rate(audio: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Resample to `target` Hz, float64."""
    return resample(audio.astype(np.float32), rate, target).astype(np.float64)
