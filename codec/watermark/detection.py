"""Whether audio bears the mark, and how often audio without it would seem to.

How the log spectrum changes from each half of a cell to the next is compared with each echo's cosine, and what it has
of those with the signs, at every place where the pattern may begin.

False alarms: weights and scale of what is compared do not depend on signs, so that for any audio that was made without
the key the score is a sum of its own magnitudes with random signs, divided by the root of the sum of their squares. Its
tail is at most about a normal one (Hoeffding's inequality bounds it by exp(-score² / 2)), times the places that were
tried. That needs no model of speech.

Shapes: N audio samples, T frames, F frequencies, E echoes, P places at which a cell may begin, C cells.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from codec.watermark.pattern import CELL_S, CELLS, DELAYS_S, KEY, signs

RATE = 16_000  # Hz, of the audio that is looked at
HOP = 80  # samples between frames, a quarter of a cell
PLACES = round(CELL_S * RATE) // HOP
FRAME, TRANSFORM = 256, 512
BAND_HZ = 400, 6000
WINDOW = CELLS * PLACES * HOP  # samples in which each sign comes once
STEP = WINDOW // 2  # from one window to the next
FALSE_ALARM = 1e-5  # up to which a file is said to be marked
SHORTEST_S = 0.5  # of audio that is looked at
FAINTEST = 1e-7  # power, relative to loud frames, of what is not looked at
NOISE_SHARE, NOISE_FACTOR = 10, 4  # percentile of the power at a frequency that is taken for noise, and its margin
LIMIT = 1.0  # nepers that the spectrum may differ from one half cell to the next
EVEN_FRAMES = 20  # over which what is compared is brought to one size
LIMIT_DEVIATIONS = 2.0


@dataclass(frozen=True)
class Detection:
    """What was found in some audio.

    Attributes:
        score: of the likeliest place; a standard normal number where there is no mark and one place is tried.
        false_alarm: how probable such a score is without a mark, for all the places that were tried.
        duration_s: of the audio.
        marked_s: of the windows that are marked by themselves.
    """

    score: float
    false_alarm: float
    duration_s: float
    marked_s: float

    @property
    def marked(self) -> bool:
        """Whether the audio bears the mark."""
        return self.false_alarm <= FALSE_ALARM


class Detector:
    """Looks for the mark of a key, in windows of 3.2 s and in all of the audio together."""

    def __init__(self, key: str = KEY):
        self.expected = np.conj(np.fft.rfft(signs(key), axis=0))  # [C / 2 + 1, E]
        frequencies = np.fft.rfftfreq(TRANSFORM, 1 / RATE)
        self.band = (frequencies >= BAND_HZ[0]) & (frequencies <= BAND_HZ[1])
        ripples = np.cos(2 * np.pi * np.outer(frequencies[self.band], DELAYS_S))
        self.ripples = (ripples - ripples.mean(0)).astype(np.float32)  # [F, E]
        self.taper = np.hanning(FRAME + 1)[:-1].astype(np.float32)

    def detect(self, pieces: Iterable[np.ndarray]) -> Detection:
        """Look through audio float32 [N] at RATE Hz, mono, that comes in pieces; memory does not grow with it."""
        total, scores = np.zeros((PLACES, CELLS, len(DELAYS_S))), list[float]()
        held, samples = np.zeros(0, np.float32), 0
        for audio in pieces:
            held, samples = np.concatenate([held, audio]), samples + len(audio)
            while len(held) >= WINDOW + FRAME:
                found = self.compare(held[: WINDOW + FRAME])
                total += np.roll(found, len(scores) * STEP // (PLACES * HOP), axis=1)
                scores.append(self.score(found))
                held = held[STEP:]
        # What is left counts if no window has seen it.
        if samples >= SHORTEST_S * RATE and (not scores or len(held) > WINDOW - STEP + FRAME):
            found = self.compare(held)
            total += np.roll(found, len(scores) * STEP // (PLACES * HOP), axis=1)
            scores.append(self.score(found))
        return self.judge(scores, self.score(total), samples / RATE)

    def judge(self, windows: list[float], whole: float, duration_s: float) -> Detection:
        """Scores of windows and of all together -> what was found."""
        score, tries = max([whole, *windows]), PLACES * CELLS * (1 if len(windows) < 2 else len(windows) + 1)
        own = sum(PLACES * CELLS * tail(each) <= FALSE_ALARM for each in windows)
        marked_s = min(own * STEP / RATE + (WINDOW - STEP) / RATE * (own > 0), duration_s)
        return Detection(score, min(tries * tail(score), 1.0), duration_s, marked_s)

    def score(self, compared: np.ndarray) -> float:
        """What was compared [P, C, E] -> the score of the likeliest place."""
        agreement = np.fft.irfft((np.fft.rfft(compared, axis=1) * self.expected).sum(2), CELLS)  # [P, C]
        size = np.sqrt(np.square(compared).sum((1, 2)))[:, None]
        return float((agreement / np.maximum(size, 1e-12)).max())

    def compare(self, audio: np.ndarray) -> np.ndarray:
        """Audio of up to WINDOW + FRAME samples -> how much of each echo is in it, [P, C, E]."""
        change, reliable = changes(self.power(audio))
        echoes = (change - change.mean(1, keepdims=True)) @ self.ripples  # [T, E]
        size = np.sqrt(moving_mean(np.square(echoes).mean(1, keepdims=True), EVEN_FRAMES)) + 1e-6
        weight = reliable.mean(1, keepdims=True) ** 3 / size
        even = np.clip(echoes / size, -LIMIT_DEVIATIONS, LIMIT_DEVIATIONS) * weight
        padded = np.zeros((CELLS * PLACES, len(DELAYS_S)))
        padded[: len(even)] = even[: len(padded)]
        return padded.reshape(CELLS, PLACES, -1).transpose(1, 0, 2)

    def power(self, audio: np.ndarray) -> np.ndarray:
        """Audio [N] -> power of its frames, [T, F], smoothed over a few frequencies."""
        frames = np.lib.stride_tricks.sliding_window_view(audio, FRAME)[::HOP] * self.taper
        spectra = np.fft.rfft(frames, TRANSFORM)[:, self.band]
        return moving_mean((np.square(spectra.real) + np.square(spectra.imag)).T, 3).T


def changes(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How the log spectrum [T, F] changes from each half cell to the next, in nepers, and how much of that is no noise.

    What is at the level of noise is taken to change little and to say little.
    """
    half = PLACES // 2
    loud = np.percentile(power.mean(1), 90) + 1e-20
    noise = NOISE_FACTOR * np.percentile(power, NOISE_SHARE, axis=0) + FAINTEST * loud
    level = moving_mean(0.5 * np.log(power + noise), half)
    reliable = moving_mean(moving_mean(power / (power + noise), half).T, 16).T
    later = np.minimum(np.arange(len(power)) + half, len(power) - 1)
    reliable = np.minimum(reliable, reliable[later])
    change = level - level[later]
    change -= change.mean(1, keepdims=True)
    return np.clip(change, -LIMIT, LIMIT) * reliable, reliable


def moving_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Mean of `width` rows around each, fewer at the ends."""
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])
    ends = np.arange(len(values)) + (width + 1) // 2
    stop, start = np.minimum(ends, len(values)), np.maximum(ends - width, 0)
    return (sums[stop] - sums[start]) / (stop - start)[:, None]


def tail(score: float) -> float:
    """How probable a standard normal number above `score` is."""
    return 0.5 * math.erfc(score / math.sqrt(2))
