"""A frame of features, which is what the lite codec codes: analysis of audio, and pitch read back.

Shapes: B batch, N samples, S STFT frames, F bins, W values of a frame.

A frame is the spectral envelope in M mel bands, aperiodicity in A bands, log f0 and voicing: W values, scaled to be of
order 1.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.dsp.blocks import regroup, windows
from codec.dsp.constants import MAX_HZ, MIN_HZ, NUM_BANDS, shape_margin
from codec.dsp.envelope import aperiodicity, log_envelope, to_bands
from codec.dsp.highpass import highpass_in_blocks
from codec.dsp.pitch import pitch_in_blocks, pitch_together
from codec.lite.config import CodecConfig
from codec.precision import exactly

MEAN_LOG_F0 = math.log(180.0)  # between a low and a high voice, Hz
ENVELOPE_MEAN, ENVELOPE_SCALE = 6.0, 2.5  # nats, of log amplitude density
NOISE_MEAN = 1.0  # nats
BLOCK_S = 20.0  # seconds of audio that are analysed and encoded at once


def num_features(config: CodecConfig) -> int:
    """W, values of one frame of features."""
    return config.n_mels + NUM_BANDS + 2


def block_size(config: CodecConfig) -> int:
    """Samples that are analysed at once, about BLOCK_S, whole codec frames."""
    return round(BLOCK_S * config.frame_rate) * config.hop_length


def audio_blocks(pieces: Iterable[Tensor], config: CodecConfig) -> Iterator[Tensor]:
    """Audio float32 [B, n] in pieces of any length -> blocks [B, J, hop] of what is analysed.

    Slow offsets are gone if the configuration says so; the last codec frame is filled up with zeros.
    """
    blocks = regroup(pieces, block_size(config))
    if config.highpass_hz:
        blocks = highpass_in_blocks(blocks, config.sample_rate, config.highpass_hz, config.stft_hop)
    for block in blocks:
        yield F.pad(block, (0, -block.shape[1] % config.hop_length)).unflatten(1, (-1, config.stft_hop))


def analyse_in_blocks(pieces: Iterable[Tensor], config: CodecConfig) -> Iterator[tuple[Tensor, Tensor]]:
    """`analyse` of audio in pieces [B, n] of any length; features and envelope come in blocks that do not depend on it.

    What is kept does not grow: a few blocks of audio, and of pitch what PathSearch keeps waiting.
    """
    rate, hop = config.sample_rate, config.stft_hop
    for_pitch, for_shape = itertools.tee(audio_blocks(pieces, config))
    pitch = pitch_in_blocks(for_pitch, rate, hop, block_size(config) // hop)
    reach = shape_margin(rate, config.n_fft, hop)
    for window, parts in zip(windows(for_shape, reach), pitch, strict=True):
        # Frames beside the block only lend it their audio; any pitch will do.
        f0, voicing = (F.pad(part, (window.before, window.after), mode="replicate") for part in parts)
        features, envelope = analyse_frames(window.values.flatten(1), f0, voicing, config)
        yield window.inner(features), window.inner(envelope)


def analyse_frames(audio: Tensor, f0: Tensor, voicing: Tensor, config: CodecConfig) -> tuple[Tensor, Tensor]:
    """`analyse` of audio [B, N] whose pitch is known: f0 in Hz and voicing [B, S]."""
    rate, n_fft, hop = config.sample_rate, config.n_fft, config.stft_hop
    envelope = log_envelope(audio, f0, rate, n_fft, hop)
    bands = to_bands(envelope, rate, n_fft, config.n_mels)
    noise, f0 = aperiodicity(audio, f0, voicing, envelope, rate, hop)
    pitch = torch.stack([(f0.log() - MEAN_LOG_F0) * 2, voicing * 2 - 1], dim=-1)
    features = torch.cat([(bands + ENVELOPE_MEAN) / ENVELOPE_SCALE, noise + NOISE_MEAN, pitch], dim=-1)
    return features, envelope


def analyse(audio: Tensor, config: CodecConfig) -> tuple[Tensor, Tensor]:
    """Audio float32 [B, N] -> features [B, S, W] of order 1, log envelope [B, S, F]; S of whole codec frames."""
    features, envelopes = zip(*analyse_in_blocks([audio], config), strict=True)
    return torch.cat(features, dim=1), torch.cat(envelopes, dim=1)


@exactly
def extract_features(audio: Tensor, config: CodecConfig) -> Tensor:
    """Audio float32 [B, N] -> features [B, S, W]; S of whole codec frames."""
    return torch.cat([features for features, _ in analyse_in_blocks([audio], config)], dim=1)


@exactly
def extract_together(recordings: Sequence[Tensor], config: CodecConfig) -> list[Tensor]:
    """`extract_features` of several recordings, each float32 [1, N] of any N, exactly as of each alone.

    Those of one block look for their pitch together, which is quicker; everything else is done one by one.
    """
    rate, hop = config.sample_rate, config.stft_hop
    blocks = [
        list(audio_blocks([audio], config)) if audio.shape[1] <= block_size(config) else [] for audio in recordings
    ]
    signals = [found[0].flatten(1) for found in blocks if found]
    pitches = iter(pitch_together(signals, rate, hop) if signals else [])
    return [
        analyse_frames(found[0].flatten(1), *next(pitches), config)[0] if found else extract_features(audio, config)
        for audio, found in zip(recordings, blocks, strict=True)
    ]


def features_to_f0(features: Tensor) -> Tensor:
    """The f0 float64 [B, S] in Hz that features [B, S, W] stand for; a phase sums up its rounding errors."""
    log_f0 = features[..., -2].double() / 2 + MEAN_LOG_F0
    return log_f0.clamp(math.log(MIN_HZ), math.log(MAX_HZ)).exp()
