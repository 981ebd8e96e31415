"""Codec: what every codec is to those who use one, and how one is made from a file.

Shapes: B batch, N samples, K codebooks, T codec frames.

A family of codecs is a subclass with a name. The `family` in a configuration chooses it; configurations without one
are of the family `lite`.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from codec.fsq import GroupedFSQ
from codec.pretrained.licences import Licence

if TYPE_CHECKING:
    from codec.streaming import CodecStream

Self = TypeVar("Self", bound="Codec")


class Codec(nn.Module):
    """Audio [B, 1, N] <-> codes [B, K, T]. Make one with `from_config` or `from_pretrained`."""

    families: ClassVar[dict[str, type["Codec"]]] = {}
    config_type: ClassVar[type[Any]]
    storage: ClassVar[torch.dtype] = torch.float32  # of saved weights

    config: Any
    encoder: nn.Module
    quantizer: GroupedFSQ
    licence: Licence | None  # of the weights; None for those of this project

    def __init_subclass__(cls, family: str, **options: Any):
        super().__init_subclass__(**options)
        Codec.families[family] = cls

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
    def history(self) -> int:
        """Codec frames before a frame that have to be decoded again with it."""
        return self.context

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

    def encoder_weights(self) -> dict[str, Tensor]:
        """The weights that codes depend on."""
        return self.encoder.state_dict()

    # audio -> codes -> audio

    def encode(self, audio: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Encode audio; a padded batch gives exactly the codes of each item alone.

        Args:
            audio: float32 [B, 1, N] in [-1, 1] at `sample_rate`.
            lengths: samples of each item, int [B]; None means N for all.

        Returns:
            codes int64 [B, K, T] (0 beyond an item's end) and frames int64 [B] = ceil(length / hop_length).

        Raises:
            ValueError: wrong shape or type, no samples, or values that are not finite.
        """
        raise NotImplementedError

    def decode(self, codes: Tensor, frames: Tensor | None = None) -> Tensor:
        """Decode codes.

        Args:
            codes: int64 [B, K, T], values in [0, codebook_size).
            frames: frames of each item, int [B]; None means T for all.

        Returns:
            audio float32 [B, 1, T * hop_length], zero beyond an item's end.

        Raises:
            ValueError: codes of the wrong shape or range, or more frames than there are.
        """
        raise NotImplementedError

    def stream(self) -> "CodecStream":
        """A new decoding stream: push codes, get the audio that is already certain."""
        from codec.streaming import WindowStream

        return WindowStream(self)

    def lower_precision(self: Self) -> Self:
        """Let the decoder compute in bfloat16 where that is faster here and not heard; codes stay as they are.

        In place, for speaking: half of the time is saved. `decode` and streams differ from those of float32 afterwards,
        by what benchmarks/README.md says. Nothing happens on a processor without bfloat16 products.
        """
        return self

    def decode_chunks(self, codes: Tensor, chunk: int = 128) -> Iterator[Tensor]:
        """Decode in pieces of `chunk` frames, so that memory does not grow with the length."""
        stream = self.stream()
        last = (codes.shape[2] - 1) // chunk * chunk
        for start in range(0, last, chunk):
            yield stream.push(codes[:, :, start : start + chunk])
        yield stream.flush(codes[:, :, last:])

    def init_state(self, codes: Tensor) -> Any:
        """State of a stream of a batch like `codes` before its first frame."""
        raise NotImplementedError

    def render(self, codes: Tensor, first: int, start: int, stop: int, state: Any) -> tuple[Tensor, Any]:
        """Audio of the frames start..stop out of a window of codes, for WindowStream.

        Args:
            codes: int64 [B, K, t], the frames first .. first + t; they reach `history` frames before `start` and
                `context` beyond `stop`, or to the ends of the utterance.
            first: absolute frame number of the window's first frame.
            start: absolute frame number, the first to render.
            stop: absolute frame number after the last to render.
            state: from init_state or the call before, of which `stop` was this `start`.

        Returns:
            audio [B, (stop - start) * hop_length], and the state of the next call.
        """
        raise NotImplementedError

    # files

    @classmethod
    def from_config(cls: type[Self], path: str | Path) -> Self:
        """An untrained codec from the `codec:` section (or the whole) of a YAML file."""
        from codec.pretrained.folder import build, read_yaml

        values = read_yaml(Path(path))
        return cls.expect(build(values.get("codec", values)), path)

    @classmethod
    def expect(cls: type[Self], codec: "Codec", source: object) -> Self:
        """The codec itself, if it is of the class it was asked of."""
        if not isinstance(codec, cls):
            raise ValueError(f"{source} is a {type(codec).__name__}, expected a {cls.__name__}; use Codec for any")
        return codec

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype | None = None) -> None:
        """Write config.json and model.safetensors; the weights as `dtype`, by default that of the family."""
        from codec.pretrained.folder import save_folder

        save_folder(self, Path(folder), dtype or self.storage)

    def saved_weights(self) -> dict[str, Tensor]:
        """What save_pretrained writes."""
        return self.state_dict()

    @classmethod
    def from_weights(cls, config: Any, weights: dict[str, Tensor]) -> "Codec":
        """A codec with the weights that save_pretrained wrote."""
        codec = cls(config)
        codec.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
        return codec

    @classmethod
    def from_pretrained(cls: type[Self], source: str | Path, commercial: bool | None = None) -> Self:
        """Read a codec; weights become float32.

        Args:
            source: a folder written by save_pretrained, a .nemo file, or a hub id such as
                `nvidia/low-frame-rate-speech-codec-22khz`, with `@revision` where another than the pinned one is meant.
            commercial: refuse weights whose licence does not allow commercial use; None = if LFSC_COMMERCIAL=1.

        Raises:
            FileNotFoundError, ValueError: there is no such codec, or its weights do not fit its configuration.
            PermissionError: the licence, see `commercial`.
            ImportError, ConnectionError: a hub id without huggingface_hub, or without a network.
        """
        from codec.pretrained.folder import load

        return cls.expect(load(source, commercial), source)


def has_bfloat16(tensor: Tensor) -> bool:
    """Whether products in bfloat16 are faster than in float32 where this tensor is."""
    if tensor.is_cpu:
        supported = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
        return bool(supported and torch.backends.mkldnn.is_available())
    return tensor.is_cuda and torch.cuda.is_bf16_supported()


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
    lengths = torch.full((batch,), samples) if lengths is None else lengths.cpu().long()
    if lengths.shape != (batch,) or lengths.min() < 1 or lengths.max() > samples:
        raise ValueError(f"got lengths {lengths.tolist()}; expected {batch} numbers in 1..{samples}")
    return lengths


def check_frames(codes: Tensor, frames: Tensor | None) -> None:
    """Make sure that items of `frames` frames can be decoded out of codes [B, K, T].

    Raises:
        ValueError: as of Codec.decode.
    """
    batch, _, total = codes.shape
    if frames is not None and (frames.shape != (batch,) or bool(((frames < 0) | (frames > total)).any())):
        raise ValueError(f"got frames {frames.tolist()}; expected {batch} numbers in 0..{total}")
