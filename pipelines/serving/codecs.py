"""The codecs as a service: those of the voices, shipped ones, and folders that the server was told of.

A name from a request is looked up, never opened. All work is in pieces, so that streams of speech go before it.

Shapes: N samples, K codebooks, T codec frames.
"""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import soxr

from codec.runtime.folder import has_graphs
from codec.runtime.folder import load as load_codec
from codec.runtime.interface import RuntimeCodec
from pipelines.serving.rendering import Encoded
from pipelines.serving.uploads import decoded
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
        self.folders = {f.parent.name: f.resolve() for f in sorted(VOICES.glob("*/codec")) if has_graphs(f)}
        for folder in folders:
            if not has_graphs(folder):
                raise UserError(f"the codec {folder} holds no ONNX graphs; write them with export-onnx")
            folder = folder.resolve()
            name = folder.name if folder.name != "codec" else folder.parent.name
            if name in self.names and self.folders.get(name) != folder:
                raise UserError(f"two codecs are called {name}; rename the folder {folder}")
            self.folders[name] = folder

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


def tokens(codecs: Codecs, name: str, data: bytes, longest_s: float) -> Iterator[Encoded]:
    """The codes of audio, piece by piece."""
    codec = codecs[name]
    audio, rate = decoded(data, longest_s, "the audio")
    if rate != codec.sample_rate:
        audio = soxr.resample(audio, rate, codec.sample_rate)
    size = round(BLOCK_S * codec.sample_rate)
    blocks = (audio[None, None, start : start + size] for start in range(0, len(audio), size))
    for codes in codec.encode_chunks(blocks):
        yield Encoded(np.empty(0, np.float32), codes[0])


def sound(codec: RuntimeCodec, codes: np.ndarray) -> Iterator[Piece]:
    """The audio of codes int64 [K, T], piece by piece."""
    for audio in codec.decode_chunks(codes[None], FRAMES):
        yield Piece(audio[0, 0], np.empty((0, 0), np.int64))
