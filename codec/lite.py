"""The lite codec's networks: ConvNeXt stacks at two rates around the quantiser.

Shapes: B batch, N samples, T codec frames, S = T * stack STFT frames, F bins, D width. Everything between the
audio and the spectrum is channels-last, [B, frames, D].

Source: ConvNeXt blocks on frames as in Vocos (arXiv 2306.00814); the decoder's output is not a free spectrum but
the filters of a source-filter model (codec/source.py), which a small network can learn in hours.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.config import CodecConfig
from codec.pitch import track_pitch
from codec.spectral import log_mel

MEAN_LOG_F0 = math.log(180.0)  # between a low and a high voice, Hz


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


class LiteEncoder(nn.Module):
    """Audio -> latents: log-mel and pitch at STFT rate, stacked to codec frames."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.config = config
        (fine, coarse), (slow_kernel, fast_kernel) = config.encoder_dims, config.kernel_sizes
        self.input = nn.Linear(config.n_mels + 2, fine)
        self.fine = blocks(config.encoder_blocks[0], fine, fast_kernel, config.expansion)
        self.stack = nn.Linear(fine * config.stack, coarse)
        self.coarse = blocks(config.encoder_blocks[1], coarse, slow_kernel, config.expansion)
        self.norm = nn.LayerNorm(coarse)
        self.output = nn.Linear(coarse, config.num_codebooks * len(config.levels))

    def features(self, audio: Tensor) -> Tensor:
        """Audio [B, N] -> [B, S, n_mels + 2]: log-mel, log f0 and voicing, each of order 1."""
        c = self.config
        f0, voicing = track_pitch(audio, c.sample_rate, c.stft_hop)
        mel = log_mel(audio, c.sample_rate, c.n_fft, c.stft_hop, c.n_mels)
        extra = torch.stack([(f0.log() - MEAN_LOG_F0) * 2, voicing * 2 - 1], dim=-1)
        return torch.cat([(mel + 2) / 3, extra], dim=-1)

    def forward(self, audio: Tensor) -> Tensor:
        """Audio float32 [B, N], N a multiple of the hop -> latents [B, D, T]."""
        x = self.fine(self.input(self.features(audio)))
        x = self.stack(x.unflatten(1, (-1, self.config.stack)).flatten(2))  # [B, T, coarse]
        return self.output(self.norm(self.coarse(x))).transpose(1, 2)


class Filters(NamedTuple):
    """What the decoder network says about each STFT frame."""

    f0: Tensor  # Hz [B, S]
    harmonic: Tensor  # natural log magnitude of the harmonic filter [B, S, F]
    phase: Tensor  # phase of the harmonic filter, radians in (-pi, pi) [B, S, F]
    noise: Tensor  # natural log magnitude of the noise filter [B, S, F]


class LiteDecoder(nn.Module):
    """Quantised latents -> filters at STFT rate."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.config = config
        (coarse, fine), (slow_kernel, fast_kernel) = config.decoder_dims, config.kernel_sizes
        self.bins = config.n_fft // 2 + 1
        self.input = nn.Linear(config.num_codebooks * len(config.levels), coarse)
        self.coarse = blocks(config.decoder_blocks[0], coarse, slow_kernel, config.expansion)
        self.unstack = nn.Linear(coarse, fine * config.stack)
        self.fine = blocks(config.decoder_blocks[1], fine, fast_kernel, config.expansion)
        self.norm = nn.LayerNorm(fine)
        self.output = nn.Linear(fine, 1 + 3 * self.bins)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)

    @property
    def context(self) -> int:
        """Codec frames on each side that one frame of the output depends on."""
        slow, fast = (k // 2 for k in self.config.kernel_sizes)
        fine_reach = self.config.decoder_blocks[1] * fast
        return self.config.decoder_blocks[0] * slow + math.ceil(fine_reach / self.config.stack)

    def forward(self, values: Tensor) -> Filters:
        """Values float32 [B, D, T] in [-1, 1] -> Filters."""
        x = self.coarse(self.input(values.transpose(1, 2)))
        x = self.unstack(x).unflatten(2, (self.config.stack, -1)).flatten(1, 2)  # [B, S, fine]
        x = self.output(self.norm(self.fine(x)))
        pitch, harmonic, phase, noise = x.split([1, self.bins, self.bins, self.bins], dim=-1)
        f0 = (MEAN_LOG_F0 + pitch[..., 0]).clamp(math.log(40.0), math.log(800.0)).exp()
        # Offsets put an untrained decoder at the level of quiet speech; exp must not overflow early in training.
        return Filters(f0, (harmonic - 5).clamp(max=6), math.pi * torch.tanh(phase), (noise - 7).clamp(max=6))
