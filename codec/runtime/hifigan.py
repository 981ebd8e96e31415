"""The HiFi-GAN family without torch: encoder and decoder are graphs.

Shapes: B batch, N samples, K codebooks, T codec frames, t frames of a window or of one push.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from codec.licence import Licence
from codec.runtime.interface import RuntimeCodec, RuntimeStream, checked_pieces
from codec.runtime.session import Past, Session

MIN_FRAMES = 4  # reflection by 3 frames needs 4 of them
WINDOW = 256  # frames decoded at once where the frames around them have to be decoded again
CACHED_SAMPLES = 2**13  # decoded at once by a causal decoder: signals of its last layers stay in a core's cache


class HiFiGANRuntime(RuntimeCodec):
    """A HiFi-GAN codec."""

    def __init__(self, decoder: Session, encoder: Path, threads: int, licence: Licence | None):
        super().__init__(decoder, encoder, threads, licence)
        self.chunk = max(1, CACHED_SAMPLES // self.hop_length) if self.facts.states else WINDOW

    def encode_chunks(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See RuntimeCodec.encode_chunks. A convolution sees its reflection at the recording's end."""
        if pieces := list(checked_pieces(chunks)):
            audio = np.concatenate(pieces)
            count = -(-len(audio) // self.hop_length)
            audio = np.pad(audio, (0, max(count, MIN_FRAMES) * self.hop_length - len(audio)))
            yield self.encoder.run({"audio": audio[None, None]})["codes"][:, :, :count]

    def render(self, codes: np.ndarray, past: Past | None) -> tuple[np.ndarray, Past]:
        """Audio float32 [B, t * hop_length] of codes [B, K, t], and the past of a causal decoder's next call."""
        count = codes.shape[2]
        if count < MIN_FRAMES and not self.facts.states:
            codes = np.concatenate([codes, np.repeat(codes[:, :, -1:], MIN_FRAMES - count, axis=2)], axis=2)
        found, past = self.decoder.step({"codes": codes}, past, len(codes))
        return found["audio"][:, : count * self.hop_length], past

    def stream(self) -> RuntimeStream:
        """See RuntimeCodec.stream."""
        return HiFiGANRuntimeStream(self)


class HiFiGANRuntimeStream(RuntimeStream):
    """Decodes each push anew, with the window of codes around it; a causal decoder carries its past on instead."""

    codec: HiFiGANRuntime

    def __init__(self, codec: HiFiGANRuntime):
        super().__init__(codec)
        self.codes: np.ndarray | None = None  # the window [B, K, t]
        self.begin = 0  # frames of the window that are rendered already
        self.past: Past | None = None

    def advance(self, codes: np.ndarray, last: bool) -> np.ndarray:
        """See RuntimeStream."""
        codec = self.codec
        window = codes if self.codes is None else np.concatenate([self.codes, codes], axis=2)
        begin, end = self.begin, window.shape[2] - (0 if last else codec.context)
        if end <= begin:
            self.codes = window
            return np.zeros((len(codes), 0), np.float32)
        audio, self.past = codec.render(window, self.past)
        self.begin = min(end, codec.facts.history)
        self.codes = window[:, :, end - self.begin :]
        return audio[:, begin * codec.hop_length : end * codec.hop_length]
