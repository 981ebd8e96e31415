"""Audio on its way to a client: one encoder an answer, from the first sample to the last.

A container of its own for each piece would click at every seam and lose its last frames.

Shapes: N samples.
"""

import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from shutil import which
from typing import Any

import numpy as np
import soundfile
import soxr

from pipelines.shared.errors import UserError
from pipelines.speaking.outputs import STREAM_LENGTH, clipped, to_int16, to_pcm, wav_header

SETS_PAGE_LATENCY, SETS_BITRATE_MODE = 0x1302, 0x1305  # SFC_SET_OGG_PAGE_LATENCY_MS, SFC_SET_BITRATE_MODE of sndfile.h
CONSTANT = 0  # SF_BITRATE_MODE_CONSTANT
PAGE_MS = 60.0  # of Opus; libsndfile would gather a second
CONTAINERS = {"mp3": ("MP3", None), "flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}
MEDIA = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg; codecs=opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
RATES = {"pcm": 24_000, "opus": 24_000}  # Hz, what clients of OpenAI assume; others are sent as they are spoken
OPUS_RATES = (8000, 12_000, 16_000, 24_000, 48_000)
MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
LEAST_RATE, MOST_RATE = 8000, 48_000  # Hz


def rate_of(kind: str, wanted: int | None, spoken: int) -> int:
    """The sample rate of an answer, Hz.

    Args:
        kind: of MEDIA.
        wanted: what the client asks for, if anything.
        spoken: the voice's.

    Raises:
        UserError: a rate that the format does not have.
    """
    rate = wanted or RATES.get(kind, spoken)
    allowed = {"opus": OPUS_RATES, "mp3": MP3_RATES}.get(kind)
    if allowed and rate not in allowed:
        raise UserError(f"got sample_rate {rate} for {kind}; expected one of {', '.join(map(str, allowed))}")
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise UserError(f"got sample_rate {rate}; expected {LEAST_RATE} to {MOST_RATE} Hz")
    return rate


def media_type(kind: str, rate: int) -> str:
    """The Content-Type, with the rate where the bytes themselves do not say it."""
    return f"{MEDIA[kind]}; rate={rate}; channels=1" if kind == "pcm" else MEDIA[kind]


class Resampler:
    """Audio at another rate, the same samples however it is cut."""

    def __init__(self, source: int, target: int):
        self.stream = soxr.ResampleStream(source, target, 1, dtype="float32") if source != target else None

    def __call__(self, audio: np.ndarray, last: bool = False) -> np.ndarray:
        """Float32 [N] -> float32 of what has become certain."""
        return audio if self.stream is None else self.stream.resample_chunk(audio, last=last)


class Encoder(ABC):
    """Samples in, bytes out, in order.

    Args:
        rate: Hz.
        tags: what the answer says of itself, see codec.audio.tags.
        whole: nothing is sent before the end, so that lengths can be true.
    """

    def __init__(self, rate: int, tags: Mapping[str, str], whole: bool):
        self.rate, self.tags, self.whole = rate, tags, whole

    @abstractmethod
    def push(self, audio: np.ndarray) -> bytes:
        """Float32 [N] -> the bytes that have become certain."""

    @abstractmethod
    def flush(self) -> bytes:
        """The rest."""

    def close(self) -> None:
        """Let go of what it holds; also of one that was not flushed."""
        return


class Pcm(Encoder):
    """16-bit little-endian samples."""

    def push(self, audio: np.ndarray) -> bytes:
        """See Encoder."""
        return to_pcm(audio)

    def flush(self) -> bytes:
        """See Encoder."""
        return b""


class Wav(Encoder):
    """The same behind a header: with its true length if it is whole, else with one that is never reached."""

    def __init__(self, rate: int, tags: Mapping[str, str], whole: bool):
        super().__init__(rate, tags, whole)
        self.held = [b"" if whole else wav_header(rate, STREAM_LENGTH, tags)]

    def push(self, audio: np.ndarray) -> bytes:
        """See Encoder."""
        self.held.append(to_pcm(audio))
        return b"" if self.whole else self.take()

    def take(self) -> bytes:
        """What is held, and hold it no longer."""
        data = b"".join(self.held)
        self.held.clear()
        return data

    def flush(self) -> bytes:
        """See Encoder."""
        data = self.take()
        return wav_header(self.rate, len(data), self.tags) + data if self.whole else data


class Sink:
    """The file that libsndfile writes to. Bytes leave in order; what goes back to mend a header that has left is lost.

    Args:
        whole: nothing leaves before the end, so headers are mended.
    """

    def __init__(self, whole: bool):
        self.whole, self.kept, self.place, self.end, self.begun = whole, bytearray(), 0, 0, False

    def write(self, data: Any) -> int:
        """Of soundfile."""
        if self.whole:
            self.kept[self.place : self.place + len(data)] = data
        elif self.place == self.end and not self.is_placeholder(bytes(data)):
            self.kept += data
        self.place += len(data)
        self.end = max(self.end, self.place)
        return len(data)

    def is_placeholder(self, data: bytes) -> bool:
        """Whether this is LAME's first frame, empty until the length is known; in a stream 26 ms of silence."""
        first = not self.begun and data[:1] == b"\xff"
        self.begun |= first
        return first and not any(data[4:])

    def seek(self, offset: int, whence: int = 0) -> int:
        """Of soundfile."""
        self.place = offset + (0, self.place, self.end)[whence]
        return self.place

    def tell(self) -> int:
        """Of soundfile."""
        return self.place

    def read(self, _count: int = -1) -> bytes:
        """Of soundfile, which asks whether there is such a method."""
        return b""

    def take(self) -> bytes:
        """What has become certain."""
        data = bytes(self.kept)
        self.kept.clear()
        return data


class SoundFile(Encoder):
    """MP3, FLAC and Opus by libsndfile."""

    def __init__(self, kind: str, rate: int, tags: Mapping[str, str], whole: bool):
        super().__init__(rate, tags, whole)
        container, subtype = CONTAINERS[kind]
        self.convert = to_int16 if subtype == "PCM_16" else clipped
        self.sink = Sink(whole)
        self.file = soundfile.SoundFile(self.sink, "w", rate, 1, format=container, subtype=subtype)
        if kind == "opus":
            self.command(SETS_PAGE_LATENCY, "double", PAGE_MS)
        if kind == "mp3" and not whole:
            self.command(SETS_BITRATE_MODE, "int", CONSTANT)  # without a length players guess it from the bit rate
        for name, value in tags.items():
            setattr(self.file, name, value)

    def command(self, number: int, kind: str, value: float) -> None:
        """A setting that soundfile does not name."""
        given = soundfile._ffi.new(f"{kind}*", value)
        soundfile._snd.sf_command(self.file._file, number, given, soundfile._ffi.sizeof(kind))

    def push(self, audio: np.ndarray) -> bytes:
        """See Encoder."""
        self.file.write(self.convert(audio))
        return b"" if self.whole else self.sink.take()

    def flush(self) -> bytes:
        """See Encoder."""
        self.file.close()
        return self.sink.take()

    def close(self) -> None:
        """See Encoder."""
        self.file.close()


class Aac(Encoder):
    """AAC in ADTS by a process of ffmpeg, which reads nothing but samples and writes nothing but the answer."""

    def __init__(self, rate: int, tags: Mapping[str, str], whole: bool):
        super().__init__(rate, tags, whole)
        sound = ["-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0"]
        target = ["-c:a", "aac", "-b:a", "64k", "-flush_packets", "1", "-f", "adts", "pipe:1"]
        command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", *sound, *target]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.made, self.lock = bytearray(), threading.Lock()
        self.reader = threading.Thread(target=self.read, name="ffmpeg", daemon=True)
        self.reader.start()

    def read(self) -> None:
        """What the thread does: ffmpeg stops where nobody takes what it makes."""
        assert self.process.stdout
        while data := self.process.stdout.read(65_536):
            with self.lock:
                self.made += data

    def push(self, audio: np.ndarray) -> bytes:
        """See Encoder."""
        assert self.process.stdin
        rest = memoryview(to_pcm(audio))
        while rest:
            rest = rest[self.process.stdin.write(rest) :]
        return b"" if self.whole else self.take()

    def take(self) -> bytes:
        """What has been made."""
        with self.lock:
            data = bytes(self.made)
            self.made.clear()
        return data

    def flush(self) -> bytes:
        """See Encoder."""
        assert self.process.stdin
        self.process.stdin.close()
        self.reader.join()
        if self.process.wait():
            raise RuntimeError(f"ffmpeg ended with {self.process.returncode}")
        return self.take()

    def close(self) -> None:
        """See Encoder."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def check_format(kind: str) -> None:
    """Raise UserError for a format that this machine cannot write."""
    if kind == "aac" and not which("ffmpeg"):
        raise UserError("response_format aac needs ffmpeg on the server; expected one of mp3, opus, flac, wav, pcm")


def open_encoder(kind: str, rate: int, tags: Mapping[str, str], whole: bool) -> Encoder:
    """The encoder of one answer in a format of MEDIA."""
    if kind in CONTAINERS:
        return SoundFile(kind, rate, tags, whole)
    simple: dict[str, Callable[[int, Mapping[str, str], bool], Encoder]] = {"pcm": Pcm, "wav": Wav, "aac": Aac}
    return simple[kind](rate, tags, whole)
