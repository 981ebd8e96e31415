"""Codec: audio [B, 1, N] <-> codes [B, K, T], wiring only.

Shapes: B batch, N samples, K codebooks, T codec frames, S = T * stack STFT frames.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from codec.config import CodecConfig
from codec.fsq import GroupedFSQ
from codec.lite import FeatureDecoder, FeatureEncoder, Filters, Vocoder, decoding_context, extract_features
from codec.pitch import phase_from_samples, upsample
from codec.source import SourceFilter

if TYPE_CHECKING:
    from codec.streaming import CodecStream

PITCH_MARGIN = 2  # codec frames of f0 that one frame of audio needs before itself, see Codec.render


class Codec(nn.Module):
    """Encoder, quantiser, feature decoder, vocoder and source-filter synthesis, built from a config."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.config = config
        self.encoder = FeatureEncoder(config)
        self.quantizer = GroupedFSQ(config.num_codebooks, config.levels)
        self.decoder = FeatureDecoder(config)
        self.vocoder = Vocoder(config)
        self.source = SourceFilter(config.sample_rate, config.n_fft, config.stft_hop)

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
        """Codec frames before and after a frame that its audio depends on; the look-ahead of streaming."""
        return decoding_context(self.config) + PITCH_MARGIN

    @property
    def fingerprint(self) -> str:
        """Identity of the code space: 16 hex digits over the encoder in fp16 and what configures it.

        Another decoder trained on a frozen encoder keeps it, and so keeps every shard and voice made with it.
        """
        digest = hashlib.sha256(json.dumps(self.config.code_space(), sort_keys=True).encode())
        for name, tensor in sorted(self.encoder.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().to(torch.float16).numpy().tobytes())
        return digest.hexdigest()[:16]

    # audio -> codes

    @torch.inference_mode()
    def encode(self, audio: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Encode audio.

        Items of different lengths are encoded one by one, so a batch gives exactly the codes of each item alone.

        Args:
            audio: float32 [B, 1, N] in [-1, 1] at `sample_rate`.
            lengths: samples of each item, int [B]; None means N for all.

        Returns:
            codes int64 [B, K, T] (0 beyond an item's end) and frames int64 [B] = ceil(length / hop_length).

        Raises:
            ValueError: wrong shape, no samples, or values that are not finite.
        """
        if audio.dim() != 3 or audio.shape[1] != 1 or audio.shape[2] == 0:
            raise ValueError(f"got audio of shape {tuple(audio.shape)}; expected [B, 1, N] with N >= 1")
        if not torch.isfinite(audio).all():
            raise ValueError("got audio with NaN or infinite samples; expected finite values in [-1, 1]")
        batch, samples = audio.shape[0], audio.shape[2]
        lengths = torch.full((batch,), samples) if lengths is None else lengths.cpu()
        if lengths.shape != (batch,) or lengths.min() < 1 or lengths.max() > samples:
            raise ValueError(f"got lengths {lengths.tolist()}; expected {batch} numbers in 1..{samples}")
        frames = -(-lengths // self.hop_length)
        codes = audio.new_zeros((batch, self.num_codebooks, int(frames.max())), dtype=torch.long)
        for length in lengths.unique().tolist():
            rows = lengths == length
            padded = F.pad(audio[rows, 0, :length].float(), (0, -length % self.hop_length))
            item = self.encode_features(extract_features(padded, self.config))
            codes[rows, :, : item.shape[2]] = item
        return codes, frames

    @torch.inference_mode()
    def encode_features(self, features: Tensor) -> Tensor:
        """Features [B, S, W] of codec.lite.extract_features -> codes int64 [B, K, S / stack]."""
        return self.quantizer(self.encoder(features.float()))[1]

    # codes -> audio

    @torch.inference_mode()
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
        self.quantizer.check(codes)
        batch, _, total = codes.shape
        if frames is not None and (frames.shape != (batch,) or bool(((frames < 0) | (frames > total)).any())):
            raise ValueError(f"got frames {frames.tolist()}; expected {batch} numbers in 0..{total}")
        if not total:
            return torch.zeros(batch, 1, 0, device=codes.device)
        if frames is None or bool((frames == total).all()):
            return torch.cat(list(self.decode_chunks(codes)), dim=-1)
        audio = torch.zeros(batch, 1, total * self.hop_length, device=codes.device)
        for row, count in enumerate(frames.tolist()):
            if count:
                audio[row, :, : count * self.hop_length] = self.decode(codes[row : row + 1, :, :count])[0]
        return audio

    def decode_chunks(self, codes: Tensor, chunk: int = 128) -> Iterator[Tensor]:
        """Decode in pieces of `chunk` frames, so that memory does not grow with the length."""
        stream = self.stream()
        for start in range(0, codes.shape[2], chunk):
            yield stream.push(codes[:, :, start : start + chunk])
        yield stream.flush()

    def stream(self) -> "CodecStream":
        """A new decoding stream: push codes, get the audio that is already certain."""
        from codec.streaming import CodecStream

        return CodecStream(self)

    def render(self, codes: Tensor, first: int, start: int, stop: int, phase: Tensor) -> tuple[Tensor, Tensor]:
        """Audio of the frames start..stop out of a window of codes.

        Exact if the window reaches `context` frames beyond both ends or to the ends of the utterance. Samples of
        frame s need pulses from the middle of frame s - 1 on, and their interpolated f0 one STFT frame more.

        Args:
            codes: int64 [B, K, t], the frames first .. first + t.
            first, start, stop: absolute frame numbers.
            phase: float64 [B, 1], phase of the pulses before the first sample of frame max(start - 1, 0).

        Returns:
            audio [B, (stop - start) * hop_length], and the phase to pass when `stop` becomes `start`.
        """
        filters = self.vocoder(self.decoder(self.quantizer.decode(codes)))
        stack, hop = self.config.stack, self.hop_length
        begin, end = max(start - 1, 0), min(stop + 1, first + codes.shape[2])
        before = max(start - 2, first)
        f0 = filters.f0[:, (before - first) * stack : (end + 1 - first) * stack]
        f0 = upsample(f0.double(), self.config.stft_hop)[:, (begin - before) * hop : (end - before) * hop]
        phases = phase_from_samples(f0, self.sample_rate, phase)
        inner = Filters(*(part[:, (begin - first) * stack : (end - first) * stack] for part in filters))
        pulses = self.source.pulse_spectrum(phases, f0.float())
        noise = self.source.noise_spectrum((end - begin) * stack, begin * stack)
        tonal, noisy = self.source.filter(inner, pulses, noise)
        audio = self.source.audio(tonal + noisy)
        next_begin = max(stop - 1, 0) - begin
        next_phase = phases[:, next_begin * hop - 1, None] if next_begin else phase
        return audio[:, (start - begin) * hop : (stop - begin) * hop], next_phase

    # files

    @classmethod
    def from_config(cls, path: str | Path) -> "Codec":
        """An untrained codec from the `codec:` section (or the whole) of a YAML file."""
        import yaml

        values = yaml.safe_load(Path(path).read_text("utf-8"))
        return cls(CodecConfig.from_dict(values.get("codec", values)))

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype = torch.float16) -> None:
        """Write config.json and model.safetensors."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in self.state_dict().items()}
        temporary = folder / ".model.partial"
        save_file(weights, temporary)
        temporary.replace(folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(self.config.to_dict(), indent=2) + "\n", "utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Codec":
        """Read a folder written by save_pretrained; weights become float32.

        Raises:
            FileNotFoundError, ValueError: the folder is not a codec, or its weights do not fit its configuration.
        """
        folder = Path(folder)
        for name in ("config.json", "model.safetensors"):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder} is not a codec folder: no {name}")
        try:
            codec = cls(CodecConfig.from_dict(json.loads((folder / "config.json").read_text("utf-8"))))
            weights = load_file(folder / "model.safetensors")
            codec.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
        except Exception as error:
            raise ValueError(f"{folder} is not a readable codec: {' '.join(str(error).split())[:300]}") from error
        return codec.eval()
