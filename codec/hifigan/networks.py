"""HiFi-GAN encoder and decoder of waveforms. Networks only: no quantiser, no files.

Shapes: B batch, N audio samples, T codec frames, D latent channels.

One residual layer serves both networks: branches of different kernel sizes read the same input, each a row of residual
units of growing dilation, and the mean of the branches is the output. A network is such layers between strided
convolutions.

Source: HiFi-GAN, arXiv 2010.05646, turned into a codec in arXiv 2409.12117; the causal decoder from NanoCodec,
arXiv 2508.05835.
"""

import torch
from torch import Tensor, nn

from codec.hifigan.config import HiFiGANConfig
from codec.hifigan.layers import (
    ACTIVATION,
    CausalConv1d,
    CausalConvTranspose1d,
    Context,
    ResidualLayer,
    SameConv1d,
    SameConvTranspose1d,
    State,
    layout,
    make_mask,
)

EDGE_KERNEL = 7  # of the first convolution of both networks, and of the encoder's last
OUTPUT_KERNEL = 3  # of the decoder's last


class HiFiGANEncoder(nn.Module):
    """Audio [B, 1, N], N a multiple of the hop -> latents [B, D, T]."""

    def __init__(self, config: HiFiGANConfig):
        super().__init__()
        e, channels = config.encoder, config.encoder.channels
        self.pre = SameConv1d(1, channels, EDGE_KERNEL, e.padding)
        self.residual, self.acts, self.downs = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.strides = config.strides
        for stride in config.strides:
            self.residual.append(ResidualLayer(channels, e.kernel_sizes, e.dilations, e.activation, e.padding, False))
            self.acts.append(ACTIVATION[e.activation](channels))
            self.downs.append(SameConv1d(channels, 2 * channels, 2 * stride, e.padding, stride))
            channels *= 2
        self.act = ACTIVATION[e.activation](channels)
        self.post = SameConv1d(channels, config.latent_dim, EDGE_KERNEL, e.padding)

    def forward(self, audio: Tensor, lengths: Tensor | None = None) -> Tensor:
        """With `lengths` int [B] in samples, every layer is zeroed beyond an item's end (see HiFiGANCodec.encode)."""
        mask = make_mask(audio, lengths)
        x = self.pre(audio[:, :, None], nn.Identity(), mask).contiguous(memory_format=layout(audio))
        for residual, act, down, stride in zip(self.residual, self.acts, self.downs, self.strides, strict=True):
            x = residual(x, mask)
            mask = None if mask is None else mask[..., ::stride]
            x = down(x, act, mask)
        return self.post(x, self.act, mask)[:, :, 0]


class HiFiGANDecoder(nn.Module):
    """Values [B, D, T] -> audio [B, 1, N] in [-1, 1]."""

    def __init__(self, config: HiFiGANConfig):
        super().__init__()
        d, channels = config.decoder, config.decoder.channels
        conv = CausalConv1d if d.causal else SameConv1d
        up = CausalConvTranspose1d if d.causal else SameConvTranspose1d
        self.output = d.output
        self.pre = conv(config.latent_dim, channels, EDGE_KERNEL, d.padding)
        self.acts, self.ups, self.residual = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.strides = config.strides[::-1]
        for stride in self.strides:
            self.acts.append(ACTIVATION[d.activation](channels))
            channels //= 2
            self.ups.append(up(2 * channels, channels, stride, channels if d.grouped else 1))
            self.residual.append(
                ResidualLayer(channels, d.kernel_sizes, d.dilations, d.activation, d.padding, d.causal)
            )
        self.act = ACTIVATION[d.activation](channels)
        self.post = conv(channels, 1, OUTPUT_KERNEL, d.padding)

    def forward(self, values: Tensor, lengths: Tensor | None = None, state: State | None = None) -> Tensor:
        """With `lengths` int [B] in frames, layers of a symmetric decoder are zeroed beyond an item's end.

        A causal decoder takes a `state` instead, empty at the start of a stream, and carries on from it.
        """
        context: Context = make_mask(values, lengths) if state is None else state
        values = values[:, :, None].contiguous(memory_format=layout(values))
        x = self.pre(values, nn.Identity(), context)
        for act, up, residual, stride in zip(self.acts, self.ups, self.residual, self.strides, strict=True):
            if isinstance(context, Tensor):
                context = context.repeat_interleave(stride, dim=3)
            x = residual(up(x, act, context), context)
        with torch.autocast(x.device.type, enabled=False):  # what is heard is not rounded, whatever it is made from
            x = self.post(x.to(self.post.weight.dtype), self.act, context)[:, :, 0]
        if self.output == "tanh":
            return torch.tanh(x)
        return x.clamp(-1, 1) if self.output == "clamp" else x
