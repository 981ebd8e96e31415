"""How close decoded audio is to its original, and how well codes are used. Pure functions, no files.

Shapes: B batch, N samples, K codebooks, T frames.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.dsp.spectral import mel_filters, stft

N_FFTS = (512, 1024, 2048)  # samples, windows over which spectral distances are averaged


def check(estimate: Tensor, target: Tensor) -> None:
    """Both must be audio [B, N] of the same shape."""
    if estimate.shape != target.shape or target.dim() != 2:
        raise ValueError(f"got {tuple(estimate.shape)} and {tuple(target.shape)}; expected two equal shapes [B, N]")


def mel_distance(estimate: Tensor, target: Tensor, sample_rate: int, n_ffts: Sequence[int] = N_FFTS) -> float:
    """Mean absolute difference of natural-log mel magnitudes, nats; audio float32 [B, N] each. 0 = equal.

    80 bands at a window of 1024 samples and in proportion at others; magnitudes below 1e-3 count as 1e-3.
    """
    check(estimate, target)
    distances = []
    for n_fft in n_ffts:
        filters = mel_filters(sample_rate, n_fft, n_fft * 80 // 1024, target.device)
        a, b = ((stft(x, n_fft, n_fft // 4).abs() @ filters).clamp(min=1e-3).log() for x in (estimate, target))
        distances.append((a - b).abs().mean())
    return float(torch.stack(distances).mean())


def stft_distance(estimate: Tensor, target: Tensor, n_ffts: Sequence[int] = N_FFTS) -> float:
    """Mean absolute difference of natural-log magnitudes of every bin, nats; magnitudes below 1e-2 count as 1e-2."""
    check(estimate, target)
    distances = []
    for n_fft in n_ffts:
        a, b = (stft(x, n_fft, n_fft // 4).abs().clamp(min=1e-2).log() for x in (estimate, target))
        distances.append((a - b).abs().mean())
    return float(torch.stack(distances).mean())


def si_sdr(estimate: Tensor, target: Tensor) -> float:
    """Scale-invariant signal-to-distortion ratio, dB, mean over the batch (Le Roux et al., arXiv 1811.02508).

    Compares waveforms: a vocoder whose pulses have a phase of their own scores low and may still sound the same.
    """
    check(estimate, target)
    estimate, target = (x - x.mean(-1, keepdim=True) for x in (estimate.double(), target.double()))
    scale = (estimate * target).sum(-1, keepdim=True) / target.square().sum(-1, keepdim=True).clamp(min=1e-12)
    signal, noise = (scale * target).square().sum(-1), (estimate - scale * target).square().sum(-1)
    return float((10 * torch.log10(signal.clamp(min=1e-12) / noise.clamp(min=1e-12))).mean())


class Comparison:
    """`mel_distance`, `stft_distance` and `si_sdr` of one recording that comes in blocks; of one block, the same."""

    def __init__(self, sample_rate: int):
        self.sample_rate, self.samples = sample_rate, 0
        self.distances = torch.zeros(2, dtype=torch.float64)  # sums over samples, nats
        self.sums = torch.zeros(2, dtype=torch.float64)  # of estimate and target
        self.products = torch.zeros(2, 2, dtype=torch.float64)  # sums of theirs with each other

    def add(self, estimate: Tensor, target: Tensor) -> None:
        """The next block of both, float32 [1, n] each."""
        check(estimate, target)
        count = target.shape[1]
        one, other = (F.pad(x, (0, -count % max(N_FFTS))) for x in (estimate, target))
        distances = mel_distance(one, other, self.sample_rate), stft_distance(one, other)
        self.distances += count * torch.tensor(distances, dtype=torch.float64)
        both = torch.cat([estimate, target]).double()
        self.sums += both.sum(1)
        self.products += both @ both.T
        self.samples += count

    def result(self) -> tuple[float, float, float]:
        """Mel and STFT distance in nats: means over blocks, as long as each is; SI-SDR in dB."""
        mel, magnitude = (self.distances / self.samples).tolist()
        covariance = self.products - self.sums.outer(self.sums) / self.samples
        signal = covariance[0, 1] ** 2 / covariance[1, 1].clamp(min=1e-12)
        noise = covariance[0, 0] - signal
        return mel, magnitude, float(10 * torch.log10(signal.clamp(min=1e-12) / noise.clamp(min=1e-12)))


class CodebookUse(NamedTuple):
    """Of one codebook."""

    used: int  # codes that occur
    perplexity: float  # exp of the entropy: how many equally likely codes would carry as much
    bits: float  # entropy, bits per frame


def codebook_use(codes: Tensor, codebook_size: int) -> list[CodebookUse]:
    """Use of each codebook in codes int64 [B, K, T], over all frames."""
    uses = []
    for book in codes.transpose(0, 1).flatten(1):
        counts = torch.bincount(book, minlength=codebook_size).double()
        share = counts[counts > 0] / counts.sum()
        entropy = float(-(share * share.log()).sum())
        uses.append(CodebookUse(len(share), math.exp(entropy), entropy / math.log(2)))
    return uses
