"""LiteCodec: audio [B, 1, N] <-> codes [B, K, T] of the lite family, wiring only.

Shapes: B batch, N samples, K codebooks, T codec frames, S = T * stack STFT frames.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.base import Codec, check_audio, check_frames
from codec.config import CodecConfig
from codec.fsq import GroupedFSQ
from codec.lite import FeatureDecoder, FeatureEncoder, Filters, Vocoder, decoding_context, extract_features
from codec.pitch import phase_from_samples, upsample
from codec.source import SourceFilter

PITCH_MARGIN = 2  # codec frames of f0 that one frame of audio needs before itself, see Codec.render


class LiteCodec(Codec, family="lite"):
    """Encoder, quantiser, feature decoder, vocoder and source-filter synthesis, built from a config."""

    config_type = CodecConfig
    storage = torch.float16

    encoder: FeatureEncoder

    def __init__(self, config: CodecConfig):
        super().__init__(config)
        self.encoder = FeatureEncoder(config)
        self.quantizer = GroupedFSQ(config.num_codebooks, config.levels)
        self.decoder = FeatureDecoder(config)
        self.vocoder = Vocoder(config)
        self.source = SourceFilter(config.sample_rate, config.n_fft, config.stft_hop)

    @property
    def context(self) -> int:
        """Codec frames before and after a frame that its audio depends on; the look-ahead of streaming."""
        return decoding_context(self.config) + PITCH_MARGIN

    # audio -> codes

    @torch.inference_mode()
    def encode(self, audio: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See Codec.encode. Items of different lengths are encoded one by one."""
        lengths = check_audio(audio, lengths)
        frames = -(-lengths // self.hop_length)
        codes = audio.new_zeros((len(audio), self.num_codebooks, int(frames.max())), dtype=torch.long)
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
        """See Codec.decode."""
        self.quantizer.check(codes)
        batch, _, total = codes.shape
        check_frames(codes, frames)
        if not total:
            return torch.zeros(batch, 1, 0, device=codes.device)
        if frames is None or bool((frames == total).all()):
            return torch.cat(list(self.decode_chunks(codes)), dim=-1)
        audio = torch.zeros(batch, 1, total * self.hop_length, device=codes.device)
        for row, count in enumerate(frames.tolist()):
            if count:
                audio[row, :, : count * self.hop_length] = self.decode(codes[row : row + 1, :, :count])[0]
        return audio

    def init_state(self, codes: Tensor) -> Tensor:
        """Phase of the pulses, radians, float64 [B, 1]."""
        return torch.zeros(codes.shape[0], 1, dtype=torch.float64, device=codes.device)

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
