"""Losses of codec training. Each takes audio [B, N] or what the name says and returns a scalar; lower is better."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.spectral import log_mel, stft


def mel_loss(estimate: Tensor, target: Tensor, sample_rate: int, n_ffts: Sequence[int]) -> Tensor:
    """L1 between log-mel spectra, averaged over window lengths; a window of n samples has n / 12.8 bands (80 at 1024)."""
    losses = []
    for n_fft in n_ffts:
        n_mels = max(8, n_fft * 80 // 1024)
        a, b = (log_mel(x, sample_rate, n_fft, n_fft // 4, n_mels) for x in (estimate, target))
        losses.append(F.l1_loss(a, b))
    return torch.stack(losses).mean()


def stft_loss(estimate: Tensor, target: Tensor, n_ffts: Sequence[int]) -> Tensor:
    """L1 between log magnitudes of every bin, averaged over window lengths."""
    losses = []
    for n_fft in n_ffts:
        a, b = (stft(x, n_fft, n_fft // 4).abs().clamp(min=1e-2).log() for x in (estimate, target))
        losses.append(F.l1_loss(a, b))
    return torch.stack(losses).mean()


def feature_loss(estimate: Tensor, target: Tensor, pitch_weight: float) -> Tensor:
    """L1 between features [B, S, M + 2]; log f0 counts `pitch_weight` bands where voiced and little elsewhere."""
    error = (estimate - target).abs()
    voiced = ((target[..., -1] + 1) / 2).square() + 0.02
    return error[..., :-2].mean() + error[..., -1].mean() / 10 + pitch_weight * (voiced * error[..., -2]).mean()


def adversarial_loss(judged: list[tuple[Tensor, list[Tensor]]]) -> Tensor:
    """Least squares: how far the scores of generated audio are from 1."""
    return torch.stack([(1 - scores).square().mean() for scores, _ in judged]).mean()


def discriminator_loss(real: list[tuple[Tensor, list[Tensor]]], fake: list[tuple[Tensor, list[Tensor]]]) -> Tensor:
    """Least squares: real towards 1, generated towards 0."""
    pairs = [((1 - a).square().mean() + b.square().mean()) / 2 for (a, _), (b, _) in zip(real, fake, strict=True)]
    return torch.stack(pairs).mean()


def feature_matching_loss(real: list[tuple[Tensor, list[Tensor]]], fake: list[tuple[Tensor, list[Tensor]]]) -> Tensor:
    """L1 between discriminator features, each layer relative to the level of the real one."""
    losses = []
    for (_, ours), (_, theirs) in zip(fake, real, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            losses.append((a - b.detach()).abs().mean() / (b.detach().abs().mean() + 1e-4))
    return torch.stack(losses).mean()
