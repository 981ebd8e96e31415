"""Spectral envelope and aperiodicity of speech whose pitch is known. Pure functions on float32 tensors.

Shapes: B batch, N samples, S = N / hop frames, F = n_fft // 2 + 1 bins, M mel bands, A aperiodicity bands.

A mel spectrum shows the single harmonics of a high voice, and these move with pitch: costly to code, and once blurred
by a coder, hoarse. The envelope is what remains after smoothing over one pitch period, in time by the length of the
window, in frequency by averaging; how much of it is periodic is said apart, in a few bands.

Source: CheapTrick (Morise, Speech Communication 2015) for the envelope.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from codec.dsp.constants import (
    EDGES_HZ,
    FLOOR,
    LEAST_NOISE_POWER,
    LOWEST_HZ,
    MIN_NOISE,
    NUM_BANDS,
    PERIOD_ERROR,
    PERIOD_ERRORS,
    PERIODS,
    RECOVERY,
    REFINED_HZ,
    SILENCE,
    VOICED_CEILING,
)
from codec.dsp.mel import hz_to_mel, mel_to_hz
from codec.dsp.spectral import frames, mel_filters, on_device


def smooth(power: Tensor, width: Tensor) -> Tensor:
    """Mean of power [B, S, F] over `width` bins [B, S] around each bin; the spectrum is mirrored at both ends."""
    reach = math.ceil(float(width.max()) / 2) + 1
    mirrored = torch.cat([power[..., 1 : reach + 1].flip(-1), power, power[..., -reach - 1 : -1].flip(-1)], dim=-1)
    # In float64: the quiet end of the spectrum is a small difference of large sums.
    total = F.pad(mirrored.double().cumsum(-1), (1, 0))
    position = torch.arange(power.shape[-1], device=power.device) + reach + 0.5

    def at(points: Tensor) -> Tensor:
        whole = points.floor().long()
        left = total.gather(-1, whole)
        return left + (points - whole) * (total.gather(-1, whole + 1) - left)

    half = width.double()[..., None] / 2
    return ((at(position + half) - at(position - half)) / (2 * half)).float()


def periods_window(offset: Tensor, periods: int, period: Tensor) -> Tensor:
    """Hann window of so many periods and energy 1; offset [n] and period [B, S, 1] in samples -> [B, S, n]."""
    position = 2 * offset / (periods * period)  # -1 and 1 are the ends of the window
    window = (0.5 + 0.5 * torch.cos(math.pi * position)) * (position.abs() < 1)
    return window / window.square().sum(-1, keepdim=True).sqrt()


def log_envelope(audio: Tensor, f0: Tensor, sample_rate: int, n_fft: int, hop: int) -> Tensor:
    """Natural log of the amplitude density [B, S, F] of audio [B, N] with f0 [B, S] in Hz.

    White noise of standard deviation s has the density s; a tone train of f0 whose harmonics have amplitude a has
    a / 2 * sqrt(sample_rate / f0).
    """
    f0 = f0.clamp(min=LOWEST_HZ)
    offset = torch.arange(n_fft, device=audio.device) - (n_fft - 1) / 2
    window = periods_window(offset, PERIODS, sample_rate / f0[..., None])
    power = torch.fft.rfft(frames(audio, n_fft, hop) * window).abs().square()
    smoothed = smooth(power, f0 * n_fft / sample_rate * 2 / 3).clamp(min=SILENCE**2).log() / 2
    # Lifter: what ripples with f0 goes, and some of the smoothing above is undone.
    cepstrum = torch.fft.irfft(smoothed, n=n_fft)[..., : n_fft // 2 + 1]
    periods = torch.arange(n_fft // 2 + 1, device=audio.device) / sample_rate * f0[..., None]
    lifter = torch.sinc(periods) * (1 - 2 * RECOVERY + 2 * RECOVERY * torch.cos(2 * math.pi * periods))
    cepstrum = cepstrum * lifter
    return torch.fft.rfft(torch.cat([cepstrum, cepstrum[..., 1:-1].flip(-1)], dim=-1)).real


def to_bands(envelope: Tensor, sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    """Log envelope [B, S, F] -> log of its mean amplitude in mel bands [B, S, M]."""
    filters = mel_filters(sample_rate, n_fft, n_mels, envelope.device)
    return (envelope.exp() @ (filters / filters.sum(0))).clamp(min=FLOOR).log()


def aperiodicity(
    audio: Tensor, f0: Tensor, voicing: Tensor, envelope: Tensor, sample_rate: int, hop: int
) -> tuple[Tensor, Tensor]:
    """Share of noise in each band, and a more exact f0.

    Two frames one period apart are the same where speech is periodic; their correlation over a band tells the periodic
    share of its power. The part of noise that both frames see rotates with frequency and cancels over the band.
    What differs because speech moves on is no noise, though it counts here: hence the square, and the ceiling where
    voiced.

    Args:
        audio: float32 [B, N].
        f0, voicing: float32 [B, S], Hz and 0..1.
        envelope: log amplitude density [B, S, F].

    Returns:
        log of the share of noise in the amplitude, float32 [B, S, A], MIN_NOISE..0, and f0 [B, S] in Hz.
    """
    width = (envelope.shape[-1] - 1) * 2
    lag = sample_rate / f0.clamp(min=LOWEST_HZ)  # samples
    whole = lag.round().long()
    centre = torch.arange(f0.shape[1], device=audio.device) * hop + hop // 2
    start = centre - width // 2 + width - whole // 2
    padded = F.pad(audio, (width, width + hop))
    offset = torch.arange(width, device=audio.device)
    window = periods_window(offset - (width - 1) / 2, PERIODS, lag[..., None])

    def spectrum(start: Tensor) -> Tensor:
        cut = padded.gather(1, (start[..., None] + offset).flatten(1)).view(window.shape)
        return torch.fft.rfft(cut * window)

    early, late = spectrum(start), spectrum(start + whole)
    flat = torch.exp(-2 * envelope)  # whitened, so that a band is not its loudest harmonic alone
    cross = early * late.conj() * flat
    level = (early.abs().square() + late.abs().square()) / 2 * flat
    frequency = torch.arange(envelope.shape[-1], device=audio.device) / width  # cycles per sample
    error = lag_error(cross, frequency, sample_rate)
    aligned = cross * torch.polar(torch.ones_like(level), 2 * math.pi * frequency * error[..., None])
    edges = on_device(EDGES_HZ[1:-1], audio.device) / sample_rate
    band = F.one_hot(torch.bucketize(frequency, edges), NUM_BANDS).float()
    noise_power = 1 - ((aligned.real @ band) / (level @ band + 1e-9)).clamp(min=0)
    noise = noise_power.clamp(min=LEAST_NOISE_POWER).log()
    ceiling = on_device(VOICED_CEILING, audio.device)
    noise = torch.where(voicing[..., None] > 0.5, torch.minimum(noise, ceiling), noise)
    return noise.clamp(min=MIN_NOISE), torch.where(voicing > 0.5, sample_rate / (whole - error), f0)


def lag_error(cross: Tensor, frequency: Tensor, sample_rate: int) -> Tensor:
    """By how many samples [B, S] a lag is too long: where two frames that far apart agree best below REFINED_HZ.

    A hundredth of a period is half a cycle at the fiftieth harmonic.

    Args:
        cross: cross spectrum of the two frames, complex [B, S, F].
        frequency: of its bins, cycles per sample [F].
    """
    errors = torch.linspace(-PERIOD_ERROR, PERIOD_ERROR, PERIOD_ERRORS, device=cross.device)
    phase = 2 * math.pi * frequency[:, None] * errors * (frequency[:, None] < REFINED_HZ / sample_rate)
    agreement = cross.real @ torch.cos(phase) - cross.imag @ torch.sin(phase)  # [B, S, errors]
    return errors[agreement.argmax(-1)]


def minimum_phase(log_magnitude: Tensor, n_fft: int) -> Tensor:
    """Phase [..., F] in radians of the causal filter of least delay with that magnitude [..., F]."""
    if not log_magnitude.numel():
        return log_magnitude  # no frames; an FFT would refuse
    cepstrum = torch.fft.irfft(log_magnitude, n=n_fft)
    fold = torch.zeros(n_fft, device=log_magnitude.device)
    fold[1 : n_fft // 2] = 2
    fold[0] = fold[n_fft // 2] = 1
    return torch.fft.rfft(cepstrum * fold).imag


def interpolation(points: np.ndarray, targets: np.ndarray) -> Tensor:
    """Matrix [len(points), len(targets)] of linear interpolation, flat beyond the outermost points."""
    rows = [np.interp(targets, points, row) for row in np.eye(len(points))]
    return torch.tensor(np.stack(rows), dtype=torch.float32)


def bins_from_mel(sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    """Matrix [M, F] that reads bins off mel bands."""
    centres = mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(sample_rate / 2))), n_mels + 2)[1:-1])
    return interpolation(centres, np.linspace(0, sample_rate / 2, n_fft // 2 + 1))


def bins_from_aperiodicity(sample_rate: int, n_fft: int) -> Tensor:
    """Matrix [A, F] that reads bins off aperiodicity bands."""
    edges = np.minimum(np.array(EDGES_HZ), sample_rate / 2)
    return interpolation((edges[1:] + edges[:-1]) / 2, np.linspace(0, sample_rate / 2, n_fft // 2 + 1))
