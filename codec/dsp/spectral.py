"""Short-time spectra: framing, STFT, mel filters. Pure functions on float32 tensors.

Shapes: B batch, N samples, J = N / hop analysis frames, F = n_fft // 2 + 1 bins, M mel bands.

Frame j is centred on the middle of hop j (sample j*hop + hop/2), so N samples give exactly N / hop frames and
a window of codec frames can be cut out of a longer signal without changing the grid.
"""

import functools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


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


def hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1e-5) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel: np.ndarray) -> np.ndarray:
    """Inverse of hz_to_mel."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


@functools.lru_cache(maxsize=32)
@torch.inference_mode(False)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int, device: torch.device | None = None) -> Tensor:
    """Triangular mel filters [F, M] over 0 .. sample_rate / 2, peak 1 (no area normalisation)."""
    edges = mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(sample_rate / 2))), n_mels + 2))
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.tensor(np.maximum(0, np.minimum(rising, falling)), dtype=torch.float32).to(device)


def log_mel(audio: Tensor, sample_rate: int, n_fft: int, hop: int, n_mels: int, floor: float = 1e-3) -> Tensor:
    """Natural-log mel magnitudes [B, J, M] of audio [B, N], floored at log(floor)."""
    magnitude = stft(audio, n_fft, hop).abs()
    return (magnitude @ mel_filters(sample_rate, n_fft, n_mels, audio.device)).clamp(min=floor).log()
