"""Pulses that keep time with a recording, so that training can compare waveforms.

Shapes: B batch, N samples, S frames.

Codes do not say where in time a glottal pulse falls, and no listener minds; but a vocoder with pulses of its own phase
can only be compared with a recording by magnitudes, where every small error of pitch passes for noise. With pulses
locked to the recording's fundamental, what is periodic in it is predictable, and what is left is noise.
"""

import math

import torch
from torch import Tensor

from codec.pitch import phase_from_samples, upsample
from codec.source import SourceFilter
from codec.spectral import frames, hann

WINDOW = 512  # samples over which the fundamental is heard


def locked_phase(audio: Tensor, f0: Tensor, sample_rate: int) -> Tensor:
    """Phase of the fundamental of audio [B, N] with f0 [B, S]: float64 [B, N] in radians.

    The audio is turned back by the phase that f0 predicts; the slow rotation that remains is what f0 got wrong.
    """
    hop = audio.shape[1] // f0.shape[1]
    predicted = phase_from_samples(upsample(f0.double(), hop), sample_rate)
    turned = [frames(audio * wave(predicted).float(), WINDOW, hop) for wave in (torch.cos, torch.sin)]
    real, imaginary = (part @ hann(WINDOW, audio.device) for part in turned)
    error = torch.atan2(-imaginary, real).double()
    change = torch.remainder(error.diff(dim=1, prepend=torch.zeros_like(error[:, :1])) + math.pi, 2 * math.pi) - math.pi
    return predicted + upsample(change.cumsum(1), hop)


def pulse_phase(fundamental: Tensor, f0: Tensor, filter_phase: Tensor, source: SourceFilter) -> Tensor:
    """Phase of the pulses which, filtered, have a fundamental of that phase; float64 [B, N] in radians.

    filter_phase: of the harmonic filter, [B, S, F], with f0 [B, S] in Hz.
    """
    position = f0 * source.n_fft / source.sample_rate
    below = position.long()[..., None]
    low, high = (filter_phase.gather(-1, below + i)[..., 0] for i in (0, 1))
    shift = low + (position - below[..., 0]) * (high - low)
    return fundamental - math.pi - upsample(shift.double(), source.hop)
