"""Losses of the low-frame-rate codec: log-mel and log-magnitude distances at many window lengths, and adversarial ones.

Shapes: B batch, N samples, F bins, M mel bands, J frames. All take audio [B, N] and return a scalar; lower is better.
A window of n samples hops by n / 4.

Source: arXiv 2409.12117 and the configuration published with it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from codec.dsp.spectral import mel_filters
from codec.training import adversarial
from codec.training.adversarial import DiscriminatorOutput

MAGNITUDE_FLOOR = 1e-5  # under the root, so that its gradient is finite at silence


def magnitudes(audio: Tensor, n_fft: int, pad_mode: str) -> Tensor:
    """Audio [B, N] -> magnitudes [B, F, N // hop + 1] in float32, symmetric Hann window, frames centred."""
    window = torch.hann_window(n_fft, periodic=False, device=audio.device)
    spectrum = torch.stft(
        audio.float(), n_fft, n_fft // 4, n_fft, window, center=True, pad_mode=pad_mode, return_complex=True
    )
    return (spectrum.real.square() + spectrum.imag.square() + MAGNITUDE_FLOOR).sqrt()


def log_mels(audio: Tensor, sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    """Audio [B, N] -> log(1 + mel magnitude) [B, M, N // hop]; the ends are padded with silence."""
    magnitude = magnitudes(audio, n_fft, "constant")[:, :, : audio.shape[1] // (n_fft // 4)]
    filters = mel_filters(sample_rate, n_fft, n_mels, audio.device)  # [F, M]
    with torch.autocast(audio.device.type, enabled=False):  # a sum over bins that bfloat16 would round
        return torch.log1p(filters.T @ magnitude)


def distance(ours: Tensor, theirs: Tensor, frames: Tensor | None) -> Tensor:
    """Mean L1 of [B, F, J]: over an item's own `frames` int [B], then over items; None means J for all."""
    error = (ours - theirs).abs().mean(1)  # [B, J]
    if frames is None:
        return error.mean()
    inside = torch.arange(error.shape[1], device=error.device) < frames[:, None]
    return ((error * inside).sum(1) / frames.clamp(min=1)).mean()


def mel_loss(
    fake: Tensor,
    real: Tensor,
    sample_rate: int,
    n_ffts: Sequence[int],
    bands: Sequence[int],
    lengths: Tensor | None = None,
) -> Tensor:
    """Mean L1 of log-mels, averaged over window lengths; `bands` is the number of mel bands of each.

    With `lengths` int [B] in samples, beyond which both have to be zero, every item counts alike and by itself: silence
    that only fills up a batch lowers nothing.
    """
    losses = [
        distance(
            log_mels(fake, sample_rate, n, m),
            log_mels(real, sample_rate, n, m),
            None if lengths is None else lengths // (n // 4),
        )
        for n, m in zip(n_ffts, bands, strict=True)
    ]
    return torch.stack(losses).mean()


def stft_loss(fake: Tensor, real: Tensor, n_ffts: Sequence[int], lengths: Tensor | None = None) -> Tensor:
    """Mean L1 of log(1 + magnitude) of every bin, averaged over window lengths; `lengths` as of mel_loss."""
    losses = [
        distance(
            torch.log1p(magnitudes(fake, n, "reflect")),
            torch.log1p(magnitudes(real, n, "reflect")),
            None if lengths is None else lengths // (n // 4) + 1,
        )
        for n in n_ffts
    ]
    return torch.stack(losses).mean()


def adversarial_loss(fake: list[DiscriminatorOutput]) -> Tensor:
    """Least squares: how far the scores of generated audio are from 1, averaged over discriminators."""
    return torch.stack([adversarial.adversarial_loss(output) for output in fake]).mean()


def discriminator_loss(real: list[DiscriminatorOutput], fake: list[DiscriminatorOutput]) -> Tensor:
    """Least squares: real towards 1, generated towards 0, averaged over discriminators."""
    losses = [adversarial.discriminator_loss(*pair) for pair in zip(real, fake, strict=True)]
    return torch.stack(losses).mean()


def matching_loss(real: list[DiscriminatorOutput], fake: list[DiscriminatorOutput]) -> Tensor:
    """Mean L1 between the layers of each discriminator, as they are: not relative to their level."""
    losses = [
        torch.stack([(a.float() - b.detach().float()).abs().mean() for a, b in zip(*layers, strict=True)]).mean()
        for layers in ((ours.features, theirs.features) for ours, theirs in zip(fake, real, strict=True))
    ]
    return torch.stack(losses).mean()
