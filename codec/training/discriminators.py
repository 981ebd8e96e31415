"""Discriminators of features and of complex spectra, cheap enough for a CPU.

Shapes: B batch, N samples, S and J frames, M mel bands, F bins.

Source: multi-scale complex STFT discriminators of EnCodec (arXiv 2210.13438) and the low-frame-rate codec
(arXiv 2409.12117), here with fewer channels and strides of 2 along frequency in every layer.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from codec.spectral import stft


class SpectrumDiscriminator(nn.Module):
    """Judge audio [B, N] by its complex spectrum at one window length."""

    def __init__(self, n_fft: int, channels: int):
        super().__init__()
        self.n_fft = n_fft
        dilations = (1, 1, 2, 4)
        self.layers = nn.ModuleList(
            weight_norm(
                nn.Conv2d(
                    2 if index == 0 else channels,
                    channels,
                    (3, 7 if index == 0 else 5),
                    stride=(1, 2),
                    dilation=(dilation, 1),
                    padding=(dilation, 3 if index == 0 else 2),
                )
            )
            for index, dilation in enumerate(dilations)
        )
        self.output = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Returns scores [B, 1, J, F'] (1 = real) and the features of every layer."""
        spectrum = stft(audio, self.n_fft, self.n_fft // 4)
        # Compressed magnitude: quiet detail is what separates natural from synthetic, and must be seen.
        scale = (spectrum.abs() + 1e-4) ** -0.5
        x = torch.stack([spectrum.real * scale, spectrum.imag * scale], dim=1)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            features.append(x)
        return self.output(x), features


class FeatureDiscriminator(nn.Module):
    """Judge features [B, S, W] as a picture: what a quantiser blurs is seen here for a fraction of the cost."""

    def __init__(self, channels: int):
        super().__init__()
        widths = [1, channels, channels, 2 * channels, 2 * channels]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (3, 5), stride=(1, 2), padding=(1, 2)))
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.output = weight_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Returns scores [B, 1, S, M'] (1 = real) and the features of every layer."""
        x, maps = features[:, None], []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            maps.append(x)
        return self.output(x), maps


class Discriminators(nn.Module):
    """Several discriminators of the same signal."""

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, signal: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Scores and features of every member."""
        return [member(signal) for member in self.members]
