"""Speakers that nobody recorded: features of one speaker, warped the same way in every utterance.

Shapes: S STFT frames, W values of a frame of features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from codec.training.lite.augmentation import Array, Augmenter, log_uniform, resample, stretch

TRACT = 0.84, 1.2  # smallest and largest factor on the frequencies of the envelope
PITCH_PER_TRACT = 2.3  # who has a longer vocal tract has a lower voice: a man's is 0.85 of a woman's, his pitch half
PITCH_NATS = 0.2  # standard deviation around that
INTONATION, TEMPO = (0.7, 1.35), (0.88, 1.14)  # factors
BREATH_NATS = 0.2  # standard deviation of what is added to the log noise share


@dataclass(frozen=True)
class Warp:
    """What makes another speaker of one."""

    tract: float
    pitch: float
    intonation: float
    tempo: float
    breath: float

    @classmethod
    def draw(cls, rng: Generator) -> "Warp":
        """A random one, in which pitch goes with the length of the vocal tract."""
        tract = log_uniform(rng, TRACT)
        pitch = float(np.exp(PITCH_PER_TRACT * np.log(tract) + rng.normal(0, PITCH_NATS)))
        ranges = log_uniform(rng, INTONATION), log_uniform(rng, TEMPO)
        return cls(tract, pitch, *ranges, float(rng.normal(0, BREATH_NATS)))

    def __call__(self, features: Array, augmenter: Augmenter) -> Array:
        """Features [S, W] as the other speaker would have said it, float32 [S', W]."""
        features = resample(features, max(2, round(len(features) / self.tempo)))
        envelope, noise, pitch, voicing = augmenter.split(features)
        envelope = stretch(envelope, augmenter.centres_hz, self.tract, augmenter.nyquist_hz)
        noise = stretch(noise, augmenter.band_centres_hz, self.tract, augmenter.nyquist_hz)
        voiced = voicing > 0.5
        mean = pitch[voiced].mean() if voiced.any() else pitch.mean()
        pitch = (pitch - mean) * self.intonation + mean + np.log(self.pitch)
        return augmenter.join(envelope, noise + self.breath, pitch, voicing)
