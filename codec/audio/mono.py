"""Audio files as mono at one sample rate, piece by piece. No torch."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soxr

from codec.audio.decoding import Block, decode


def mono_pieces(path: str | Path, sample_rate: int) -> Iterator[np.ndarray]:
    """A file as pieces float32 [n] of any lengths, the mean of its channels, resampled to `sample_rate` Hz.

    Raises:
        FileNotFoundError, ValueError: as `codec.audio.decoding.decode`, which also warns.
    """
    return mono_of(decode(path), sample_rate)


def mono_of(blocks: Iterable[Block], sample_rate: int) -> Iterator[np.ndarray]:
    """Blocks of a file, at least one, as `mono_pieces` gives them."""
    resampler: soxr.ResampleStream | None = None
    for samples, rate in blocks:
        resampler = resampler or soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
        yield resampler.resample_chunk(samples.mean(axis=1))
    assert resampler is not None
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)
