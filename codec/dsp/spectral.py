"""Short-time spectra: framing, STFT, mel filters. Pure functions on float32 tensors.

Shapes: B batch, N samples, J = N / hop analysis frames, F = n_fft // 2 + 1 bins, M mel bands.

Frame j is centred on the middle of hop j (sample j*hop + hop/2), so N samples give exactly N / hop frames and
a window of codec frames can be cut out of a longer signal without changing the grid.
"""

import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.dsp.mel import mel_triangles


def on_device(values: Sequence[float], device: torch.device) -> Tensor:
    """A few numbers, float32 [n], made where they are needed: to copy them to a GPU, the host would wait for it."""
    if device.type == "cpu":
        return torch.tensor(values)
    return torch.stack([torch.full((), value, device=device) for value in values])


@functools.lru_cache(maxsize=32)
@torch.inference_mode(False)  # what inference has cached, training must be able to use
def hann(n_fft: int, device: torch.device | None = None) -> Tensor:
    """Periodic Hann window [n_fft]."""
    return torch.hann_window(n_fft, device=device)


def frames(audio: Tensor, n_fft: int, hop: int) -> Tensor:
    """Cut audio [B, N] into zero-padded frames [B, N // hop, n_fft]."""
    pad = (n_fft - hop) // 2
    return F.pad(audio, (pad, n_fft - hop - pad)).unfold(-1, n_fft, hop)


def stft(audio: Tensor, n_fft: int, hop: int) -> Tensor:
    """Audio [B, N] -> complex spectrum [B, J, F], Hann window."""
    return torch.fft.rfft(frames(audio, n_fft, hop) * hann(n_fft, audio.device))


@functools.lru_cache(maxsize=32)
@torch.inference_mode(False)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int, device: torch.device | None = None) -> Tensor:
    """Triangular mel filters [F, M] over 0 .. sample_rate / 2, peak 1 (no area normalisation)."""
    return torch.tensor(mel_triangles(sample_rate, n_fft, n_mels)).to(device)


def log_mel(audio: Tensor, sample_rate: int, n_fft: int, hop: int, n_mels: int, floor: float = 1e-3) -> Tensor:
    """Natural-log mel magnitudes [B, J, M] of audio [B, N], floored at log(floor)."""
    magnitude = stft(audio, n_fft, hop).abs()
    return (magnitude @ mel_filters(sample_rate, n_fft, n_mels, audio.device)).clamp(min=floor).log()
