"""The codecs as a service: those of the voices, shipped ones, and folders that the server was told of.

A name from a request is looked up, never opened. All work is in pieces, so that streams of speech go before it.

Shapes: N samples, K codebooks, T codec frames.
"""

import io
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import soundfile
import soxr

from codec.runtime.folder import has_graphs
from codec.runtime.folder import load as load_codec
from codec.runtime.interface import RuntimeCodec
from pipelines.serving.rendering import Encoded
from pipelines.shared.errors import UserError
from pipelines.shared.resources import VOICES
from pipelines.speaking.pieces import Piece

BLOCK_S = 2.0  # of audio that is encoded at once
FRAMES = 48  # that are decoded at once


class Codecs:
    """All of them, loaded when first asked for.

    Args:
        loaded: those of the voices, by name; the first is the one that is used if none is named.
        folders: further ones.
    """

    def __init__(self, loaded: Mapping[str, RuntimeCodec], folders: tuple[Path, ...]):
        self.loaded, self.lock = dict(loaded), threading.Lock()
        self.folders = {f.parent.name: f for f in sorted(VOICES.glob("*/codec")) if has_graphs(f)}
        for folder in folders:
            if not has_graphs(folder):
                raise UserError(f"the codec {folder} holds no ONNX graphs; write them with export-onnx")
            self.folders[folder.name if folder.name != "codec" else folder.resolve().parent.name] = folder

    @property
    def names(self) -> list[str]:
        """All names, the default first."""
        return list(dict.fromkeys([*self.loaded, *self.folders]))

    def check(self, name: str) -> str:
        """The name of a codec that is there; of none, the default's."""
        if name and name not in self.names:
            raise UserError(f"no codec {name[:60]!r}; expected one of: {', '.join(self.names)}")
        return name or self.names[0]

    def __getitem__(self, name: str) -> RuntimeCodec:
        """For the engine's threads, as loading takes a while."""
        with self.lock:
            if name not in self.loaded:
                self.loaded[name] = load_codec(self.folders[name])
            return self.loaded[name]


def decoded(data: bytes, rate: int, longest_s: float) -> np.ndarray:
    """Audio as sent -> float32 [N] at a rate. Nothing touches the disk.

    Raises:
        UserError: not audio, or too long.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            own, most = file.samplerate, round(longest_s * file.samplerate)
            samples = file.read(most + 1, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise UserError(f"the body is not readable audio ({error}); expected wav, flac, ogg or mp3") from None
    if len(samples) > most:
        raise UserError(f"the audio is longer than {longest_s:g} s; send it in parts")
    audio = samples.mean(axis=1)
    if not len(audio) or not np.isfinite(audio).all():
        raise UserError("the audio has no samples, or some that are no numbers")
    return np.asarray(audio if own == rate else soxr.resample(audio, own, rate), np.float32)


def tokens(codecs: Codecs, name: str, data: bytes, longest_s: float) -> Iterator[Encoded]:
    """The codes of audio, piece by piece."""
    codec = codecs[name]
    audio, size = decoded(data, codec.sample_rate, longest_s), round(BLOCK_S * codec.sample_rate)
    blocks = (audio[None, None, start : start + size] for start in range(0, len(audio), size))
    for codes in codec.encode_chunks(blocks):
        yield Encoded(np.empty(0, np.float32), codes[0])


def sound(codec: RuntimeCodec, codes: np.ndarray) -> Iterator[Piece]:
    """The audio of codes int64 [K, T], piece by piece."""
    for audio in codec.decode_chunks(codes[None], FRAMES):
        yield Piece(audio[0, 0], np.empty((0, 0), np.int64))
