"""What the lite codec's encoder takes, from audio: the twin of codec/lite/features.py.

Shapes: N samples, S STFT frames, M mel bands, A aperiodicity bands.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from codec.dsp.constants import shape_margin
from codec.runtime.analysis.blocks import regroup, windows
from codec.runtime.analysis.envelope import ShapeAnalysis
from codec.runtime.analysis.highpass import highpass_in_blocks
from codec.runtime.analysis.pitch import pitch_in_blocks
from codec.runtime.facts import Facts

BLOCK_FRAMES = 256  # STFT frames that are analysed and encoded at once, about


class Features(NamedTuple):
    """Of STFT frames, all float32; the inputs of the graph."""

    bands: np.ndarray  # log of the mean amplitude in mel bands [S, M]
    noise: np.ndarray  # log of the share of noise in the amplitude, by bands [S, A]
    f0: np.ndarray  # Hz [S]
    voicing: np.ndarray  # 0..1 [S]


class Analysis:
    """Audio -> features, with what all recordings share.

    Args:
        facts: of the codec.
    """

    def __init__(self, facts: Facts):
        self.facts = facts
        self.shape = ShapeAnalysis(facts.sample_rate, facts.n_fft, facts.stft_hop, facts.n_mels)
        stack = facts.hop_length // facts.stft_hop
        self.block = -(-BLOCK_FRAMES // stack) * stack  # STFT frames, whole codec frames

    def __call__(self, pieces: Iterable[np.ndarray]) -> Iterator[tuple[Features, bool]]:
        """Audio float32 [n] in pieces of any length -> features in blocks, and whether a block is the last.

        What is kept does not grow: a few blocks of audio, and of pitch what PathSearch keeps waiting.
        """
        facts, rate, hop = self.facts, self.facts.sample_rate, self.facts.stft_hop
        for_pitch, for_shape = itertools.tee(self.blocks(pieces))
        reach = shape_margin(rate, facts.n_fft, hop)
        pitch = pitch_in_blocks(for_pitch, rate, hop, self.block)
        for window, parts in zip(windows(for_shape, reach), pitch, strict=True):
            # Frames beside the block only lend it their audio; any pitch will do.
            f0, voicing = (np.pad(part, (window.before, window.after), mode="edge") for part in parts)
            shape = self.shape(window.values.reshape(-1), f0, voicing)
            yield Features(*(window.inner(part) for part in (*shape, voicing))), window.last

    def blocks(self, pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """What is analysed, in blocks [J, hop]: without slow offsets, the last codec frame filled up with zeros."""
        facts = self.facts
        blocks = regroup(pieces, self.block * facts.stft_hop)
        if facts.highpass_hz:
            blocks = highpass_in_blocks(blocks, facts.sample_rate, facts.highpass_hz, facts.stft_hop)
        for block in blocks:
            yield np.pad(block, (0, -len(block) % facts.hop_length)).reshape(-1, facts.stft_hop)
