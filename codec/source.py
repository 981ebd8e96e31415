"""Source-filter synthesis: a pulse train and noise, each shaped by a filter, summed in one inverse STFT.

    spectrum = exp(harmonic + i phase) * STFT(pulses(f0)) + exp(noise) * Z

Shapes: B batch, N samples, S STFT frames, F bins. Z is complex Gaussian noise from a fixed table indexed by the
absolute frame number, so the same codes always give the same samples, streamed or not.

Source: harmonic-plus-noise models (Serra and Smith 1990), differentiable as in DDSP (arXiv 2001.04643).
"""

import math

import torch
from torch import Tensor, nn

from codec.lite import Filters
from codec.spectral import hann, istft, stft

NOISE_FRAMES = 512  # about 6 s at 86 frames/s: longer than the ear can notice a repetition of shaped noise


def pulses(phase: Tensor, f0: Tensor, sample_rate: int) -> Tensor:
    """Band-limited pulse train: the sum of cos(h * phase) over every harmonic h below Nyquist.

    Args:
        phase: float64 [B, N] in radians.
        f0: float [B, N] in Hz, gives the number of harmonics.

    Returns:
        float32 [B, N]. Uses the closed form of the sum (Dirichlet kernel).
    """
    wrapped = torch.remainder(phase, 2 * math.pi).float()
    count = torch.floor(sample_rate / 2 / f0)
    half = torch.sin(wrapped / 2)
    near_peak = half.abs() < 1e-3
    ratio = torch.sin((count + 0.5) * wrapped) / torch.where(near_peak, 1.0, 2 * half)
    return torch.where(near_peak, count + 0.5, ratio) - 0.5


class SourceFilter(nn.Module):
    """Filters -> audio. No parameters."""

    def __init__(self, sample_rate: int, n_fft: int, hop: int):
        super().__init__()
        self.sample_rate, self.n_fft, self.hop = sample_rate, n_fft, hop
        generator = torch.Generator().manual_seed(0)
        table = torch.randn(NOISE_FRAMES, n_fft // 2 + 1, 2, generator=generator)
        self.register_buffer("noise", table, persistent=False)

    def excitation(self, phase: Tensor, f0: Tensor) -> Tensor:
        """Spectrum [B, S, F] of the pulse train; one harmonic of amplitude 1 has magnitude 1 at its bin."""
        gain = hann(self.n_fft, phase.device).sum() / 2
        return stft(pulses(phase, f0, self.sample_rate), self.n_fft, self.hop) / gain

    def noise_frames(self, count: int, first: int) -> Tensor:
        """Noise spectrum complex [count, F] of the frames first, first + 1, ..."""
        index = torch.arange(first, first + count, device=self.noise.device) % NOISE_FRAMES
        return torch.view_as_complex(self.noise[index])

    def spectra(self, filters: Filters, excitation: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Harmonic and noise spectra, complex [B, S, F] each."""
        harmonic = torch.polar(filters.harmonic.exp(), filters.phase) * excitation
        return harmonic, filters.noise.exp() * noise

    def audio(self, spectrum: Tensor) -> Tensor:
        """Spectrum [B, S, F] -> audio [B, S * hop]."""
        gain = hann(self.n_fft, spectrum.device).sum() / 2
        return istft(spectrum * gain, self.n_fft, self.hop)
