"""Random segments of a list of audio files. Knows nothing of text or manifests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor
from torch.utils.data import Dataset


class SegmentDataset(Dataset[Tensor]):
    """Endless-looking dataset of fixed-length segments; item i of a seed is always the same one.

    Args:
        files: audio files at the codec's sample rate.
        durations_s: their lengths; a file is drawn in proportion to its length.
        segment: samples of a segment; shorter files are padded with zeros.
        sample_rate: Hz, checked against each file.
        size: number of items.
        seed: of the draws.
        first: draws already used up by an earlier part of the run: item 0 is draw `first`.
    """

    def __init__(
        self,
        files: Sequence[Path],
        durations_s: Sequence[float],
        segment: int,
        sample_rate: int,
        size: int,
        seed: int,
        first: int = 0,
    ):
        self.files, self.segment, self.sample_rate, self.size = list(files), segment, sample_rate, size
        self.seed, self.first = seed, first
        weights = np.maximum(np.asarray(durations_s, dtype=np.float64), 0.1)
        self.cumulative = np.cumsum(weights / weights.sum())

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Tensor:
        """Item `index`: float32 [segment]."""
        if index >= self.size:
            raise IndexError(index)
        rng = np.random.default_rng((self.seed, self.first + index))
        chosen = min(int(np.searchsorted(self.cumulative, rng.random())), len(self.files) - 1)
        return torch.from_numpy(self.read(self.files[chosen], rng))

    def read(self, path: Path, rng: np.random.Generator) -> np.ndarray:
        """A random segment of one file."""
        with soundfile.SoundFile(path) as file:
            if file.samplerate != self.sample_rate:
                raise ValueError(
                    f"{path} is {file.samplerate} Hz, this codec expects {self.sample_rate} Hz; "
                    "resample the corpus first (pipelines/reconstruct.py shows how)"
                )
            file.seek(int(rng.integers(0, max(1, file.frames - self.segment + 1))))
            audio = file.read(self.segment, dtype="float32", always_2d=True).mean(axis=1)
        return np.pad(audio, (0, self.segment - len(audio)))
