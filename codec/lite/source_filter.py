"""Source-filter synthesis: a pulse train and noise, each shaped by a filter that changes from frame to frame.

    spectrum = exp(harmonic + i phase) * X(pulses(f0)) + exp(noise) * X(noise)

Shapes: B batch, N samples, S STFT frames, F bins. X cuts a source into overlapping windows that sum to one and are
half as long as the transform, so that a filter can ring without wrapping around. The noise is a fixed table indexed by
the absolute sample number: the same codes always give the same samples, streamed or not.

Source: harmonic-plus-noise models (Serra and Smith 1990), differentiable as in DDSP (arXiv 2001.04643).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.dsp.spectral import frames
from codec.lite.vocoder import Filters
from codec.precision import Constants

NOISE_FRAMES = 512  # about 6 s at 86 frames/s: longer than the ear can notice a repetition of shaped noise


def pulses(phase: Tensor, f0: Tensor, sample_rate: int) -> Tensor:
    """Band-limited pulse train: minus the sum of cos(h * phase) over every harmonic h below Nyquist.

    Negative, because what excites speech is the moment when the flow of air is cut off.

    Args:
        phase: float64 [B, N] in radians.
        f0: float [B, N] in Hz, gives the number of harmonics.

    Returns:
        float32 [B, N]. Uses the closed form of the sum (Dirichlet kernel).
    """
    # Around zero, where single precision is at its best and a pulse is steepest.
    wrapped = (torch.remainder(phase + math.pi, 2 * math.pi) - math.pi).float()
    count = torch.floor(sample_rate / 2 / f0)
    half = torch.sin(wrapped / 2)
    near_peak = half.abs() < 1e-3
    ratio = torch.sin((count + 0.5) * wrapped) / torch.where(near_peak, 1.0, 2 * half)
    return 0.5 - torch.where(near_peak, count + 0.5, ratio)


class SourceFilter(Constants):
    """Filters -> audio. No parameters."""

    noise: Tensor
    window: Tensor

    def __init__(self, sample_rate: int, n_fft: int, hop: int):
        super().__init__()
        self.sample_rate, self.n_fft, self.hop = sample_rate, n_fft, hop
        self.register_constants()

    def constants(self) -> dict[str, Tensor]:
        """See Constants."""
        generator, pad = torch.Generator("cpu").manual_seed(0), (self.n_fft - 2 * self.hop) // 2
        return {
            "noise": torch.randn(NOISE_FRAMES, self.hop, generator=generator, device="cpu"),
            "window": F.pad(torch.hann_window(2 * self.hop, device="cpu"), (pad, pad)),
        }

    def spectrum(self, source: Tensor) -> Tensor:
        """Windows of a source [B, N] -> complex [B, S, F]."""
        return torch.fft.rfft(frames(source, self.n_fft, self.hop) * self.window)

    def pulse_spectrum(self, phase: Tensor, f0: Tensor) -> Tensor:
        """Spectrum of the pulse train: harmonics of amplitude 1. Arguments as for `pulses`."""
        return self.spectrum(pulses(phase, f0, self.sample_rate))

    def noise_spectrum(self, count: int, first: int) -> Tensor:
        """Spectrum complex [count, F] of the noise frames first, first + 1, ...; standard deviation 1."""
        index = torch.arange(first - 1, first + count + 1, device=self.noise.device) % NOISE_FRAMES
        return self.spectrum(self.noise[index].flatten()[None])[0, 1:-1]

    def filter(self, filters: Filters, pulse_spectrum: Tensor, noise_spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """Harmonic and noise spectra, complex [B, S, F] each."""
        harmonic = torch.polar(filters.harmonic.exp(), filters.phase) * pulse_spectrum
        return harmonic, filters.noise.exp() * noise_spectrum

    def audio(self, spectrum: Tensor) -> Tensor:
        """Overlap-add of spectra [B, S, F] -> audio [B, S * hop]."""
        pieces, count = torch.fft.irfft(spectrum, n=self.n_fft).unflatten(2, (-1, self.hop)), spectrum.shape[1]
        parts = pieces.shape[2]  # hops of a piece
        audio = pieces.new_zeros(len(pieces), count + parts - 1, self.hop)
        for part in range(parts):
            audio[:, part : part + count] += pieces[:, :, part]
        pad = (self.n_fft - self.hop) // 2
        return audio.flatten(1)[:, pad : pad + count * self.hop]
