"""Losses of codec training. Each takes audio [B, N] or what the name says and returns a scalar; lower is better."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.spectral import mel_filters, stft


def log_spectra(audio: Tensor, sample_rate: int, n_ffts: Sequence[int]) -> tuple[list[Tensor], list[Tensor]]:
    """Log magnitudes of audio [B, N] for each window length: in mel bands (80 at 1024 samples), and of every bin."""
    mels, bins = [], []
    for n_fft in n_ffts:
        magnitude = stft(audio, n_fft, n_fft // 4).abs()
        filters = mel_filters(sample_rate, n_fft, max(8, n_fft * 80 // 1024), audio.device)
        mels.append((magnitude @ filters).clamp(min=1e-3).log())
        bins.append(magnitude.clamp(min=1e-2).log())
    return mels, bins


def distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Mean L1, averaged over window lengths."""
    return torch.stack([F.l1_loss(x, y) for x, y in zip(a, b, strict=True)]).mean()


def energy_distance(
    first: Tensor, second: Tensor, target: Tensor, sample_rate: int, n_ffts: Sequence[int]
) -> dict[str, Tensor]:
    """Spectral distance to the target of two estimates with independent noise, minus their distance to each other.

    A plain distance is smallest for the median of all sounds that could be meant, which no voice ever makes: breath
    becomes buzz. The last term rewards what is random for being random; the whole is a proper scoring rule, least when
    estimates are distributed as targets are. All audio [B, N].

    Source: spectral energy distance, arXiv 2008.01160.
    """
    a, b, x = (log_spectra(audio, sample_rate, n_ffts) for audio in (first, second, target))
    return {
        name: distance(a[k], x[k]) + distance(b[k], x[k]) - distance(a[k], b[k]) for k, name in enumerate(("mel", "stft"))
    }


def phase_loss(estimate: Tensor, target: Tensor, sample_rate: int, highest_hz: float = 3000.0) -> Tensor:
    """Distance of compressed complex spectra below `highest_hz`, relative to the target; audio [B, N] each.

    Magnitudes to the power 1/2: else the two or three loudest harmonics would be all that counts.
    """
    losses = []
    for n_fft in (512, 1024):
        bins = int(highest_hz / sample_rate * n_fft)
        a, b = (stft(audio, n_fft, n_fft // 4)[..., :bins] for audio in (estimate, target))
        a, b = (part * (part.abs().square() + 1e-4) ** -0.25 for part in (a, b))
        losses.append((a - b).abs().mean() / (b.abs().mean() + 1e-2))
    return torch.stack(losses).mean()


def feature_loss(estimate: Tensor, target: Tensor, pitch_weight: float) -> Tensor:
    """L1 between features [B, S, W]; log f0 counts `pitch_weight` bands where voiced and little elsewhere."""
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
