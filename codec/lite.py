"""The lite codec's networks: features -> latents, values -> features, features -> filters.

Shapes: B batch, N samples, T codec frames, S = T * stack STFT frames, M mel bands, F bins, D width. Inside the
networks everything is channels-last, [B, frames, D].

A frame of *features* is M log-mel magnitudes, log f0 and voicing. The quantiser codes features, and a vocoder turns
features into the filters of a source-filter model (codec/source.py). Splitting the work there lets both halves learn
side by side: the vocoder need not wait for a good quantiser, nor the quantiser for a good vocoder.

Source: ConvNeXt blocks on frames as in Vocos (arXiv 2306.00814); quantised mel features as in the spectral codec
(arXiv 2406.05298).
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.config import CodecConfig
from codec.pitch import MAX_HZ, MIN_HZ, track_pitch
from codec.spectral import log_mel

MEAN_LOG_F0 = math.log(180.0)  # between a low and a high voice, Hz


class Filters(NamedTuple):
    """What the vocoder says about each STFT frame."""

    f0: Tensor  # Hz [B, S]
    harmonic: Tensor  # natural log magnitude of the harmonic filter [B, S, F]
    phase: Tensor  # phase of the harmonic filter, radians in (-pi, pi) [B, S, F]
    noise: Tensor  # natural log magnitude of the noise filter [B, S, F]


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over frames, then a two-layer MLP, on a residual path. [B, T, D] -> [B, T, D]."""

    def __init__(self, dim: int, kernel_size: int, expansion: int):
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, kernel_size, padding=kernel_size // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, dim * expansion)
        self.down = nn.Linear(dim * expansion, dim)
        self.scale = nn.Parameter(torch.full((dim,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.down(F.gelu(self.up(self.norm(y))))


def blocks(count: int, dim: int, kernel_size: int, expansion: int) -> nn.Sequential:
    """`count` ConvNeXt blocks in a row."""
    return nn.Sequential(*(ConvNeXtBlock(dim, kernel_size, expansion) for _ in range(count)))


def extract_features(audio: Tensor, config: CodecConfig) -> Tensor:
    """Audio float32 [B, N], N a multiple of the hop -> features [B, S, M + 2], each of order 1."""
    f0, voicing = track_pitch(audio, config.sample_rate, config.stft_hop)
    mel = log_mel(audio, config.sample_rate, config.n_fft, config.stft_hop, config.n_mels)
    extra = torch.stack([(f0.log() - MEAN_LOG_F0) * 2, voicing * 2 - 1], dim=-1)
    return torch.cat([(mel + 2) / 3, extra], dim=-1)


def features_to_f0(features: Tensor) -> Tensor:
    """The f0 [B, S] in Hz that features [B, S, M + 2] stand for."""
    log_f0 = features[..., -2] / 2 + MEAN_LOG_F0
    return log_f0.clamp(math.log(MIN_HZ), math.log(MAX_HZ)).exp()


class FeatureEncoder(nn.Module):
    """Features [B, S, M + 2] -> latents [B, D, T]."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        (fine, coarse), (slow_kernel, fast_kernel) = config.encoder_dims, config.kernel_sizes
        self.stack, latent = config.stack, config.num_codebooks * len(config.levels)
        self.input = nn.Linear(config.n_mels + 2, fine)
        self.fine = blocks(config.encoder_blocks[0], fine, fast_kernel, config.expansion)
        self.down = nn.Linear(fine * config.stack, coarse)
        self.coarse = blocks(config.encoder_blocks[1], coarse, slow_kernel, config.expansion)
        self.norm = nn.LayerNorm(coarse)
        self.output = nn.Linear(coarse, latent)
        nn.init.normal_(self.output.weight, std=0.01)
        # A linear path beside the network: training starts from the best linear code, not from nothing.
        self.linear = nn.Linear((config.n_mels + 2) * config.stack, latent)

    def forward(self, features: Tensor) -> Tensor:
        x = self.fine(self.input(features))
        x = self.down(x.unflatten(1, (-1, self.stack)).flatten(2))  # [B, T, coarse]
        frames = features.unflatten(1, (-1, self.stack)).flatten(2)  # [B, T, stack * (M + 2)]
        return (self.output(self.norm(self.coarse(x))) + self.linear(frames)).transpose(1, 2)


class FeatureDecoder(nn.Module):
    """Quantised values [B, D, T] in [-1, 1] -> features [B, S, M + 2]."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        (coarse, fine), (slow_kernel, fast_kernel) = config.decoder_dims, config.kernel_sizes
        self.stack, latent = config.stack, config.num_codebooks * len(config.levels)
        self.input = nn.Linear(latent, coarse)
        self.coarse = blocks(config.decoder_blocks[0], coarse, slow_kernel, config.expansion)
        self.up = nn.Linear(coarse, fine * config.stack)
        self.fine = blocks(config.decoder_blocks[1], fine, fast_kernel, config.expansion)
        self.norm = nn.LayerNorm(fine)
        self.output = nn.Linear(fine, config.n_mels + 2)
        nn.init.normal_(self.output.weight, std=0.01)
        self.linear = nn.Linear(latent, (config.n_mels + 2) * config.stack)

    def forward(self, values: Tensor) -> Tensor:
        values = values.transpose(1, 2)
        x = self.up(self.coarse(self.input(values)))
        x = x.unflatten(2, (self.stack, -1)).flatten(1, 2)  # [B, S, fine]
        direct = self.linear(values).unflatten(2, (self.stack, -1)).flatten(1, 2)  # [B, S, M + 2]
        return self.output(self.norm(self.fine(x))) + direct


class Vocoder(nn.Module):
    """Features [B, S, M + 2] -> filters."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        dim, self.bins = config.vocoder_dim, config.n_fft // 2 + 1
        self.input = nn.Linear(config.n_mels + 2, dim)
        self.blocks = blocks(config.vocoder_blocks, dim, config.kernel_sizes[1], config.expansion)
        self.norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, 3 * self.bins)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)

    def forward(self, features: Tensor) -> Filters:
        x = self.output(self.norm(self.blocks(self.input(features)))).float()  # exp and FFT need float32
        harmonic, phase, noise = x.split(self.bins, dim=-1)
        # An untrained vocoder starts from quiet pulses and quieter noise: were the noise louder, it would learn to
        # stand for the voice. The clamp keeps exp from overflowing in the first steps.
        filters = (harmonic - 3).clamp(max=6), math.pi * torch.tanh(phase), (noise - 8).clamp(max=6)
        return Filters(features_to_f0(features), *filters)


def decoding_context(config: CodecConfig) -> int:
    """Codec frames on each side that one frame's filters depend on, from the kernels between codes and filters."""
    slow, fast = (k // 2 for k in config.kernel_sizes)
    fine_reach = (config.decoder_blocks[1] + config.vocoder_blocks) * fast
    return config.decoder_blocks[0] * slow + math.ceil(fine_reach / config.stack)
