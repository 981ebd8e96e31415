"""Audio without its offset: the twin of codec/dsp/highpass.py. Shapes: N samples."""

from collections.abc import Iterable, Iterator

import numpy as np

from codec.dsp.constants import highpass_margin, highpass_step, window_width
from codec.runtime.analysis.blocks import windows


def highpass(audio: np.ndarray, sample_rate: int, hz: float, step: int) -> np.ndarray:
    """Take off audio float32 [N] its mean over 1 / hz seconds around each sample, weighted by a Hann window."""
    width, length = window_width(sample_rate, hz, step), len(audio)
    window = np.hanning(width + 2)[1:-1].astype(np.float32)
    beside = (width - step) // 2

    def totals(values: np.ndarray) -> np.ndarray:
        padded = np.pad(values, (beside, beside + -length % step))
        return np.lib.stride_tricks.sliding_window_view(padded, width)[::step] @ window

    means = totals(audio) / totals(np.ones_like(audio))
    position = (np.arange(length) + 0.5) / step - 0.5
    return audio - np.interp(position, np.arange(len(means)), means).astype(np.float32)


def highpass_in_blocks(blocks: Iterable[np.ndarray], sample_rate: int, hz: float, hop: int) -> Iterator[np.ndarray]:
    """`highpass` of audio in blocks [n], all of the same multiple of `hop` but the last."""
    step = highpass_step(hop)
    for window in windows(blocks, highpass_margin(sample_rate, hz, step)):
        yield window.inner(highpass(window.values, sample_rate, hz, step))
