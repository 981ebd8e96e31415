"""Files in, float32 mono out: decoding, resampling, trimming."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor

from codec.audio.mono import mono_pieces
from codec.dsp.blocks import regroup

LEAD_S, TAIL_S = 0.04, 0.12  # seconds of silence that stay before speech and after
FLOOR_DB = -40.0  # below the loudness of speech, what is silence
CLICKS_S = 0.2  # the loudest so many seconds may be clicks; speech is as loud as what comes next
SILENCE = 1e-10  # mean power, -100 dB of full scale
LEVELS_PER_BLOCK = 6000  # a minute


def load_audio(path: str | Path, sample_rate: int) -> Tensor:
    """Read a file as float32 [1, N], mono (the mean of its channels), resampled to `sample_rate` Hz.

    Raises:
        FileNotFoundError, ValueError: as `codec.audio.decoding.decode`, which also warns.
    """
    return torch.cat(list(read_pieces(path, sample_rate)), dim=1)


def read_blocks(path: str | Path, sample_rate: int, size: int) -> Iterator[Tensor]:
    """What `load_audio` reads, in blocks [1, size], the last of which may be shorter, without holding it all."""
    return regroup(read_pieces(path, sample_rate), size)


def read_pieces(path: str | Path, sample_rate: int) -> Iterator[Tensor]:
    """What `load_audio` reads, in pieces [1, n] of any lengths."""
    for piece in mono_pieces(path, sample_rate):
        yield torch.from_numpy(piece)[None]


def resample(audio: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Resample float32 [N] from `rate` to `target` Hz, soxr's high quality."""
    return audio if rate == target else soxr.resample(audio, rate, target).astype(np.float32)


def trim_silence(audio: Tensor, sample_rate: int) -> Tensor:
    """Cut the silence around speech [1, N] down to LEAD_S and TAIL_S.

    Silence is what stays FLOOR_DB below the loudness of speech, which only the loudest CLICKS_S exceed; audio that is
    nothing else comes back whole. An LM that never hears a long pause before the first word never makes its listener
    wait for one.
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
    """Mean power of each 10 ms of audio [1, N], without its offset; of a rest that is shorter, none."""
    size = level_size(sample_rate)
    blocks = audio[0, : audio.shape[1] // size * size].view(-1, size)
    return (blocks - blocks.mean(1, keepdim=True)).square().mean(1)


def speech_range(loudness: Tensor, sample_rate: int) -> tuple[int, int]:
    """First sample of speech, and that after its last, from the levels of a recording; maybe beyond its end."""
    if not (loudness > SILENCE).any():
        return 0, sys.maxsize
    size = level_size(sample_rate)
    # A click is loud for some hundredths of a second, speech for longer; of little speech the louder half counts.
    ordered = loudness[loudness > SILENCE].sort(descending=True).values
    speech = ordered[min(round(CLICKS_S * 100), len(ordered) // 2)]
    loud = (loudness > speech * 10 ** (FLOOR_DB / 10)).nonzero()[:, 0] * size
    start = max(int(loud[0]) - round(LEAD_S * sample_rate), 0)
    return start, int(loud[-1]) + size + round(TAIL_S * sample_rate)
