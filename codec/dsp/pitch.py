"""Fundamental frequency of speech: YIN candidates, a smooth path through them, its phase.

Shapes: B batch, N samples, J = N / hop frames, L lags.

Source: YIN (de Cheveigné and Kawahara, JASA 2002), equations 6-8; the path is a Viterbi search over lags as in
RAPT (Talkin 1995).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.dsp.spectral import frames

MIN_HZ, MAX_HZ = 60.0, 500.0
SEARCH_RATE = 11_025  # Hz, about
OCTAVES_PER_FRAME_COST = 4.0  # how much a pitch jump costs against a worse YIN score
NUM_CANDIDATES = 6


def decimate(audio: Tensor, factor: int) -> Tensor:
    """Every `factor`-th sample of audio [B, N], low-passed: [B, N // factor]."""
    if factor == 1:
        return audio
    taps = torch.arange(-4 * factor, 4 * factor + 1, device=audio.device)
    kernel = torch.sinc(taps / factor) * torch.hann_window(len(taps), periodic=False, device=audio.device) / factor
    return F.conv1d(audio[:, None], kernel[None, None], stride=factor, padding=4 * factor)[:, 0]


def yin(audio: Tensor, sample_rate: float, hop: int) -> tuple[Tensor, int]:
    """YIN's cumulative-mean-normalised difference [B, J, L] for lags from `first` on, and `first`.

    Values near 0 mean periodic at that lag, near 1 not periodic at all.
    """
    first, last = int(sample_rate / MAX_HZ), math.ceil(sample_rate / MIN_HZ)
    width = 3 * last  # the integration window holds two of the longest periods
    x = frames(audio, width, hop)
    head = x[..., : width - last]
    size = 1 << (width + last).bit_length()
    spectrum = torch.fft.rfft(x, n=size)
    correlation = torch.fft.irfft(spectrum * torch.fft.rfft(head, n=size).conj(), n=size)[..., : last + 1]
    energy = F.pad(x.double().square().cumsum(-1), (1, 0))
    shifted = energy[..., width - last :] - energy[..., : last + 1]  # energy of x[lag : lag + width - last]
    difference = (shifted[..., :1] + shifted).float() - 2 * correlation
    difference = difference.clamp(min=0)[..., 1:]  # lags 1..last
    lags = torch.arange(1, last + 1, device=audio.device)
    normalised = difference * lags / (difference.cumsum(-1) + 1e-6)
    # Silence has no period: a little constant keeps 0/0 near 1.
    power = shifted[..., :1].float()
    normalised = (normalised * power + 1e-3) / (power + 1e-3)
    return normalised[..., first - 1 :], first


def smooth_path(cost: Tensor, octave: Tensor) -> Tensor:
    """Cheapest path [B, J] through candidates: own cost plus a price on jumps. Both arguments [B, J, C]."""
    jumps = OCTAVES_PER_FRAME_COST * (octave[:, 1:, None, :] - octave[:, :-1, :, None]).abs()  # [B, J-1, from, to]
    total, steps = cost[:, 0], []
    for j in range(jumps.shape[1]):
        best, origin = (total[:, :, None] + jumps[:, j]).min(dim=1)
        total = best + cost[:, j + 1]
        steps.append(origin)
    index = total.argmin(dim=1)
    path = [index]
    for origin in reversed(steps):
        index = origin.gather(1, index[:, None])[:, 0]
        path.append(index)
    return torch.stack(path[::-1], dim=1)


@torch.no_grad()
def track_pitch(audio: Tensor, sample_rate: int, hop: int) -> tuple[Tensor, Tensor]:
    """Estimate pitch.

    Args:
        audio: float32 [B, N], N a multiple of hop.

    Returns:
        f0 float32 [B, J] in Hz (60-500, defined everywhere: unvoiced frames carry a smooth guess), and
        voicing float32 [B, J] in [0, 1], 1 = periodic.
    """
    # Speech has its periodicity below 5 kHz; at half the rate the search costs less than half.
    factor = max(1, round(sample_rate / SEARCH_RATE))
    while hop % factor:
        factor -= 1
    rate, hop = sample_rate / factor, hop // factor
    score, first = yin(decimate(audio, factor), rate, hop)
    lowest = -F.max_pool1d(-score.flatten(0, 1)[:, None], 3, 1, 1)[:, 0].unflatten(0, score.shape[:2])
    local = torch.where(score <= lowest, score, score + 2)  # only local minima are worth being candidates
    octaves = torch.log2(torch.arange(first, first + score.shape[-1], device=audio.device) / first)
    local = local + 0.12 * octaves  # of equal candidates prefer the shortest period
    cost, index = local.topk(NUM_CANDIDATES, dim=-1, largest=False)
    path = smooth_path(cost, octaves[index])
    lag = index.gather(2, path[..., None])  # [B, J, 1]
    inner = lag.clamp(1, score.shape[-1] - 2)
    left, middle, right = (score.gather(2, inner + i) for i in (-1, 0, 1))
    bend = (left + right - 2 * middle).clamp(min=1e-6)
    refined = (inner + (0.5 * (left - right) / bend).clamp(-1, 1))[..., 0] + first
    voicing = (1 - middle[..., 0]).clamp(0, 1)
    return fill_unvoiced(rate / refined, voicing), voicing


def fill_unvoiced(f0: Tensor, voicing: Tensor, reach: int = 40) -> Tensor:
    """Replace f0 [B, J] where it is unvoiced by the voicing-weighted mean of its neighbours within `reach` frames."""
    weight = voicing**4 + 1e-6
    kernel = torch.exp(-torch.arange(-reach, reach + 1, device=f0.device).abs() / (reach / 8))[None, None]
    log_f0 = f0.log()
    total, norm = (F.conv1d(part[:, None], kernel, padding=reach)[:, 0] for part in (log_f0 * weight, weight))
    trust = ((voicing - 0.3) / 0.4).clamp(0, 1)
    return (trust * log_f0 + (1 - trust) * total / norm).exp()


def upsample(values: Tensor, hop: int) -> Tensor:
    """Linear interpolation [B, J] -> [B, J * hop] through the frame centres, flat beyond the outermost."""
    return F.interpolate(values[:, None], scale_factor=float(hop), mode="linear", align_corners=False)[:, 0]


def phase_from_samples(f0: Tensor, sample_rate: int, start: Tensor | float = 0.0) -> Tensor:
    """Integrate f0 [B, N] (Hz per sample) to the phase [B, N] in radians, float64; `start` is that before."""
    return 2 * math.pi / sample_rate * f0.double().cumsum(-1) + start


def phase_from_f0(f0: Tensor, sample_rate: int, hop: int) -> Tensor:
    """Integrate f0 [B, J] (Hz per frame) to the phase [B, J * hop] in radians, float64."""
    return phase_from_samples(upsample(f0.double(), hop), sample_rate)
