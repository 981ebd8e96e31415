"""Layers of HiFi-GAN networks: activations, convolutions that keep a mask or a past, residual layers.

Shapes: B batch, C channels, t steps at some rate.

Signals are images of one row, [B, C, 1, t], since two-dimensional convolutions can have the channels last. Every
convolution activates its own input, see SameConv1d. The last argument of every forward, `context`, goes unread through
the layers to their convolutions:

* a symmetric convolution takes a Mask [B, 1, 1, t], or None: what is False in it is zeroed in the output;
* a causal convolution takes a State, or None: the past of each convolution, updated in place.

Source: HiFi-GAN, arXiv 2010.05646; half-snake and the causal convolutions from NanoCodec, arXiv 2508.05835. Unlike
HiFi-GAN, LeakyReLU has slope 0.01 and branches are averaged.
"""

from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.01  # of LeakyReLU below zero

Mask: TypeAlias = Tensor
State: TypeAlias = dict[nn.Module, Tensor]
Context: TypeAlias = Mask | State | None


def make_mask(x: Tensor, lengths: Tensor | None) -> Mask | None:
    """Bool [B, 1, 1, t], True within the length of each item; None if there are no lengths."""
    if lengths is None:
        return None
    steps = torch.arange(x.shape[2], device=x.device)
    return (steps < lengths.to(x.device)[:, None])[:, None, None]


def masked(y: Tensor, context: Context) -> Tensor:
    """Zero what is False in a mask."""
    if context is None:
        return y
    assert isinstance(context, Tensor), "a symmetric network takes a mask, not a state"
    return y * context


class LeakyReLU(nn.Module):
    """x, or a hundredth of it below zero; in place."""

    def __init__(self, channels: int):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, 1, t] -> [B, C, 1, t]."""
        return F.leaky_relu_(x, SLOPE)


class HalfSnake(nn.Module):
    """Snake, x + sin(a x)^2 / a with `a` learned per channel, on half of the channels; LeakyReLU on the rest."""

    def __init__(self, channels: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels // 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, 1, t] -> [B, C, 1, t]."""
        alpha = self.alpha[..., None]
        a, b = x.tensor_split([alpha.shape[1]], dim=1)
        return torch.cat([a + torch.sin(alpha * a).square() / (alpha + 1e-9), F.leaky_relu(b, SLOPE)], dim=1)


ACTIVATION = {"leaky_relu": LeakyReLU, "half_snake": HalfSnake}


class SameConv1d(nn.Conv1d):
    """Activation and convolution, padded on both sides alike; a stride divides the length exactly."""

    def __init__(self, inputs: int, outputs: int, kernel: int, mode: str, stride: int = 1, dilation: int = 1):
        super().__init__(inputs, outputs, kernel, stride, dilation=dilation)
        self.pad = (kernel - 1) * dilation // 2 if stride == 1 else (stride + 1) // 2
        self.mode = "constant" if mode == "zeros" else mode

    def forward(self, x: Tensor, act: nn.Module, context: Context = None) -> Tensor:  # type: ignore[override]
        """[B, C, 1, t] -> [B, C', 1, t / stride]."""
        # Activations keep zero and reflections, so they may come after the padding, in place of its copy.
        x = act(F.pad(x, (self.pad, self.pad, 0, 0), self.mode))
        y = F.conv2d(x, self.weight[:, :, None], self.bias, (1, *self.stride), 0, (1, *self.dilation))
        return masked(y, context)


class SameConvTranspose1d(nn.ConvTranspose1d):
    """Activation and convolution to `stride` times the rate, kernel 2 * stride; the length is multiplied exactly."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int = 1):
        super().__init__(inputs, outputs, 2 * stride, stride, groups=groups)

    def forward(self, x: Tensor, act: nn.Module, context: Context = None) -> Tensor:  # type: ignore[override]
        """[B, C, 1, t] -> [B, C', 1, t * stride]; x is not used again by anyone."""
        stride = self.stride[0]
        y = up_sample(self, act(x), (stride + 1) // 2, stride % 2)
        return masked(y, context)


def up_sample(conv: nn.ConvTranspose1d, x: Tensor, pad: int, extra: int) -> Tensor:
    """The transposed convolution of a layer, on [B, C, 1, t]."""
    weight, stride = conv.weight[:, :, None], (1, *conv.stride)
    return F.conv_transpose2d(x, weight, conv.bias, stride, (0, pad), (0, extra), conv.groups)


def with_past(module: nn.Module, x: Tensor, count: int, state: Context) -> Tensor:
    """Put `count` earlier steps before x, zeros at the start of a stream, and remember the last ones of it."""
    assert not isinstance(state, Tensor), "a causal network takes a state, not a mask"
    past = None if state is None else state.get(module)
    x = F.pad(x, (count, 0)) if past is None else torch.cat([past, x], dim=3)
    if state is not None:
        state[module] = x[..., x.shape[3] - count :].clone()  # before it is activated; not a view, which would keep x
    return x


class CausalConv1d(nn.Conv1d):
    """Activation and convolution of the present and the past."""

    def __init__(self, inputs: int, outputs: int, kernel: int, mode: str = "zeros", dilation: int = 1):
        super().__init__(inputs, outputs, kernel, dilation=dilation)
        self.past = (kernel - 1) * dilation

    def forward(self, x: Tensor, act: nn.Module, context: Context = None) -> Tensor:  # type: ignore[override]
        """[B, C, 1, t] -> [B, C', 1, t]."""
        x = act(with_past(self, x, self.past, context))
        return F.conv2d(x, self.weight[:, :, None], self.bias, 1, 0, (1, *self.dilation))


class CausalConvTranspose1d(nn.ConvTranspose1d):
    """Activation and convolution to `stride` times the rate, kernel 2 * stride, of this step and the one before."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int = 1):
        super().__init__(inputs, outputs, 2 * stride, stride, groups=groups)

    def forward(self, x: Tensor, act: nn.Module, context: Context = None) -> Tensor:  # type: ignore[override]
        """[B, C, 1, t] -> [B, C', 1, t * stride]."""
        stride = self.stride[0]
        y = up_sample(self, act(with_past(self, x, 1, context)), 0, 0)
        return y[..., stride : y.shape[3] - stride]  # the first step is what the past alone says, the last unfinished


class ResidualUnit(nn.Module):
    """x + conv(act(conv(act(x)))), the first convolution dilated."""

    def __init__(self, channels: int, kernel: int, dilation: int, activation: str, padding: str, causal: bool):
        super().__init__()
        conv = CausalConv1d if causal else SameConv1d
        self.act1 = ACTIVATION[activation](channels)
        self.conv1 = conv(channels, channels, kernel, padding, dilation=dilation)
        self.act2 = ACTIVATION[activation](channels)
        self.conv2 = conv(channels, channels, kernel, padding)

    def forward(self, x: Tensor, context: Context = None) -> Tensor:
        """[B, C, 1, t] -> [B, C, 1, t]."""
        return self.conv2(self.conv1(x, self.act1, context), self.act2, context).add_(x)


class ResidualLayer(nn.Module):
    """The mean of parallel branches, each a row of residual units."""

    def __init__(
        self,
        channels: int,
        kernels: Sequence[int],
        dilations: Sequence[int],
        activation: str,
        padding: str,
        causal: bool,
    ):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.ModuleList(ResidualUnit(channels, kernel, d, activation, padding, causal) for d in dilations)
            for kernel in kernels
        )

    def forward(self, x: Tensor, context: Context = None) -> Tensor:
        """[B, C, 1, t] -> [B, C, 1, t]."""
        total: Tensor | None = None
        for branch in self.branches:
            y = x
            for unit in branch.children():
                y = unit(y, context)
            total = y if total is None else total.add_(y)
        assert total is not None, "a residual layer has at least one branch"
        return total.div_(len(self.branches))


def layout(x: Tensor) -> torch.memory_format:
    """How the networks keep their signals: on a CPU channels last, which its convolutions need not rearrange."""
    return torch.channels_last if x.device.type == "cpu" else torch.contiguous_format


def pack(network: nn.Module) -> None:
    """Keep filters as `layout` keeps signals, so that no call has to rearrange them; their shapes stay."""
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            module.weight.data = module.weight.data.transpose(1, 2).contiguous().transpose(1, 2)
