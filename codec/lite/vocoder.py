"""The vocoder: features -> the filters of a source-filter model (codec/lite/source_filter.py).

Shapes: B batch, S STFT frames, F bins, D width, W values of a frame of features.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from codec.dsp.constants import NUM_BANDS
from codec.dsp.envelope import bins_from_aperiodicity, bins_from_mel, minimum_phase
from codec.lite.config import CodecConfig
from codec.lite.convnext import Blocks, Past
from codec.lite.features import ENVELOPE_MEAN, ENVELOPE_SCALE, NOISE_MEAN, features_to_f0, num_features
from codec.lite.sharpness import sharpness_of
from codec.precision import Constants

LOUDEST = 6.0  # nats, of an envelope
MOST_NOISE = -1e-3  # nats, of its share in the amplitude: some of it is always periodic


class Filters(NamedTuple):
    """What the vocoder says about each STFT frame."""

    f0: Tensor  # Hz, float64 [B, S]
    harmonic: Tensor  # natural log magnitude of the harmonic filter [B, S, F]
    phase: Tensor  # phase of the harmonic filter, radians [B, S, F]
    noise: Tensor  # natural log magnitude of the noise filter [B, S, F]


class Vocoder(Constants):
    """Features [B, S, W] -> filters: the envelope that features say, refined by a network, and its minimum phase."""

    from_mel: Tensor
    from_bands: Tensor
    sharpness: Tensor

    def __init__(self, config: CodecConfig):
        super().__init__()
        dim, self.n_mels, self.config = config.vocoder_dim, config.n_mels, config
        self.sample_rate, self.n_fft = config.sample_rate, config.n_fft
        self.input = nn.Linear(num_features(config), dim)
        self.blocks = Blocks(config.vocoder_blocks, dim, config.kernel_sizes[1], config.expansion)
        self.norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, config.n_fft // 2 + 1)
        nn.init.normal_(self.output.weight, std=1e-3)
        nn.init.zeros_(self.output.bias)
        self.register_constants()

    def constants(self) -> dict[str, Tensor]:
        """See Constants."""
        return {
            "from_mel": bins_from_mel(self.sample_rate, self.n_fft, self.n_mels),
            "from_bands": bins_from_aperiodicity(self.sample_rate, self.n_fft),
            "sharpness": torch.from_numpy(sharpness_of(self.config)),
        }

    def envelope(self, features: Tensor) -> Tensor:
        """Log amplitude density float32 [B, S, F] of a whole utterance."""
        return self.detailed(features, self.blocks(self.input(features)))

    def interpolated(self, features: Tensor) -> Tensor:
        """Log amplitude density float32 [B, S, F] that the bands of features [B, S, W] show."""
        with torch.autocast(features.device.type, enabled=False):
            return (features[..., : self.n_mels].float() * ENVELOPE_SCALE - ENVELOPE_MEAN) @ self.from_mel

    def detailed(self, features: Tensor, x: Tensor) -> Tensor:
        """The bands of the features interpolated, and the detail they do not show, from x [B, S, D]."""
        detail = self.output(self.norm(x)).float()
        return self.interpolated(features) + detail

    def sharpened(self, features: Tensor, past: Past, last: bool) -> Tensor:
        """Features that move as fast as those of the recording did; beyond both ends lie zeros."""
        x = past.window(self.input, features, 1, last)
        now = x[:, 1:-1]
        return now + self.sharpness * (2 * now - x[:, :-2] - x[:, 2:])

    def forward(self, features: Tensor, past: Past | None = None, last: bool = True) -> Filters:
        """Features -> the filters that are certain; without a past, those of the whole utterance."""
        past = Past() if past is None else past
        if self.config.vocoder_sharpness:
            features = self.sharpened(features, past, last)
        x = self.blocks(self.input(features), past, last)
        features = past.delay(self, features, x.shape[1])
        return self.filters(features, self.detailed(features, x))

    def filters(self, features: Tensor, envelope: Tensor) -> Filters:
        """Pitch and aperiodicity of features [B, S, W], and a log envelope [B, S, F], as filters."""
        envelope, f0 = envelope.clamp(max=LOUDEST), features_to_f0(features)
        noise = (features[..., self.n_mels : self.n_mels + NUM_BANDS] - NOISE_MEAN) @ self.from_bands
        noise = noise.clamp(max=MOST_NOISE)
        tonal = torch.log1p(-torch.exp(2 * noise)) / 2
        amplitude = torch.log(4 * f0 / self.sample_rate).float()[..., None] / 2  # of a harmonic, where the density is 1
        harmonic = envelope + tonal + amplitude
        return Filters(f0, harmonic, minimum_phase(harmonic, self.n_fft), envelope + noise)
