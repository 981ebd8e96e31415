"""The mel scale. No torch."""

import numpy as np


def hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1e-5) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel: np.ndarray) -> np.ndarray:
    """Inverse of hz_to_mel."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def mel_edges(sample_rate: int, n_mels: int) -> np.ndarray:
    """Where triangles of mel bands begin, peak and end, Hz [n_mels + 2]; each peaks where the one before it ends."""
    return mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(sample_rate / 2))), n_mels + 2))


def mel_centres(sample_rate: int, n_mels: int) -> np.ndarray:
    """Where mel bands peak, Hz [n_mels]."""
    return mel_edges(sample_rate, n_mels)[1:-1]


def mel_triangles(sample_rate: int, n_fft: int, n_mels: int) -> np.ndarray:
    """Filters [n_fft // 2 + 1, n_mels] float32 over 0 .. sample_rate / 2, peak 1 (no area normalisation)."""
    edges = mel_edges(sample_rate, n_mels)
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
