"""Discriminators of waveforms: by periods, by complex spectra, and by what a speech model hears.

Shapes: B batch, N samples, J frames, F bins, C channels, S steps of the speech model. Every discriminator takes audio
[B, N] and gives its scores (1 = real) and the features of its layers.

Source: periods from HiFi-GAN (arXiv 2010.05646), complex spectra from EnCodec (arXiv 2210.13438), the speech model
from StyleTTS 2 (arXiv 2306.07691), put together for the low-frame-rate codec (arXiv 2409.12117). Parameters: 41.1 M,
0.47 M, and 1.2 M beside the frozen speech model.
"""

from collections.abc import Callable, Sequence
from math import ceil, gcd, pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from codec.training.adversarial import DiscriminatorOutput

SLOPE = 0.1  # of LeakyReLU below zero


def conv2d(
    inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1), dilation: int = 1
) -> nn.Module:
    """Weight-normalised convolution with reflected ends; only the first axis is dilated."""
    padding = (kernel[0] - 1) * dilation // 2, (kernel[1] - 1) // 2
    return weight_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding, (dilation, 1), padding_mode="reflect"))


def run_layers(layers: nn.ModuleList, output: nn.Module, x: Tensor) -> DiscriminatorOutput:
    """Run a stack; the scores count among the features."""
    features = []
    for layer in layers:
        x = F.leaky_relu(layer(x), SLOPE)
        features.append(x)
    scores = output(x)
    return DiscriminatorOutput(scores, [*features, scores])


class PeriodDiscriminator(nn.Module):
    """Every `period`-th sample becomes a column: an image [N / period, period], with convolutions along columns."""

    def __init__(self, period: int, channels: Sequence[int] = (32, 128, 512, 1024, 1024)):
        super().__init__()
        self.period = period
        widths = [1, *channels]
        self.layers = nn.ModuleList(
            conv2d(a, b, (5, 1), (1, 1) if index == len(channels) - 1 else (3, 1))
            for index, (a, b) in enumerate(zip(widths, channels, strict=False))
        )
        self.output = conv2d(channels[-1], 1, (3, 1))

    def forward(self, audio: Tensor) -> DiscriminatorOutput:
        """Audio [B, N] -> scores [B, 1, N', period] and features."""
        x = F.pad(audio[:, None], (0, -audio.shape[1] % self.period), mode="reflect")
        return run_layers(self.layers, self.output, x.unflatten(2, (-1, self.period)))


class ComplexSpectrumDiscriminator(nn.Module):
    """Convolutions over frames and bins of a complex spectrum, at one window length."""

    def __init__(self, n_fft: int, channels: int = 32):
        super().__init__()
        self.n_fft = n_fft
        self.layers = nn.ModuleList(
            [
                conv2d(2, channels, (3, 9)),
                *(conv2d(channels, channels, (3, 9), (1, 2), dilation) for dilation in (1, 2, 4)),
                conv2d(channels, channels, (3, 3)),
            ]
        )
        self.output = conv2d(channels, 1, (3, 3))

    def forward(self, audio: Tensor) -> DiscriminatorOutput:
        """Audio [B, N] -> scores [B, 1, J, F / 8] and features."""
        window = torch.hann_window(self.n_fft, periodic=False, device=audio.device)
        spectrum = torch.stft(
            audio.float(), self.n_fft, self.n_fft // 4, self.n_fft, window, normalized=True, return_complex=True
        )
        x = torch.view_as_real(spectrum).permute(0, 3, 2, 1).to(audio.dtype)  # [B, 2, J, F]
        return run_layers(self.layers, self.output, x)


class SpeechModelDiscriminator(nn.Module):
    """Scores speech by all hidden states of a frozen speech model.

    Args:
        model: takes audio [B, N] at `model_rate` Hz, gives its hidden states, each [B, S, C]; never trained, and not
            among this module's weights.
        states: how many hidden states it gives.
        dim: C.
        sample_rate: Hz, of the audio to score.
        model_rate: Hz.
        channels: of the first layer of the head.
    """

    def __init__(
        self,
        model: Callable[[Tensor], Sequence[Tensor]],
        states: int,
        dim: int,
        sample_rate: int,
        model_rate: int = 16_000,
        channels: int = 64,
    ):
        super().__init__()
        self.frozen = [model]  # in a list, so that neither optimiser nor checkpoint sees it
        self.register_buffer("filters", resampling_filters(sample_rate, model_rate), persistent=False)
        self.rates = sample_rate // gcd(sample_rate, model_rate), model_rate // gcd(sample_rate, model_rate)
        self.input = weight_norm(nn.Conv1d(states * dim, channels, 1))
        widths = (channels, 2 * channels, 4 * channels, 4 * channels)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv1d(a, b, 5, padding=2)) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.output = weight_norm(nn.Conv1d(widths[-1], 1, 3, padding=1))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "SpeechModelDiscriminator":
        if isinstance(self.frozen[0], nn.Module):  # moves along to another device
            self.frozen[0]._apply(fn)
        return super()._apply(fn, recurse)

    def forward(self, audio: Tensor) -> DiscriminatorOutput:
        """Audio [B, N] -> scores [B, 1, S] and features."""
        states = self.frozen[0](resample(audio, self.filters, *self.rates))
        x = self.input(torch.cat([state.transpose(1, 2) for state in states], dim=1))
        scores, features = run_layers(self.layers, self.output, x)
        return DiscriminatorOutput(scores, features[:-1])


def resampling_filters(rate: int, target: int, zeros: int = 6, rolloff: float = 0.99) -> Tensor:
    """Windowed sincs [target', 1, width] for `resample`, rates divided by their greatest common divisor.

    Source: julius, github.com/adefossez/julius, the method torchaudio uses too.
    """
    rate, target = rate // gcd(rate, target), target // gcd(rate, target)
    cutoff = min(rate, target) * rolloff
    reach = ceil(zeros * rate / cutoff)
    offsets = torch.arange(-reach, reach + rate, dtype=torch.float64)[None] / rate
    phases = -torch.arange(target, dtype=torch.float64)[:, None] / target
    time = ((phases + offsets) * cutoff).clamp(-zeros, zeros)
    window = torch.cos(time * pi / zeros / 2).square()
    return (torch.sinc(time) * window * cutoff / rate)[:, None].float()


def resample(audio: Tensor, filters: Tensor, rate: int, target: int) -> Tensor:
    """Audio [B, N] -> [B, ceil(N * target / rate)]; differentiable, unlike codec.audio.reading.resample."""
    if rate == target:
        return audio
    reach = (filters.shape[2] - rate) // 2
    frames = F.conv1d(F.pad(audio[:, None], (reach, reach + rate)), filters.to(audio.dtype), stride=rate)
    return frames.transpose(1, 2).flatten(1)[:, : -(-audio.shape[1] * target // rate)]


class Discriminators(nn.Module):
    """Several discriminators of the same audio."""

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, audio: Tensor) -> list[DiscriminatorOutput]:
        """Scores and features of every member."""
        return [member(audio) for member in self.members]
