"""What speaking leaves behind: audio files written as they grow, and a picture."""

import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import BinaryIO

import numpy as np
import soundfile

from codec.audio.tags import info_chunk, write_tags
from codec.audio.writing import WRITE_BLOCK, audio_format
from pipelines.shared.atomic import partial, replacing
from pipelines.shared.errors import UserError
from pipelines.speaking.pieces import Speech

NO_TAGS: Mapping[str, str] = MappingProxyType({})
STREAM_LENGTH = 0x7FFFFFFF  # bytes, what a WAV header says when nobody knows yet


def to_int16(audio: np.ndarray) -> np.ndarray:
    """Float [N] in [-1, 1] -> int16 [N], rounded. libsndfile rounds WAV down and FLAC otherwise."""
    return (np.clip(audio, -1, 1) * 32767).round().astype("<i2")


def to_pcm(audio: np.ndarray) -> bytes:
    """Float [N] in [-1, 1] -> 16-bit little-endian PCM."""
    return to_int16(audio).tobytes()


def clipped(audio: np.ndarray) -> np.ndarray:
    """Float [N] -> the same in [-1, 1]."""
    return np.clip(audio, -1, 1)


def wav_header(sample_rate: int, data_bytes: int, tags: Mapping[str, str] = NO_TAGS) -> bytes:
    """Header of a 16-bit mono WAV."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    head = b"WAVE" + form + info_chunk(tags) + b"data" + struct.pack("<I", data_bytes)
    return b"RIFF" + struct.pack("<I", len(head) + data_bytes) + head


class FileWriter:
    """Write audio as it comes. The file bears its name once it is whole; if anything fails there is no file.

    Args:
        path: its suffix says the format.
        sample_rate: Hz.
        tags: what the file says of itself, see codec.audio.tags.
    """

    def __init__(self, path: Path, sample_rate: int, tags: Mapping[str, str] = NO_TAGS):
        self.path, self.temporary = path, partial(path)
        kind = audio_format(path)
        if path.is_dir():
            raise UserError(f"{path} is a folder; expected a file name, or --out-dir with --text-file")
        if not path.parent.is_dir():
            raise UserError(f"the folder {path.parent} does not exist; create it first")
        subtype, self.convert = ("PCM_16", to_int16) if kind in ("WAV", "FLAC") else (None, clipped)
        try:
            self.file = soundfile.SoundFile(self.temporary, "w", sample_rate, 1, format=kind, subtype=subtype)
        except soundfile.LibsndfileError as error:
            raise UserError(f"{path} cannot be written: {error}") from None
        write_tags(self.file, tags)

    def __enter__(self) -> "FileWriter":
        return self

    def write(self, audio: np.ndarray) -> None:
        """Append float32 [N]."""
        for start in range(0, len(audio), WRITE_BLOCK):
            self.file.write(self.convert(audio[start : start + WRITE_BLOCK]))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        if kind is None:
            self.temporary.replace(self.path)
        else:
            self.temporary.unlink(missing_ok=True)


class PipeWriter:
    """Write a WAV to standard output: at the end with its true length, or streamed piece by piece."""

    def __init__(self, sample_rate: int, stream: bool, out: BinaryIO | None = None, tags: Mapping[str, str] = NO_TAGS):
        if out is None and sys.stdout is None:
            raise UserError("standard output is closed; expected somewhere to write the audio, or --out FILE")
        self.sample_rate, self.stream, self.out = sample_rate, stream, out or sys.stdout.buffer
        self.tags, self.held = tags, list[bytes]()
        self.begun = False

    def __enter__(self) -> "PipeWriter":
        return self

    def write(self, audio: np.ndarray) -> None:
        """Append float32 [N]."""
        if self.stream:
            if not self.begun:  # not before: a text that cannot be spoken leaves nothing
                self.out.write(wav_header(self.sample_rate, STREAM_LENGTH, self.tags))
                self.begun = True
            self.out.write(to_pcm(audio))
            self.out.flush()
        else:
            self.held.append(to_pcm(audio))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self.stream:
            data = b"".join(self.held)
            self.out.write(wav_header(self.sample_rate, len(data), self.tags) + data)
            self.out.flush()


def plot(path: Path, speech: Speech) -> None:
    """Draw waveform, spectrum and reading position with its words over time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (wave, spectrum, path_axis) = plt.subplots(3, 1, figsize=(12, 8), sharex=True, height_ratios=[1, 2, 2])
    seconds = np.arange(len(speech.audio)) / speech.sample_rate
    wave.plot(seconds, speech.audio, linewidth=0.4)
    wave.set_ylabel("amplitude")
    with np.errstate(divide="ignore"):  # of silence
        spectrum.specgram(speech.audio, NFFT=1024, Fs=speech.sample_rate, noverlap=768, cmap="magma")
    spectrum.set_ylabel("Hz")
    offset_tokens = 0
    for times_s, positions, sentence in zip(speech.times_s, speech.positions, speech.sentences, strict=True):
        path_axis.step(times_s, np.array(positions) + offset_tokens, where="mid", color="tab:blue", linewidth=1)
        offset_tokens += len(sentence.ids)
    if len(speech.words) <= 60:
        for word in speech.words:
            path_axis.axvspan(word.start_s, word.end_s, alpha=0.12, color="tab:orange", linewidth=0)
            middle = (word.start_s + word.end_s) / 2
            path_axis.text(middle, offset_tokens, word.text, rotation=60, ha="center", va="top", fontsize=8)
    path_axis.set_ylabel("token being read")
    path_axis.set_xlabel("seconds")
    figure.tight_layout()
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=120, format=path.suffix.lstrip(".") or "png")
    except ValueError as error:
        raise UserError(f"{path} cannot be drawn: {error}") from None
    finally:
        plt.close(figure)
