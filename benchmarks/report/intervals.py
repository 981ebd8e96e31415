"""Estimates with their 95 % bootstrap intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000


class Interval(NamedTuple):
    """An estimate with the limits of its 95 % interval, all in the unit of the estimate."""

    value: float
    low: float
    high: float


def bootstrap_interval(
    errors: Sequence[float], totals: Sequence[float], seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Pooled rate sum(errors) / sum(totals) and its 95 % percentile interval, resampling sentences.

    Pooled, so a long sentence weighs more than a short one. Sentences, not words, are resampled because the errors
    within one sentence depend on each other. One seed draws the same sentences for every system that read them.

    Args:
        errors: one number for each sentence.
        totals: likewise, positive.
        seed: of the resampling.
        resamples: how many.

    Returns:
        Interval of a ratio: 0.01 is 1 %; may exceed 1, since insertions count.

    Raises:
        ValueError: no sentences, unequal lengths, or a total that is not positive.
    """
    top, bottom = np.asarray(errors, float), np.asarray(totals, float)
    if top.ndim != 1 or top.shape != bottom.shape or not len(top):
        raise ValueError(f"got {len(top)} errors and {len(bottom)} totals; expected one of each for every sentence")
    if bottom.min() <= 0:
        raise ValueError(f"got a total of {bottom.min():g}; expected a reference with at least one character")
    indices = _resampled(len(top), seed, resamples)
    return _interval(top.sum() / bottom.sum(), top[indices].sum(1) / bottom[indices].sum(1))


def bootstrap_mean(values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Mean over sentences and its 95 % percentile interval; see `bootstrap_interval`."""
    return bootstrap_interval(values, [1.0] * len(values), seed, resamples)


def bootstrap_ratio(top: Sequence[float], bottom: Sequence[float], seed: int = 0) -> Interval:
    """Ratio of medians top : bottom and its 95 % percentile interval, resampling pairs of runs."""
    a, b = np.asarray(top), np.asarray(bottom)
    indices = _resampled(len(a), seed, RESAMPLES)
    ratios = np.median(a[indices], 1) / np.maximum(np.median(b[indices], 1), 1e-12)
    return _interval(np.median(a) / max(np.median(b), 1e-12), ratios)


def format_interval(interval: Interval | None, scale: float = 1.0, digits: int = 2) -> str:
    """As in a table: "1.52 [1.40, 1.61]", each number times `scale`; a dash for None."""
    if interval is None:
        return "–"
    value, low, high = (f"{number * scale:.{digits}f}" for number in interval)
    return f"{value} [{low}, {high}]"


def _resampled(count: int, seed: int, resamples: int) -> np.ndarray:
    """Indices of sentences or runs, with replacement, [resamples, count]."""
    return np.random.default_rng(seed).integers(0, count, (resamples, count))


def _interval(value: float, resampled: np.ndarray) -> Interval:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(float(value), float(low), float(high))
