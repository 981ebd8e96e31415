"""Random segments of audio files, or of features already computed. Knows nothing of text or manifests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from codec.audio.decoding import decode_segment


class Segments(Dataset[Any]):
    """Endless-looking dataset of fixed-length segments; item i of a seed is always the same one.

    Args:
        lengths: of what segments are cut from; the longer a recording is, the more often it is chosen.
        size: number of items.
        seed: of the random choice.
        first: items already used by an earlier part of the run: item 0 is number `first` of the whole sequence.
        names: of the recordings, for messages; empty = their numbers.
    """

    def __init__(self, lengths: Sequence[float], *, size: int, seed: int, first: int = 0, names: Sequence[str] = ()):
        self.size, self.seed, self.first = size, seed, first
        self.names = list(names) or [str(number) for number in range(len(lengths))]
        weights = np.maximum(np.asarray(lengths, dtype=np.float64), 0.1)
        self.cumulative = np.cumsum(weights / weights.sum())

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Any:
        """Item `index`."""
        return self.cut(*self.choose(index))

    def choose(self, index: int) -> tuple[int, np.random.Generator]:
        """The recording of item `index`, and the random numbers that say where it is cut."""
        if index >= self.size:
            raise IndexError(index)
        rng = np.random.default_rng((self.seed, self.first + index))
        return min(int(np.searchsorted(self.cumulative, rng.random())), len(self.cumulative) - 1), rng

    def names_of(self, index: int) -> list[str]:
        """The recording of item `index`, for messages."""
        return [self.names[self.choose(index)[0]]]

    def cut(self, chosen: int, rng: np.random.Generator) -> Any:
        """A random segment of number `chosen`."""
        raise NotImplementedError


class AudioSegments(Segments):
    """Segments float32 [segment] of audio files.

    Args:
        files: audio files at the codec's sample rate.
        durations_s: their lengths.
        segment: samples of a segment; shorter files are padded with zeros.
        sample_rate: Hz, checked against each file.
        size, seed, first: as of Segments.
    """

    def __init__(
        self,
        files: Sequence[Path],
        durations_s: Sequence[float],
        segment: int,
        sample_rate: int,
        *,
        size: int,
        seed: int,
        first: int = 0,
    ):
        super().__init__(durations_s, size=size, seed=seed, first=first, names=list(map(str, files)))
        self.files, self.segment, self.sample_rate = list(files), segment, sample_rate

    def cut(self, chosen: int, rng: np.random.Generator) -> Any:
        """A random segment of one file."""
        return self.padded(self.read(chosen, rng))

    def padded(self, audio: np.ndarray) -> Tensor:
        """Float32 [segment] of at most as much."""
        return torch.from_numpy(np.pad(audio, (0, self.segment - len(audio))))

    def read(self, chosen: int, rng: np.random.Generator) -> np.ndarray:
        """A random segment of one file, or all of a shorter one."""
        path = self.files[chosen]
        audio, rate = decode_segment(
            path, self.segment, lambda samples: int(rng.integers(0, max(1, samples - self.segment + 1)))
        )
        if rate != self.sample_rate:
            raise ValueError(
                f"{path} is {rate} Hz, this codec expects {self.sample_rate} Hz; "
                "resample the corpus first (pipelines/reconstruct.py shows how)"
            )
        mono: np.ndarray = audio.mean(axis=1)
        return mono


class MeasuredSegments(AudioSegments):
    """The same, each with its samples before the padding, int."""

    def cut(self, chosen: int, rng: np.random.Generator) -> tuple[Tensor, int]:
        """A random segment of one file, and its length."""
        audio = self.read(chosen, rng)
        return self.padded(audio), len(audio)


class FeatureSegments(Segments):
    """Segments float32 [segment, W] of features [S, W]; shorter ones are left out, and repeated never.

    Args:
        features: one tensor for each utterance, S a multiple of `stack`.
        segment: STFT frames of a segment, a multiple of `stack`.
        stack: STFT frames per codec frame; segments start at codec frames.
        options: of Segments.

    Attributes:
        left_out: names of the utterances that are too short.
    """

    def __init__(self, features: Sequence[Tensor], segment: int, stack: int, names: Sequence[str] = (), **options: int):
        self.segment, self.stack = segment, stack
        names = names or [str(number) for number in range(len(features))]
        kept = [number for number, one in enumerate(features) if len(one) >= segment]
        self.left_out = [name for name, one in zip(names, features, strict=True) if len(one) < segment]
        if not kept:
            raise ValueError(f"got no utterance of {segment // stack} codec frames; use a smaller segment_frames")
        self.features = [features[number] for number in kept]
        super().__init__([len(one) for one in self.features], names=[names[number] for number in kept], **options)

    def cut(self, chosen: int, rng: np.random.Generator) -> Tensor:
        """A random segment of one utterance."""
        features = self.features[chosen]
        start = self.stack * int(rng.integers(0, (len(features) - self.segment) // self.stack + 1))
        return features[start : start + self.segment].float()
