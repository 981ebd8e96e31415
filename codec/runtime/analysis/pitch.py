"""Fundamental frequency of speech: the twin of codec/dsp/pitch.py.

Shapes: N samples, J frames of a block, L lags, C candidates of a frame.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from codec.dsp.constants import (
    COST_PER_OCTAVE,
    FILL_DECAY,
    FILL_REACH,
    INTEGRATED_PERIODS,
    MAX_HZ,
    MIN_HZ,
    NO_MINIMUM_COST,
    NUM_CANDIDATES,
    SILENT_POWER,
    TRUSTED_VOICING,
    decimation,
    pitch_margin,
)
from codec.runtime.analysis.blocks import padded_frames, regroup, windows
from codec.runtime.analysis.path import PathSearch


def decimate(audio: np.ndarray, factor: int) -> np.ndarray:
    """Every `factor`-th sample of audio [N], low-passed: [N // factor]."""
    if factor == 1:
        return audio
    taps = np.arange(-4 * factor, 4 * factor + 1)
    kernel = np.sinc(taps / factor) * np.hanning(len(taps)) / factor
    padded, count = np.pad(audio, 4 * factor), len(audio) // factor
    total = np.zeros(count, np.float32)
    for start, weight in enumerate(kernel.tolist()):
        total += weight * padded[start : start + factor * count : factor]
    return total


def yin(audio: np.ndarray, sample_rate: float, hop: int) -> tuple[np.ndarray, int]:
    """YIN's cumulative-mean-normalised difference [J, L] for lags from `first` on, and `first`."""
    first, last = int(sample_rate / MAX_HZ), math.ceil(sample_rate / MIN_HZ)
    width = INTEGRATED_PERIODS * last  # the integration window holds all but one of them
    x = padded_frames(audio, width, hop)
    head = x[:, : width - last]
    size = 1 << (width + last).bit_length()
    spectrum = np.fft.rfft(x, n=size)
    correlation = np.fft.irfft(spectrum * np.fft.rfft(head, n=size).conj(), n=size)[:, : last + 1]
    energy = np.cumsum(np.square(x, dtype=np.float64), axis=1)
    energy = np.concatenate([np.zeros((len(x), 1)), energy], axis=1)
    shifted = energy[:, width - last :] - energy[:, : last + 1]  # energy of x[lag : lag + width - last]
    difference = (shifted[:, :1] + shifted).astype(np.float32) - 2 * correlation.astype(np.float32, copy=False)
    difference = np.maximum(difference, 0)[:, 1:]  # lags 1..last
    lags = np.arange(1, last + 1, dtype=np.float32)
    normalised = difference * lags / (np.cumsum(difference, axis=1) + 1e-6)
    power = shifted[:, :1].astype(np.float32)
    normalised = (normalised * power + SILENT_POWER) / (power + SILENT_POWER)
    return normalised[:, first - 1 :], first


def candidates(audio: np.ndarray, sample_rate: int, hop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What may be the pitch of each frame of audio [N].

    Returns:
        cost [J, C], octave [J, C] above some pitch, and f0 in Hz with voicing in [0, 1], [J, C, 2].
    """
    factor = decimation(sample_rate, hop)
    rate = sample_rate / factor
    score, first = yin(decimate(audio, factor), rate, hop // factor)
    is_minimum = np.ones(score.shape, bool)
    rising = score[:, 1:] >= score[:, :-1]
    is_minimum[:, :-1] = rising
    is_minimum[:, 1:] &= score[:, 1:] <= score[:, :-1]
    octaves = np.log2(np.arange(first, first + score.shape[1], dtype=np.float32) / first)
    local = np.where(is_minimum, score, score + NO_MINIMUM_COST) + COST_PER_OCTAVE * octaves
    lag = np.argpartition(local, NUM_CANDIDATES, axis=1)[:, :NUM_CANDIDATES]
    cost = np.take_along_axis(local, lag, axis=1)
    order = cost.argsort(axis=1, kind="stable")
    lag, cost = np.take_along_axis(lag, order, axis=1), np.take_along_axis(cost, order, axis=1)
    inner = lag.clip(1, score.shape[1] - 2)
    left, middle, right = (np.take_along_axis(score, inner + i, axis=1) for i in (-1, 0, 1))
    bend = np.maximum(left + right - 2 * middle, 1e-6)
    refined = inner.astype(np.float32) + (0.5 * (left - right) / bend).clip(-1, 1) + first
    return cost, octaves[lag], np.stack([rate / refined, (1 - middle).clip(0, 1)], axis=-1)


def smooth_pitch(blocks: Iterable[np.ndarray], sample_rate: int, hop: int) -> Iterator[np.ndarray]:
    """f0 in Hz and voicing [n, 2] of the frames that the smooth path has reached; blocks as of pitch_in_blocks."""
    search, waiting = PathSearch(), np.zeros((0, NUM_CANDIDATES, 2), np.float32)
    for window in windows(blocks, pitch_margin(sample_rate, hop)):
        cost, octave, new = map(window.inner, candidates(window.values.reshape(-1), sample_rate, hop))
        path = search.push(cost, octave, window.last)
        waiting = np.concatenate([waiting, new])
        yield waiting[np.arange(len(path)), path]
        waiting = waiting[len(path) :]


def pitch_in_blocks(
    blocks: Iterable[np.ndarray], sample_rate: int, hop: int, size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pitch of audio in blocks: f0 in Hz and voicing [n] of each, a few blocks later.

    Args:
        blocks: float32 [size, hop], the last one with as many frames as there are.
        sample_rate: Hz.
        hop: samples of a frame.
        size: frames of a block, at least FILL_REACH.
    """
    for window in windows(regroup(smooth_pitch(blocks, sample_rate, hop), size), FILL_REACH):
        f0, voicing = window.values[:, 0], window.values[:, 1]
        yield window.inner(fill_unvoiced(f0, voicing)), window.inner(voicing)


def fill_unvoiced(f0: np.ndarray, voicing: np.ndarray) -> np.ndarray:
    """Replace f0 [J] where it is unvoiced by the voicing-weighted mean of its neighbours within FILL_REACH."""
    weight, log_f0 = voicing**4 + 1e-6, np.log(f0)
    kernel = np.exp(-np.abs(np.arange(-FILL_REACH, FILL_REACH + 1)) / FILL_DECAY).astype(np.float32)
    total, norm = (np.convolve(part, kernel)[FILL_REACH : FILL_REACH + len(f0)] for part in (log_f0 * weight, weight))
    low, high = TRUSTED_VOICING
    trust = ((voicing - low) / (high - low)).clip(0, 1)
    return np.exp(trust * log_f0 + (1 - trust) * total / norm)
