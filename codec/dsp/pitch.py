"""Fundamental frequency of speech: YIN candidates, a smooth path through them, its phase.

Shapes: B batch, N samples, J = N / hop frames, L lags.

Source: YIN (de Cheveigné and Kawahara, JASA 2002), equations 6-8; the path is a Viterbi search over lags as in
RAPT (Talkin 1995).
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.dsp.blocks import regroup, windows
from codec.dsp.constants import (
    COST_PER_OCTAVE,
    FILL_DECAY,
    FILL_REACH,
    INTEGRATED_PERIODS,
    MAX_HZ,
    MIN_HZ,
    NO_MINIMUM_COST,
    NUM_CANDIDATES,
    SILENT_POWER,
    TRUSTED_VOICING,
    decimation,
    pitch_margin,
)
from codec.dsp.path import PathSearch, cheapest_paths
from codec.dsp.spectral import frames


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
    width = INTEGRATED_PERIODS * last  # the integration window holds all but one of them
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
    power = shifted[..., :1].float()
    normalised = (normalised * power + SILENT_POWER) / (power + SILENT_POWER)
    return normalised[..., first - 1 :], first


def candidates(audio: Tensor, sample_rate: int, hop: int) -> tuple[Tensor, Tensor, Tensor]:
    """What may be the pitch of each frame of audio [B, N].

    Returns:
        cost [B, J, C], octave [B, J, C] above some pitch, and f0 in Hz with voicing in [0, 1], [B, J, C, 2].
    """
    factor = decimation(sample_rate, hop)
    rate = sample_rate / factor
    score, first = yin(decimate(audio, factor), rate, hop // factor)
    lowest = -F.max_pool1d(-score.flatten(0, 1)[:, None], 3, 1, 1)[:, 0].unflatten(0, score.shape[:2])
    local = torch.where(score <= lowest, score, score + NO_MINIMUM_COST)  # only local minima are worth being candidates
    octaves = torch.log2(torch.arange(first, first + score.shape[-1], device=audio.device) / first)
    local = local + COST_PER_OCTAVE * octaves
    cost, lag = local.topk(NUM_CANDIDATES, dim=-1, largest=False)
    inner = lag.clamp(1, score.shape[-1] - 2)
    left, middle, right = (score.gather(2, inner + i) for i in (-1, 0, 1))
    bend = (left + right - 2 * middle).clamp(min=1e-6)
    refined = inner + (0.5 * (left - right) / bend).clamp(-1, 1) + first
    return cost, octaves[lag], torch.stack([rate / refined, (1 - middle).clamp(0, 1)], dim=-1)


def smooth_pitch(blocks: Iterable[Tensor], sample_rate: int, hop: int) -> Iterator[Tensor]:
    """f0 in Hz and voicing [B, n, 2] of the frames that the smooth path has reached; blocks as of pitch_in_blocks."""
    search, waiting = PathSearch(), None
    for window in windows(blocks, pitch_margin(sample_rate, hop)):
        cost, octave, new = map(window.inner, candidates(window.values.flatten(1), sample_rate, hop))
        path = search.push(cost, octave, window.last)[..., None, None]
        waiting = new if waiting is None else torch.cat([waiting, new], dim=1)
        yield waiting[:, : path.shape[1]].gather(2, path.expand(-1, -1, -1, 2))[:, :, 0]
        waiting = waiting[:, path.shape[1] :]


@torch.no_grad()
def pitch_in_blocks(blocks: Iterable[Tensor], sample_rate: int, hop: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """track_pitch of audio in blocks: f0 and voicing of each, a few blocks later.

    Args:
        blocks: float32 [B, size, hop], the last one with as many frames as there are.
        sample_rate: Hz.
        hop: samples of a frame.
        size: frames of a block, at least 40.
    """
    for window in windows(regroup(smooth_pitch(blocks, sample_rate, hop), size), FILL_REACH):
        f0, voicing = (part.contiguous() for part in window.values.unbind(-1))
        yield window.inner(fill_unvoiced(f0, voicing)), window.inner(voicing)


@torch.no_grad()
def pitch_together(signals: Sequence[Tensor], sample_rate: int, hop: int) -> list[tuple[Tensor, Tensor]]:
    """track_pitch of several signals, each float32 [1, N] of any N, exactly as of each alone; they share the search."""
    found = [candidates(signal, sample_rate, hop) for signal in signals]
    paths = cheapest_paths([cost[0] for cost, _, _ in found], [octave[0] for _, octave, _ in found])
    pitches = []
    for (_, _, values), path in zip(found, paths, strict=True):
        chosen = values.gather(2, path[None, :, None, None].expand(-1, -1, -1, 2))[:, :, 0]
        f0, voicing = (part.contiguous() for part in chosen.unbind(-1))
        pitches.append((fill_unvoiced(f0, voicing), voicing))
    return pitches


def track_pitch(audio: Tensor, sample_rate: int, hop: int) -> tuple[Tensor, Tensor]:
    """Estimate pitch.

    Args:
        audio: float32 [B, N], N a multiple of hop.
        sample_rate: Hz.
        hop: samples of a frame.

    Returns:
        f0 float32 [B, J] in Hz (60-500, defined everywhere: unvoiced frames carry a smooth guess), and
        voicing float32 [B, J] in [0, 1], 1 = periodic.
    """
    block = audio.unflatten(1, (-1, hop))
    (pitch,) = pitch_in_blocks([block], sample_rate, hop, block.shape[1])
    return pitch


def fill_unvoiced(f0: Tensor, voicing: Tensor) -> Tensor:
    """Replace f0 [B, J] where it is unvoiced by the voicing-weighted mean of its neighbours within FILL_REACH."""
    reach = FILL_REACH
    weight = voicing**4 + 1e-6
    kernel = torch.exp(-torch.arange(-reach, reach + 1, device=f0.device).abs() / FILL_DECAY)[None, None]
    log_f0 = f0.log()
    total, norm = (F.conv1d(part[:, None], kernel, padding=reach)[:, 0] for part in (log_f0 * weight, weight))
    low, high = TRUSTED_VOICING
    trust = ((voicing - low) / (high - low)).clamp(0, 1)
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
