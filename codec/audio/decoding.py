"""Audio files as samples, block by block, or a reason why not."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from codec.audio.containers import Layout, Part, View, layout_of

READ_SIZE = 65_536  # samples in one read
FULL_SCALE_LIMIT = 10.0  # samples beyond are no audio at full scale 1, but integers written as floats, or worse
UNKNOWN = 2**62  # frames; libsndfile's number for a file that does not say
CANCELLED = 1e-3  # power of the mean of channels, relative to theirs, below which they cancel each other


class RecordingWarning(UserWarning):
    """A file can be read, but hardly is what was recorded: cut, damaged, or with channels that cancel each other."""


class Block(NamedTuple):
    """Some samples of a file."""

    samples: np.ndarray  # float32 [n, channels]
    sample_rate: int  # Hz


class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
    """An audio file that is read from its beginning to its end."""

    def seekable(self) -> bool:
        """No: soundfile would seek after each read, which restarts the decoder of an MP3."""
        return False


class Measured(NamedTuple):
    """What there is to know of a file before it is used."""

    duration_s: float
    power: float  # mean power of the mean of its channels, without its offset; 1 = full scale
    faults: list[str]  # what `decode` warns of


class Recording:
    """The samples of a file as blocks, to go through once; then `faults` says what is wrong with it."""

    def __init__(self, path: str | Path):
        self.path, self.rate, self.count = Path(path), 0, 0
        self.faults: list[str] = []

    def __iter__(self) -> Iterator[Block]:
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path} is not a file")
        layout, balance = layout_of(self.path), Balance()
        try:
            with self.path.open("rb") as raw:
                for part in layout.parts:
                    for samples in self.read(View(raw, part)):
                        check(self.path, samples, self.count, self.rate)
                        balance.add(samples)
                        self.count += len(samples)
                        yield Block(samples, self.rate)
        except soundfile.LibsndfileError as error:
            where = f"is damaged or cut, after {self.count / self.rate:.2f} s" if self.rate else "is not readable audio"
            raise ValueError(f"{self.path} {where} ({reason(error)}); expected wav, flac, ogg or mp3") from None
        cut = layout.fault and f"it seems to be cut: {layout.fault}"
        if not self.count:
            raise ValueError(f"{self.path} holds no samples{cut and '; '}{cut}")
        self.faults = [fault for fault in (cut, balance.fault()) if fault]

    def read(self, part: View) -> Iterator[np.ndarray]:
        """Samples of a part."""
        with ForwardFile(part) as file:
            file.seek(0)  # as soundfile.read; it readies the decoder of an MP3
            if self.rate and file.samplerate != self.rate:
                both = f"{self.rate} Hz and {file.samplerate} Hz"
                raise ValueError(f"{self.path} holds recordings of {both}; expected one sample rate")
            self.rate = file.samplerate
            while len(samples := file.read(READ_SIZE, dtype="float32", always_2d=True)):
                yield samples


def decode(path: str | Path) -> Iterator[Block]:
    """All samples of a file; how many they are decides decoding, not what headers claim.

    Raises:
        FileNotFoundError, ValueError: no such file, not audio, no samples in it, samples that are not finite or far
            beyond full scale, or recordings of several sample rates one after another.

    Warns:
        RecordingWarning: the file seems to be cut, or its channels cancel each other.
    """
    recording = Recording(path)
    yield from recording
    for fault in recording.faults:
        warnings.warn(f"{path}: {fault}", RecordingWarning, stacklevel=2)


class Meter:
    """Length and power of a recording as its blocks go by."""

    def __init__(self, recording: Recording):
        self.recording = recording
        self.total = self.squares = self.duration_s = 0.0

    def __iter__(self) -> Iterator[Block]:
        for samples, rate in self.recording:
            mono = samples.mean(axis=1, dtype=np.float64)
            self.total, self.squares = self.total + float(mono.sum()), self.squares + float(np.square(mono).sum())
            self.duration_s += len(samples) / rate
            yield Block(samples, rate)

    def measured(self) -> Measured:
        """What there is to know, once all blocks have gone by."""
        count = self.recording.count
        return Measured(self.duration_s, self.squares / count - (self.total / count) ** 2, self.recording.faults)


def measure(path: str | Path) -> Measured:
    """Length and power of a file, by decoding it; raises as `decode`."""
    meter = Meter(Recording(path))
    for _ in meter:
        pass
    return meter.measured()


def reason(error: soundfile.LibsndfileError) -> str:
    """What libsndfile says, without the file's name or its object's."""
    return str(error.error_string).strip().rstrip(".")


def check(path: Path, samples: np.ndarray, count: int, rate: int) -> None:
    """Refuse samples that are no audio; `count` come before them."""
    peak = np.abs(samples).max()
    if peak <= FULL_SCALE_LIMIT:  # false for NaN
        return
    index = int(np.flatnonzero(~(np.abs(samples) <= FULL_SCALE_LIMIT).all(axis=1))[0])
    values = samples[index]
    value = values[~(np.abs(values) <= FULL_SCALE_LIMIT)][0]
    hint = "; divide float samples at integer scale by 32768" if np.isfinite(value) and peak <= 40_000 else ""
    where = f"{path} has a sample of {value:g} at {(count + index) / rate:.3f} s"
    raise ValueError(f"{where}; expected finite samples with full scale 1{hint}")


class Balance:
    """Power of channels and of their mean."""

    def __init__(self) -> None:
        self.each = self.mean = 0.0

    def add(self, samples: np.ndarray) -> None:
        """Samples float32 [n, channels]."""
        if samples.shape[1] > 1:
            self.each += float(np.square(samples, dtype=np.float64).mean(axis=1).sum())
            self.mean += float(np.square(samples.mean(axis=1), dtype=np.float64).sum())

    def fault(self) -> str:
        """What is wrong, if the channels cancel each other."""
        if self.mean >= CANCELLED * self.each:
            return ""
        return "its channels cancel each other (antiphase), the mean is nearly silent; invert one of them"


def decode_segment(path: str | Path, size: int, choose: Callable[[int], int]) -> Block:
    """Samples float32 [<= size, channels] from where `choose` says, given how many the file has; raises as `decode`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    if layout_of(path) == Layout([Part(0, path.stat().st_size)]):
        try:
            with soundfile.SoundFile(path) as file:
                if 0 < (total := file.frames) < UNKNOWN:
                    start = choose(total)
                    file.seek(start)
                    samples = file.read(size, dtype="float32", always_2d=True)
                    if len(samples) < min(size, total - start):
                        raise ValueError(
                            f"{path} ends after {(start + len(samples)) / file.samplerate:.2f} s; it is cut"
                        )
                    check(path, samples, start, file.samplerate)
                    return Block(samples, file.samplerate)
        except soundfile.LibsndfileError as error:
            raise ValueError(f"{path} is not readable audio ({reason(error)})") from None
    blocks = list(decode(path))
    whole = np.concatenate([block.samples for block in blocks])
    start = choose(len(whole))
    return Block(whole[start : start + size], blocks[0].sample_rate)
