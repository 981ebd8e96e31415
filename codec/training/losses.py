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


def aligned_loss(harmonic: Tensor, target: Tensor) -> Tensor:
    """Distance of the harmonic spectrum to the target's, phase included, both complex [B, S, F].

    Only meaningful where the pulses are locked to the target's (codec.pitch.track_phase). Each bin is weighted by its
    level to the power -0.7, so that quiet harmonics count too; what cannot be predicted pulls towards zero, which
    leaves it to the noise.
    """
    weight = (target.abs() + 1e-2) ** -0.7
    return (torch.view_as_real((harmonic - target) * weight).square().sum(-1) + 1e-6).sqrt().mean()


def pitch_loss(estimate_f0: Tensor, f0: Tensor, voicing: Tensor) -> Tensor:
    """Mean absolute error of log2 f0, octaves; unvoiced frames count little but must stay smooth."""
    weight = voicing.square() + 0.02
    return (weight * torch.log2(estimate_f0 / f0).abs()).sum() / weight.sum()
