"""A frame of features, which is what the lite codec codes: analysis of audio, and pitch read back.

Shapes: B batch, N samples, S STFT frames, F bins, W values of a frame.

A frame is the spectral envelope in M mel bands, aperiodicity in A bands, log f0 and voicing: W values, scaled to be of
order 1.
"""

import math

import torch
from torch import Tensor

from codec.dsp.envelope import NUM_BANDS, aperiodicity, log_envelope, to_bands
from codec.dsp.pitch import MAX_HZ, MIN_HZ, track_pitch
from codec.lite.config import CodecConfig

MEAN_LOG_F0 = math.log(180.0)  # between a low and a high voice, Hz
ENVELOPE_MEAN, ENVELOPE_SCALE = 6.0, 2.5  # nats, of log amplitude density
NOISE_MEAN = 1.0  # nats


def num_features(config: CodecConfig) -> int:
    """W, values of one frame of features."""
    return config.n_mels + NUM_BANDS + 2


def analyse(audio: Tensor, config: CodecConfig) -> tuple[Tensor, Tensor]:
    """Audio float32 [B, N], N a multiple of the hop -> features [B, S, W] of order 1, log envelope [B, S, F]."""
    rate, n_fft, hop = config.sample_rate, config.n_fft, config.stft_hop
    f0, voicing = track_pitch(audio, rate, hop)
    envelope = log_envelope(audio, f0, rate, n_fft, hop)
    bands = to_bands(envelope, rate, n_fft, config.n_mels)
    noise, f0 = aperiodicity(audio, f0, voicing, envelope, rate, hop)
    pitch = torch.stack([(f0.log() - MEAN_LOG_F0) * 2, voicing * 2 - 1], dim=-1)
    features = torch.cat([(bands + ENVELOPE_MEAN) / ENVELOPE_SCALE, noise + NOISE_MEAN, pitch], dim=-1)
    return features, envelope


def extract_features(audio: Tensor, config: CodecConfig) -> Tensor:
    """Audio float32 [B, N], N a multiple of the hop -> features [B, S, W]."""
    return analyse(audio, config)[0]


def features_to_f0(features: Tensor) -> Tensor:
    """The f0 float64 [B, S] in Hz that features [B, S, W] stand for; a phase sums up its rounding errors."""
    log_f0 = features[..., -2].double() / 2 + MEAN_LOG_F0
    return log_f0.clamp(math.log(MIN_HZ), math.log(MAX_HZ)).exp()
