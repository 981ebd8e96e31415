"""What every codec is to those who use one: Codec and CodecStream.

Shapes: B batch, N samples, K codebooks, T codec frames, t frames of one push.
"""

import copy
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from codec.fsq import INTEGERS, GroupedFSQ
from codec.licence import Licence
from codec.precision import exactly


class Codec(nn.Module):
    """Audio [B, 1, N] <-> codes [B, K, T]. Make one with `codec.load` or `codec.from_config`.

    A family of codecs is a subclass that is listed in codec/pretrained/registry.py.
    """

    config_type: ClassVar[type[Any]]
    storage: ClassVar[torch.dtype] = torch.float32  # of saved weights

    config: Any
    encoder: nn.Module
    quantizer: GroupedFSQ
    licence: Licence | None  # of the weights; None for those of this project

    def __init__(self, config: Any):
        super().__init__()
        self.config = config
        self.licence = None

    # What defines a codec, for those who only see a codec.

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.config.sample_rate

    @property
    def hop_length(self) -> int:
        """Samples per codec frame."""
        return self.config.hop_length

    @property
    def frame_rate(self) -> float:
        """Codec frames per second, Hz."""
        return self.config.frame_rate

    @property
    def num_codebooks(self) -> int:
        """K."""
        return self.config.num_codebooks

    @property
    def codebook_size(self) -> int:
        """Codes per codebook."""
        return self.config.codebook_size

    @property
    def levels(self) -> tuple[int, ...]:
        """FSQ levels of one codebook, least significant digit first."""
        return self.config.levels

    @property
    def bitrate(self) -> float:
        """Bits per second."""
        return self.config.bitrate

    @property
    def context(self) -> int:
        """Codec frames after a frame that its audio depends on."""
        raise NotImplementedError

    @property
    def lookahead_ms(self) -> float:
        """How far audio trails the codes in a stream: `context` frames, in milliseconds."""
        return 1000 * self.context / self.frame_rate

    @property
    def fingerprint(self) -> str:
        """Identity of the code space: 16 hex digits over the encoder in fp16 and what configures it.

        Another decoder trained on a frozen encoder keeps it, and so keeps every shard and voice made with it.
        """
        digest = hashlib.sha256(json.dumps(self.config.code_space(), sort_keys=True).encode())
        for name, tensor in sorted(self.encoder_weights().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().to(torch.float16).numpy().tobytes())
        return digest.hexdigest()[:16]

    def check_encoder(self) -> None:
        """Raise ValueError unless the encoder can make this codec's codes, which takes float32."""
        if wrong := {weight.dtype for weight in self.encoder.parameters()} - {torch.float32}:
            raise ValueError(
                f"got an encoder with weights of type {', '.join(map(str, wrong))}; codes are made in float32 alone: "
                "load the codec again, and use lower_precision() to decode faster"
            )

    def encoder_weights(self) -> dict[str, Tensor]:
        """The weights that codes depend on."""
        return self.encoder.state_dict()

    # audio -> codes -> audio

    def encode(self, audio: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Encode audio; a padded batch gives exactly the codes of each item alone.

        In float32 whatever surrounds the call: autocast, TF32 and products in bfloat16 are off inside. As with all that
        codes and decodes, the result can be changed and has no gradient.

        Args:
            audio: float32 [B, 1, N] in [-1, 1] at `sample_rate`.
            lengths: samples of each item, int [B]; None means N for all.

        Returns:
            codes int64 [B, K, T] (0 beyond an item's end) and frames int64 [B] = ceil(length / hop_length).

        Raises:
            ValueError: wrong shape or type, no samples, values that are not finite, or an encoder not in float32.
        """
        raise NotImplementedError

    def encode_chunks(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Encode one recording in pieces [1, 1, n] of any length; joined, the codes [1, K, t] are those of `encode`.

        The lite family encodes as it reads, in memory that does not grow; others gather the recording first.
        """
        if pieces := [check_chunk(chunk) for chunk in chunks if chunk.numel()]:
            yield self.encode(torch.cat(pieces, dim=-1))[0]

    def encode_recordings(self, recordings: Sequence[Tensor]) -> list[Tensor]:
        """Encode several recordings, float32 [1, n] each, of any n >= 1: their codes [K, t], those of `encode` of each.

        What they can share without changing a code depends on the family; without anything it is one by one.
        """
        return [torch.cat(list(self.encode_chunks([audio[None]])), dim=-1)[0] for audio in recordings]

    def decode(self, codes: Tensor, frames: Tensor | None = None) -> Tensor:
        """Decode codes.

        Args:
            codes: int64 [B, K, T], values in [0, codebook_size).
            frames: frames of each item, int [B]; None means T for all.

        Returns:
            audio float32 [B, 1, T * hop_length], zero beyond an item's end.

        Raises:
            ValueError: codes of the wrong shape, type or range, or more frames than there are.
        """
        raise NotImplementedError

    def stream(self) -> "CodecStream":
        """A new decoding stream: push codes, get the audio that is already certain."""
        raise NotImplementedError

    def lower_precision(self) -> "Codec":
        """A codec of the same codes that decodes in bfloat16, for speaking: half of the time is saved.

        A copy of this one as it is now: what either becomes afterwards does not reach the other. Its audio differs from
        that of float32 by what benchmarks/README.md says. On a processor without bfloat16 products it is this codec
        itself.
        """
        return self

    def decode_chunks(self, codes: Tensor, chunk: int = 128) -> Iterator[Tensor]:
        """Decode in pieces of `chunk` frames, so that memory does not grow with the length."""
        stream = self.stream()
        last = (codes.shape[2] - 1) // chunk * chunk
        for start in range(0, last, chunk):
            yield stream.push(codes[:, :, start : start + chunk])
        yield stream.flush(codes[:, :, last:])

    # weights

    def saved_weights(self) -> dict[str, Tensor]:
        """What `codec.save` writes."""
        return self.state_dict()

    @classmethod
    def from_weights(cls, config: Any, weights: dict[str, Tensor]) -> "Codec":
        """A codec with the weights that `codec.save` wrote."""
        codec = cls(config)
        codec.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
        return codec


class CodecStream(ABC):
    """Decode one batch of utterances piece by piece; the pieces joined are the audio of the whole.

    A frame is decoded once `codec.context` frames after it are known, so audio trails the codes by
    `codec.lookahead_ms`; `flush` gives the rest. What is kept does not grow.
    """

    def __init__(self, codec: Codec):
        self.codec = codec
        self.done = 0  # frames already rendered
        self.empty: Tensor | None = None  # codes [B, K, 0], once the first have come
        self.ended = False

    @exactly
    def push(self, codes: Tensor) -> Tensor:
        """Add codes int64 [B, K, t]; returns the audio [B, 1, n] that has become certain, n may be 0.

        Raises:
            ValueError: codes of the wrong shape, batch or range; the stream stays as it was. A stream that is over.
        """
        self.check(codes)
        return self.advance(codes, last=False)[:, None]

    @exactly
    def flush(self, codes: Tensor | None = None) -> Tensor:
        """The rest of the audio [B, 1, n], after the last codes if given; the stream is at its end afterwards.

        Raises:
            ValueError: as push; a stream that never got any codes.
        """
        if codes is not None:
            self.check(codes)
        if self.empty is None:
            raise ValueError("got flush() on a stream without codes; push at least one frame first")
        if self.ended:
            return torch.zeros(len(self.empty), 1, 0, device=self.empty.device)
        self.ended = True
        return self.advance(self.empty if codes is None else codes, last=True)[:, None]

    def check(self, codes: Tensor) -> None:
        """Refuse what does not fit."""
        if self.ended:
            raise ValueError("got codes on a stream after its flush(); start another with codec.stream()")
        self.codec.quantizer.check(codes)
        if self.empty is not None and len(codes) != len(self.empty):
            raise ValueError(f"got codes of {len(codes)} items; this stream decodes {len(self.empty)}")
        self.empty = codes[:, :, :0]

    def take(self, rows: Tensor) -> "CodecStream":
        """A stream that goes on from here with the items `rows` alone, int64 [b]; this one stays as it is.

        So that utterances decoded together can end, each at its own length.
        """
        other = copy.copy(self)
        for name, value in vars(self).items():
            setattr(other, name, select(value, rows))
        return other

    @abstractmethod
    def advance(self, codes: Tensor, last: bool) -> Tensor:
        """Add checked codes, which may be none; returns audio [B, n]."""


def select(state: Any, rows: Tensor) -> Any:
    """The items `rows` of every tensor [B, ...] in a state of dicts and named tuples; whatever else is in it stays."""
    if isinstance(state, Tensor):
        return state[rows]
    if isinstance(state, dict):
        return type(state)({name: select(value, rows) for name, value in state.items()})
    if isinstance(state, tuple):
        return type(state)(*(select(value, rows) for value in state))
    return state


def check_audio(audio: Tensor, lengths: Tensor | None) -> Tensor:
    """Lengths int64 [B] of a batch of audio, on the CPU, after making sure that it can be encoded.

    Raises:
        ValueError: as of Codec.encode.
    """
    if audio.dim() != 3 or audio.shape[1] != 1 or audio.shape[2] == 0:
        raise ValueError(f"got audio of shape {tuple(audio.shape)}; expected [B, 1, N] with N >= 1, mono")
    if not audio.is_floating_point():
        raise ValueError(f"got audio of type {audio.dtype}; expected floats in [-1, 1]; divide int16 by 32768")
    if not torch.isfinite(audio).all():
        raise ValueError("got audio with NaN or infinite samples; expected finite values in [-1, 1]")
    batch, samples = audio.shape[0], audio.shape[2]
    if lengths is not None and lengths.dtype not in INTEGERS:
        raise ValueError(f"got lengths of type {lengths.dtype}; expected integers, torch.int64")
    lengths = torch.full((batch,), samples) if lengths is None else lengths.cpu().long()
    if lengths.shape != (batch,) or lengths.min() < 1 or lengths.max() > samples:
        raise ValueError(f"got lengths {lengths.tolist()}; expected {batch} numbers in 1..{samples}")
    return lengths


def check_chunk(chunk: Tensor) -> Tensor:
    """A piece [1, 1, n] of one recording as it is; ValueError as of check_audio, or if it is one of several."""
    if len(check_audio(chunk, None)) != 1:
        raise ValueError(f"got audio of shape {tuple(chunk.shape)}; expected [1, 1, n], a piece of one recording")
    return chunk
