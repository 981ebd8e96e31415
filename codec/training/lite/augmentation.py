"""Features of speech changed into those of other speakers, rooms and microphones.

A source-filter codec describes apart what makes a speaker (pitch, vocal tract length, breath) and what a room and a
microphone do to it, so each can be changed in the features, without audio, at every step anew. Vocal tract length:
Jaitly and Hinton, ICML WDLASL 2013, with the piecewise linear warp of HTK.

Shapes: S STFT frames, W values of a frame of features, M mel bands, A aperiodicity bands. NumPy, one segment at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from codec.dsp.constants import EDGES_HZ, FLOOR, MAX_HZ, MIN_HZ, MIN_NOISE, NUM_BANDS
from codec.dsp.mel import hz_to_mel, mel_to_hz
from codec.lite.config import CodecConfig
from codec.lite.features import ENVELOPE_MEAN, ENVELOPE_SCALE, MEAN_LOG_F0, NOISE_MEAN
from codec.training.ranges import Finite, NotNegative, Positive, Share

Array = np.ndarray
NATS_PER_DB = np.log(10) / 20


@dataclass(frozen=True)
class Augmentation:
    """How often each change is made, and how far it goes; ranges are (smallest, largest).

    What changes speaker, room and microphone changes input and target alike. Noise is in the input alone.
    """

    tempo: tuple[Positive, Positive] = (0.8, 1.25)
    tempo_probability: Share = 0.5
    tract: tuple[Positive, Positive] = (0.8, 1.25)  # factor on the frequencies of the envelope
    tract_probability: Share = 0.8
    pitch: tuple[Positive, Positive] = (0.6, 1.6)  # factor on f0
    pitch_probability: Share = 0.8
    intonation: tuple[NotNegative, NotNegative] = (0.4, 1.6)  # factor on log f0 around its mean
    breath_nats: NotNegative = 0.3  # standard deviation of what is added to a segment's log noise share
    equaliser_nats: NotNegative = 0.5  # standard deviation of the slow waves over frequency that are added
    equaliser_probability: Share = 0.7
    gain_db: tuple[Finite, Finite] = (-20.0, 6.0)
    band_hz: tuple[Positive, ...] = (3600.0, 5500.0, 7000.0, 8000.0)  # upper limits of a microphone or a line
    band_probability: Share = 0.3
    reverberation_s: tuple[Positive, Positive] = (0.1, 0.6)  # time of decay by 60 dB
    direct_to_reverberant_db: tuple[Finite, Finite] = (-2.0, 11.0)
    reverberation_probability: Share = 0.15
    noise_db: tuple[Finite, Finite] = (5.0, 40.0)  # signal-to-noise ratio
    noise_probability: Share = 0.4
    babble_probability: Share = 0.3  # of noise being another voice

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
            if isinstance(value, list | tuple) and len(value) == 2 and value[0] > value[1]:
                raise ValueError(f"got {name}={list(value)}; expected the smallest, then the largest")


class Augmenter:
    """Changes segments of features of one codec."""

    def __init__(self, config: CodecConfig, settings: Augmentation):
        self.settings, self.n_mels, self.nyquist_hz = settings, config.n_mels, config.sample_rate / 2
        self.frame_s = config.stft_hop / config.sample_rate
        self.centres_hz = mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(self.nyquist_hz))), self.n_mels + 2)[1:-1])
        edges = np.minimum(np.array(EDGES_HZ), self.nyquist_hz)
        self.band_centres_hz = (edges[1:] + edges[:-1]) / 2
        # Which aperiodicity band a mel band belongs to: means over them, [M, A].
        index = np.searchsorted(EDGES_HZ[1:-1], self.centres_hz)
        self.members = np.eye(NUM_BANDS)[index]
        self.members = (self.members / self.members.sum(0)).astype(np.float32)

    def source_frames(self, count: int, rng: Generator) -> int:
        """Frames of speech that become `count` frames at a random tempo."""
        s = self.settings
        return round(count * log_uniform(rng, s.tempo)) if rng.random() < s.tempo_probability else count

    def __call__(
        self, features: Array, count: int, background: Callable[[], Array], rng: Generator
    ) -> tuple[Array, Array]:
        """Features [S', W] -> what the encoder hears and what the decoder is to say, float32 [count, W] each.

        Args:
            features: as many as `source_frames` asked for.
            count: S.
            background: gives a segment [count, W] of someone else, who talks in the background.
            rng: all draws come from it.
        """
        s = self.settings
        envelope, noise, pitch, voicing = self.split(resample(features, count))
        envelope, noise, pitch = self.speaker(envelope, noise, pitch, rng)
        if rng.random() < s.reverberation_probability:
            envelope, noise, voicing = self.reverberate(envelope, noise, voicing, rng)
        channel = self.channel(rng)
        gain = rng.uniform(*s.gain_db) * NATS_PER_DB
        target = self.join(envelope + channel + gain, noise, pitch, voicing)
        if rng.random() < s.noise_probability:
            envelope, noise, voicing = self.add_noise(envelope, noise, voicing, background, rng)
        return self.join(envelope + channel + gain, noise, pitch, voicing), target

    def split(self, features: Array) -> tuple[Array, Array, Array, Array]:
        """Features -> log envelope [S, M], log noise share [S, A], log f0 [S], voicing [S] in 0..1."""
        m = self.n_mels
        envelope = features[:, :m] * ENVELOPE_SCALE - ENVELOPE_MEAN
        noise = features[:, m : m + NUM_BANDS] - NOISE_MEAN
        return envelope, noise, features[:, -2] / 2 + MEAN_LOG_F0, (features[:, -1] + 1) / 2

    def join(self, envelope: Array, noise: Array, pitch: Array, voicing: Array) -> Array:
        """The inverse of split, within the bounds of the analysis."""
        envelope = np.maximum(envelope, np.log(FLOOR))
        parts = (
            (envelope + ENVELOPE_MEAN) / ENVELOPE_SCALE,
            np.clip(noise, MIN_NOISE, 0) + NOISE_MEAN,
            (np.clip(pitch, np.log(MIN_HZ), np.log(MAX_HZ))[:, None] - MEAN_LOG_F0) * 2,
            np.clip(voicing, 0, 1)[:, None] * 2 - 1,
        )
        return np.concatenate(parts, axis=1).astype(np.float32)

    def speaker(self, envelope: Array, noise: Array, pitch: Array, rng: Generator) -> tuple[Array, Array, Array]:
        """Another speaker: vocal tract length, pitch and its range, breath."""
        s = self.settings
        if rng.random() < s.tract_probability:
            factor = log_uniform(rng, s.tract)
            envelope = stretch(envelope, self.centres_hz, factor, self.nyquist_hz)
            noise = stretch(noise, self.band_centres_hz, factor, self.nyquist_hz)
        if rng.random() < s.pitch_probability:
            mean = pitch.mean()
            pitch = (pitch - mean) * rng.uniform(*s.intonation) + mean + np.log(log_uniform(rng, s.pitch))
        return envelope, noise + rng.normal(0, s.breath_nats), pitch

    def channel(self, rng: Generator) -> Array:
        """Log gain [M] of a microphone and a line: slow waves over frequency, and sometimes an upper limit."""
        s = self.settings
        gain = np.zeros(self.n_mels, np.float32)
        if rng.random() < s.equaliser_probability:
            gain += slow_curve(self.n_mels, s.equaliser_nats, rng)
        if rng.random() < s.band_probability:
            octaves = np.log2(self.centres_hz / (rng.choice(s.band_hz) * rng.uniform(0.95, 1.05)))
            gain -= np.maximum(octaves, 0).astype(np.float32) * rng.uniform(30, 120)
        return gain

    def reverberate(self, envelope: Array, noise: Array, voicing: Array, rng: Generator) -> tuple[Array, Array, Array]:
        """Every frame leaves a tail that decays; what overlaps is no longer periodic."""
        decay = 10 ** (-6 * self.frame_s / log_uniform(rng, self.settings.reverberation_s))
        # What a steady sound leaves of itself in the room, in power.
        level = (1 - decay) * 10 ** (-rng.uniform(*self.settings.direct_to_reverberant_db) / 10)
        power = np.exp(2 * envelope)
        tail, room = np.zeros_like(power), np.zeros_like(power[0])
        for i, frame in enumerate(power):
            tail[i] = room
            room = decay * room + level * frame
        return self.mix(envelope, noise, voicing, tail)

    def add_noise(
        self, envelope: Array, noise: Array, voicing: Array, background: Callable[[], Array], rng: Generator
    ) -> tuple[Array, Array, Array]:
        """Noise of a random colour, or someone else who talks."""
        power = np.exp(2 * envelope)
        level = np.log(np.quantile(power.sum(1), 0.8) + 1e-12) / 2 - rng.uniform(*self.settings.noise_db) * NATS_PER_DB
        if rng.random() < self.settings.babble_probability:
            added = self.split(background())[0]
        else:
            grain = rng.normal(0, 0.25, envelope.shape)
            added = slow_curve(self.n_mels, 0.8, rng) + grain
        added = np.exp(2 * added)
        return self.mix(envelope, noise, voicing, added * np.exp(2 * level) / (np.quantile(added.sum(1), 0.8) + 1e-12))

    def mix(self, envelope: Array, noise: Array, voicing: Array, added: Array) -> tuple[Array, Array, Array]:
        """Add power [S, M] that is not periodic: the envelope rises, and the share of noise in it."""
        power = np.exp(2 * envelope)
        share = power / (power + added)  # of the speech, [S, M]
        kept = share @ self.members  # [S, A]
        noise = np.log(np.maximum(np.exp(2 * noise) * kept + 1 - kept, 1e-6)) / 2
        low = slice(0, int(np.searchsorted(self.centres_hz, 1500.0)))
        heard = power[:, low].sum(1) / ((power + added)[:, low].sum(1) + 1e-12)
        return np.log(power + added) / 2, noise, voicing * heard


def log_uniform(rng: Generator, bounds: tuple[float, float]) -> float:
    """A factor, as likely to be large as to be small."""
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def resample(features: Array, count: int) -> Array:
    """Linear interpolation over time to `count` frames."""
    if len(features) == count:
        return features.astype(np.float32)
    position = np.linspace(0, len(features) - 1, count, dtype=np.float32)
    left = np.minimum(position.astype(int), max(len(features) - 2, 0))
    right = np.minimum(left + 1, len(features) - 1)
    share = (position - left)[:, None]
    return (features[left] * (1 - share) + features[right] * share).astype(np.float32)


def stretch(values: Array, centres_hz: Array, factor: float, nyquist_hz: float) -> Array:
    """Move values [S, n] at centres_hz [n] up the frequency axis by `factor`; the axis ends where it ended."""
    knee = 0.8 * nyquist_hz / max(factor, 1.0)
    slope = (nyquist_hz - knee) / (nyquist_hz - knee * factor)
    source = np.where(centres_hz < knee * factor, centres_hz / factor, knee + (centres_hz - knee * factor) * slope)
    place = np.interp(source, centres_hz, np.arange(len(centres_hz)))
    left = np.minimum(place.astype(int), len(centres_hz) - 2)
    share = (place - left).astype(np.float32)
    return values[:, left] * (1 - share) + values[:, left + 1] * share


def slow_curve(size: int, deviation: float, rng: Generator) -> Array:
    """A sum of four cosines over 0..1, of random weights that fall with their frequency, float32 [size]."""
    order = np.arange(1, 5)
    weights = rng.normal(0, deviation, 4) / order**0.5
    waves = np.cos(np.pi * order[:, None] * np.linspace(0, 1, size))
    return (weights @ waves).astype(np.float32)
