"""A discriminator of patches in time and frequency, cheap enough for a CPU.

Shapes: B batch, S frames, W values of a frame.

Source: the spectrogram discriminators of EnCodec (arXiv 2210.13438) and the low-frame-rate codec (arXiv 2409.12117),
here on features and envelopes, which are what a quantiser blurs, for a fraction of the cost.
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from codec.training.adversarial import DiscriminatorOutput


class PatchDiscriminator(nn.Module):
    """Scores patches of [B, S, W], taken as an image; a patch is 11 frames long."""

    def __init__(self, channels: int):
        super().__init__()
        widths = [1, channels, channels, 2 * channels, 2 * channels]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (3, 5), stride=(1, 2), padding=(1, 2)))
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.output = weight_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, image: Tensor) -> DiscriminatorOutput:
        """Returns scores [B, 1, S, W'] and the features of every layer [B, channels, S, W'']."""
        x, features = image[:, None], []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            features.append(x)
        return DiscriminatorOutput(self.output(x), features)
