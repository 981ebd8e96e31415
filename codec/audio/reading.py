"""Files in, float32 mono out: decoding, resampling, trimming."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from codec.dsp.blocks import regroup

READ_SIZE = 65_536  # samples in one read
LEAD_S, TAIL_S = 0.04, 0.12  # seconds of silence that stay before speech and after
FLOOR_DB = -40.0  # below the loudest 10 ms, what is silence
LEVELS_PER_BLOCK = 6000  # a minute


class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
    """An audio file that is read from its beginning to its end."""

    def seekable(self) -> bool:
        """No: soundfile would seek after each read, which restarts the decoder of an MP3."""
        return False


def load_audio(path: str | Path, sample_rate: int) -> Tensor:
    """Read a file as float32 [1, N], mono (the mean of its channels), resampled to `sample_rate` Hz.

    Raises:
        FileNotFoundError, ValueError: no such file, not audio, or no samples in it.
    """
    return torch.cat(list(read_pieces(path, sample_rate)), dim=1)


def read_blocks(path: str | Path, sample_rate: int, size: int) -> Iterator[Tensor]:
    """What `load_audio` reads, in blocks [1, size], the last of which may be shorter, without holding it all."""
    return regroup(read_pieces(path, sample_rate), size)


def read_pieces(path: str | Path, sample_rate: int) -> Iterator[Tensor]:
    """What `load_audio` reads, in pieces [1, n] of any lengths."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is not a file")
    try:
        with ForwardFile(path) as file:
            file.seek(0)  # as soundfile.read; it readies the decoder of an MP3
            resampler = soxr.ResampleStream(file.samplerate, sample_rate, 1, dtype="float32")
            found = 0
            while count := len(audio := file.read(READ_SIZE, dtype="float32", always_2d=True)):
                found += count
                yield torch.from_numpy(resampler.resample_chunk(audio.mean(axis=1)))[None]
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path} is not readable audio ({error}); expected wav, flac, ogg or mp3") from None
    if not found:
        raise ValueError(f"{path} holds no samples")
    yield torch.from_numpy(resampler.resample_chunk(np.zeros(0, np.float32), last=True))[None]


def resample(audio: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Resample float32 [N] from `rate` to `target` Hz, soxr's high quality."""
    return audio if rate == target else soxr.resample(audio, rate, target).astype(np.float32)


def trim_silence(audio: Tensor, sample_rate: int) -> Tensor:
    """Cut the silence around speech [1, N] down to LEAD_S and TAIL_S.

    Silence is what stays FLOOR_DB below the loudest 10 ms; audio that is nothing else comes back whole. An LM that
    never hears a long pause before the first word never makes its listener wait for one.
    """
    start, stop = speech_range(levels(audio, sample_rate), sample_rate)
    return audio[:, start:stop]


def read_speech(path: str | Path, sample_rate: int) -> Iterator[Tensor]:
    """What `trim_silence` leaves of a file, in pieces [1, n]; a file of more than a minute is read twice, not held."""
    size = LEVELS_PER_BLOCK * level_size(sample_rate)
    blocks = read_blocks(path, sample_rate, size)
    head = list(itertools.islice(blocks, 2))
    if len(head) == 1:
        yield trim_silence(head[0], sample_rate)
        return
    loudness = torch.cat([levels(block, sample_rate) for block in itertools.chain(head, blocks)])
    start, stop = speech_range(loudness, sample_rate)
    for block in read_blocks(path, sample_rate, size):
        piece = block[:, max(start, 0) : max(stop, 0)]
        if piece.shape[1]:
            yield piece
        start, stop = start - size, stop - size


def level_size(sample_rate: int) -> int:
    """Samples in 10 ms."""
    return sample_rate // 100


def levels(audio: Tensor, sample_rate: int) -> Tensor:
    """Mean power of each 10 ms of audio [1, N]; of a rest that is shorter, none."""
    size = level_size(sample_rate)
    return audio[0, : audio.shape[1] // size * size].view(-1, size).square().mean(1)


def speech_range(loudness: Tensor, sample_rate: int) -> tuple[int, int]:
    """First sample of speech, and that after its last, from the levels of a recording; maybe beyond its end."""
    if not loudness.any():
        return 0, sys.maxsize
    size = level_size(sample_rate)
    loud = (loudness > loudness.max() * 10 ** (FLOOR_DB / 10)).nonzero()[:, 0] * size
    start = max(int(loud[0]) - round(LEAD_S * sample_rate), 0)
    return start, int(loud[-1]) + size + round(TAIL_S * sample_rate)
