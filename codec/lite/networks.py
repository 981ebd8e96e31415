"""The lite codec's two halves around the quantiser: features -> latents, quantised values -> features.

Shapes: B batch, T codec frames, S = T * stack STFT frames, D latent channels, W values of a frame of features. Inside
the networks everything is channels-last, [B, frames, width].

The quantiser codes features, and a vocoder turns them into sound (codec/lite/vocoder.py). Splitting the work there lets
both halves learn side by side: the vocoder need not wait for a good quantiser, nor the quantiser for a good vocoder.

Source: quantised mel features as in the spectral codec (arXiv 2406.05298).
"""

from torch import Tensor, nn

from codec.lite.config import CodecConfig
from codec.lite.convnext import Blocks, Past
from codec.lite.features import num_features


class FeatureEncoder(nn.Module):
    """Features [B, S, W] -> latents [B, D, T]."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        (fine, coarse), (slow_kernel, fast_kernel) = config.encoder_dims, config.kernel_sizes
        self.stack, latent = config.stack, config.num_codebooks * len(config.levels)
        self.input = nn.Linear(num_features(config), fine)
        self.fine = Blocks(config.encoder_blocks[0], fine, fast_kernel, config.expansion)
        self.down = nn.Linear(fine * config.stack, coarse)
        self.coarse = Blocks(config.encoder_blocks[1], coarse, slow_kernel, config.expansion)
        self.norm = nn.LayerNorm(coarse)
        self.output = nn.Linear(coarse, latent)
        nn.init.normal_(self.output.weight, std=0.01)
        # A linear path beside the network: training starts from the best linear code, not from nothing.
        self.linear = nn.Linear((num_features(config)) * config.stack, latent)

    def forward(self, features: Tensor, past: Past | None = None, last: bool = True) -> Tensor:
        """Features -> the latents that are certain; without a past, those of the whole utterance."""
        past = Past() if past is None else past
        x = self.fine(self.input(features), past, last)
        x = self.coarse(self.down(past.stack(self.down, x, self.stack)), past, last)  # [B, T, coarse]
        direct = self.linear(past.stack(self.input, features, self.stack))  # [B, T, D]
        return (self.output(self.norm(x)) + past.delay(self.linear, direct, x.shape[1])).transpose(1, 2)


class FeatureDecoder(nn.Module):
    """Quantised values [B, D, T] in [-1, 1] -> features [B, S, W]."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        (coarse, fine), (slow_kernel, fast_kernel) = config.decoder_dims, config.kernel_sizes
        self.stack, latent = config.stack, config.num_codebooks * len(config.levels)
        self.input = nn.Linear(latent, coarse)
        self.coarse = Blocks(config.decoder_blocks[0], coarse, slow_kernel, config.expansion)
        self.up = nn.Linear(coarse, fine * config.stack)
        self.fine = Blocks(config.decoder_blocks[1], fine, fast_kernel, config.expansion)
        self.norm = nn.LayerNorm(fine)
        self.output = nn.Linear(fine, num_features(config))
        nn.init.normal_(self.output.weight, std=0.01)
        self.linear = nn.Linear(latent, (num_features(config)) * config.stack)

    def forward(self, values: Tensor, past: Past | None = None, last: bool = True) -> Tensor:
        """Values -> the features that are certain; without a past, those of the whole utterance."""
        past = Past() if past is None else past
        values = values.transpose(1, 2)
        x = self.up(self.coarse(self.input(values), past, last))
        x = self.fine(x.unflatten(2, (self.stack, -1)).flatten(1, 2), past, last)  # [B, S, fine]
        direct = self.linear(values).unflatten(2, (self.stack, -1)).flatten(1, 2)  # [B, S, W]
        return self.output(self.norm(x)) + past.delay(self, direct, x.shape[1])
