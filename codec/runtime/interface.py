"""What every codec is to those who use one without torch: the numpy twins of codec.interface.

Shapes: B batch, N samples, K codebooks, T codec frames, t frames of one push.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from codec.licence import Licence
from codec.runtime.facts import Facts
from codec.runtime.session import Session


class RuntimeCodec(ABC):
    """Audio [B, 1, N] <-> codes [B, K, T] on the CPU. Make one with `codec.runtime.load`.

    Safe to share between threads: all that changes is in its streams.

    Args:
        decoder: the graph that decodes.
        encoder: file of the graph that encodes, opened when it is first needed.
        threads: of one call.
        licence: of the weights.
    """

    chunk = 128  # frames decoded at once, so that memory does not grow with the length

    def __init__(self, decoder: Session, encoder: Path, threads: int, licence: Licence | None):
        self.decoder, self.encoder_path, self.threads = decoder, encoder, threads
        self.facts = facts = decoder.facts
        self.licence = licence  # of the weights; None for those of this project
        self.name, self.levels = facts.name, facts.levels
        self.sample_rate, self.hop_length, self.frame_rate = facts.sample_rate, facts.hop_length, facts.frame_rate
        self.num_codebooks, self.codebook_size = facts.num_codebooks, facts.codebook_size
        self.bitrate, self.context, self.fingerprint = facts.bitrate, facts.context, facts.fingerprint

    @property
    def lookahead_ms(self) -> float:
        """How far audio trails the codes in a stream: `context` frames, in milliseconds."""
        return 1000 * self.context / self.frame_rate

    @cached_property
    def encoder(self) -> Session:
        """The graph that encodes.

        Raises:
            FileNotFoundError, ValueError: there is none, or that of other weights.
        """
        if not self.encoder_path.is_file():
            raise FileNotFoundError(f"there is no {self.encoder_path}; write it with lfsc-tts export-onnx")
        encoder = Session(self.encoder_path, self.threads)
        if encoder.facts.weights != self.facts.weights:
            raise ValueError(f"{self.encoder_path} belongs to other weights; run lfsc-tts export-onnx again")
        return encoder

    def encode(self, audio: np.ndarray, lengths: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Encode audio, item by item; a padded batch gives exactly the codes of each item alone.

        Args:
            audio: float32 [B, 1, N] in [-1, 1] at `sample_rate`.
            lengths: samples of each item, int [B]; None means N for all.

        Returns:
            codes int64 [B, K, T] (0 beyond an item's end) and frames int64 [B] = ceil(length / hop_length).

        Raises:
            ValueError: wrong shape or type, no samples, or values that are not finite.
            FileNotFoundError: the codec was exported without its encoder.
        """
        lengths = check_audio(audio, lengths)
        frames = -(-lengths // self.hop_length)
        codes = np.zeros((len(audio), self.num_codebooks, frames.max()), np.int64)
        for row, (length, count) in enumerate(zip(lengths, frames, strict=True)):
            item = self.encode_chunks([audio[row : row + 1, :, :length]])
            codes[row, :, :count] = np.concatenate(list(item), axis=2)[0]
        return codes, frames

    @abstractmethod
    def encode_chunks(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Encode one recording in pieces [1, 1, n] of any length; joined, the codes [1, K, t] are those of `encode`.

        The lite family encodes as it reads, in memory that does not grow; others gather the recording first.
        """

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Decode codes int64 [B, K, T] to audio float32 [B, 1, T * hop_length].

        Raises:
            ValueError: codes of the wrong shape or range.
        """
        check_codes(codes, self.facts)
        if not codes.shape[2]:
            return np.zeros((len(codes), 1, 0), np.float32)
        return np.concatenate(list(self.decode_chunks(codes)), axis=2)

    @abstractmethod
    def stream(self) -> "RuntimeStream":
        """A new decoding stream: push codes, get the audio that is already certain."""

    def decode_chunks(self, codes: np.ndarray, chunk: int | None = None) -> Iterator[np.ndarray]:
        """Decode in pieces of `chunk` frames, by default as many as `self.chunk`."""
        stream, chunk = self.stream(), chunk or self.chunk
        last = (codes.shape[2] - 1) // chunk * chunk
        for start in range(0, last, chunk):
            yield stream.push(codes[:, :, start : start + chunk])
        yield stream.flush(codes[:, :, last:])


class RuntimeStream(ABC):
    """Decodes one batch of utterances piece by piece; the pieces joined are the audio of the whole.

    A frame is decoded once `codec.context` frames after it are known; `flush` gives the rest. What is kept does not
    grow. For one thread at a time.
    """

    def __init__(self, codec: RuntimeCodec):
        self.codec = codec
        self.empty: np.ndarray | None = None  # codes [B, K, 0], once the first have come
        self.ended = False

    def push(self, codes: np.ndarray) -> np.ndarray:
        """Add codes int64 [B, K, t]; returns the audio float32 [B, 1, n] that has become certain, n may be 0.

        Raises:
            ValueError: codes of the wrong shape, batch or range; the stream stays as it was. A stream that is over.
        """
        self.check(codes)
        return self.advance(codes.astype(np.int64, copy=False), last=False)[:, None]

    def flush(self, codes: np.ndarray | None = None) -> np.ndarray:
        """The rest of the audio [B, 1, n], after the last codes if given; the stream is at its end afterwards.

        Raises:
            ValueError: as push; a stream that never got any codes.
        """
        if codes is not None:
            self.check(codes)
        if self.empty is None:
            raise ValueError("got flush() on a stream without codes; push at least one frame first")
        if self.ended:
            return np.zeros((len(self.empty), 1, 0), np.float32)
        self.ended = True
        return self.advance(self.empty if codes is None else codes.astype(np.int64, copy=False), last=True)[:, None]

    def check(self, codes: np.ndarray) -> None:
        """Refuse what does not fit."""
        if self.ended:
            raise ValueError("got codes on a stream after its flush(); start another with codec.stream()")
        check_codes(codes, self.codec.facts)
        if self.empty is not None and len(codes) != len(self.empty):
            raise ValueError(f"got codes of {len(codes)} items; this stream decodes {len(self.empty)}")
        self.empty = codes[:, :, :0].astype(np.int64)

    @abstractmethod
    def advance(self, codes: np.ndarray, last: bool) -> np.ndarray:
        """Add checked codes, which may be none; returns audio [B, n]."""


def check_codes(codes: np.ndarray, facts: Facts) -> None:
    """Refuse what are no codes of a codec.

    Raises:
        ValueError: the wrong shape, no integers, or out of range.
    """
    if codes.ndim != 3 or codes.shape[1] != facts.num_codebooks:
        raise ValueError(f"got codes of shape {codes.shape}; expected [B, {facts.num_codebooks}, T]")
    if codes.dtype.kind not in "iu":
        raise ValueError(f"got codes of type {codes.dtype}; expected integers")
    if codes.size and (codes.min() < 0 or codes.max() >= facts.codebook_size):
        raise ValueError(f"got codes in {codes.min()}..{codes.max()}; expected 0..{facts.codebook_size - 1}")


def check_audio(audio: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Lengths int64 [B] of a batch of audio, after making sure that it can be encoded.

    Raises:
        ValueError: as of RuntimeCodec.encode.
    """
    if audio.ndim != 3 or audio.shape[1] != 1 or audio.shape[2] == 0:
        raise ValueError(f"got audio of shape {audio.shape}; expected [B, 1, N] with N >= 1, mono")
    if audio.dtype.kind != "f":
        raise ValueError(f"got audio of type {audio.dtype}; expected floats in [-1, 1]; divide int16 by 32768")
    if not np.isfinite(audio).all():
        raise ValueError("got audio with NaN or infinite samples; expected finite values in [-1, 1]")
    batch, samples = audio.shape[0], audio.shape[2]
    if lengths is not None and np.asarray(lengths).dtype.kind not in "iu":
        raise ValueError(f"got lengths of type {np.asarray(lengths).dtype}; expected integers")
    lengths = np.full(batch, samples) if lengths is None else np.asarray(lengths, np.int64)
    if lengths.shape != (batch,) or lengths.min() < 1 or lengths.max() > samples:
        raise ValueError(f"got lengths {lengths.tolist()}; expected {batch} numbers in 1..{samples}")
    return lengths


def checked_pieces(chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Pieces [1, 1, n] of one recording as float32 [n], without empty ones.

    Raises:
        ValueError: as of check_audio, or a piece of several recordings.
    """
    for chunk in chunks:
        if chunk.size:
            check_audio(chunk, None)
            if len(chunk) != 1:
                raise ValueError(f"got audio of shape {chunk.shape}; expected [1, 1, n], a piece of one recording")
            yield chunk[0, 0].astype(np.float32, copy=False)
