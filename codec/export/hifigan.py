"""The graphs of a HiFi-GAN codec, encoder and decoder: the mirror of codec/hifigan/layers.py and networks.py.

Shapes: B batch, N samples, K codebooks, T codec frames, C channels, t steps at some rate. Signals are images of one
row, [B, C, 1, t], as there: for these ONNX Runtime has its fastest convolutions.

A causal decoder renders what arrives in pieces: what its layers need of earlier steps are inputs `past.*`, zeros at the
start of an utterance, and outputs `next.*`.
"""

import numpy as np
import onnx

from codec.export.fsq import write_codes
from codec.export.graph import Graph
from codec.hifigan.config import HiFiGANConfig
from codec.hifigan.layers import SLOPE

TIME = 3  # axis of steps
PAD_MODES = {"reflect": "reflect", "replicate": "edge"}  # in ONNX; zeros are padded by the convolution itself
ALPHA_EPSILON = 1e-9  # of half-snake


class HiFiGANLayers:
    """Writes layers by the names of their weights.

    Args:
        graph: to write to.
        activation: leaky_relu or half_snake.
        padding: reflect, replicate or zeros.
        causal: layers hear the present and the past only.
    """

    def __init__(self, graph: Graph, activation: str, padding: str, causal: bool = False):
        self.graph, self.activation, self.padding, self.causal = graph, activation, padding, causal
        self.states: dict[str, tuple[int, ...]] = {}  # of each `past`: shape without the batch

    def act(self, name: str, x: str, channels: int) -> str:
        """Activation of x [B, C, 1, t]."""
        graph = self.graph
        if self.activation == "leaky_relu":
            return graph.op("LeakyRelu", x, alpha=SLOPE)
        half = channels // 2
        a, b = graph.many("Split", [x, graph.ints(half, channels - half)], 2, axis=1)
        alpha = graph.op("Unsqueeze", graph.weight(f"{name}.alpha"), graph.ints(2))
        wave = graph.op("Sin", graph.op("Mul", a, alpha))
        inverse = graph.op("Reciprocal", graph.op("Add", alpha, graph.floats(ALPHA_EPSILON)))
        a = graph.op("Add", a, graph.op("Mul", graph.op("Mul", wave, wave), inverse))
        return graph.op("Concat", a, graph.op("LeakyRelu", b, alpha=SLOPE), axis=1)

    def with_past(self, name: str, x: str, channels: int, count: int) -> str:
        """layers.with_past: `count` earlier steps, then x."""
        self.states[name] = channels, 1, count
        past = self.graph.input(f"past.{name}", np.float32, "B", channels, 1, count)
        x = self.graph.op("Concat", past, x, axis=TIME)
        kept = self.graph.part(x, -count, axis=TIME)
        self.graph.output(f"next.{name}", kept, np.float32, "B", channels, 1, count)
        return x

    def conv(self, name: str, x: str, act: str | None, stride: int = 1, dilation: int = 1) -> str:
        """SameConv1d or CausalConv1d: activation by name, and convolution."""
        graph = self.graph
        _, inputs, kernel = graph.weights.shape(f"{name}.weight")
        past = (kernel - 1) * dilation
        pad = past // 2 if stride == 1 else (stride + 1) // 2
        if self.causal:
            x = self.with_past(name, x, inputs, past)
        if act is not None:
            x = self.act(act, x, inputs)
        pads = [0, 0, 0, 0] if self.causal else [0, pad, 0, pad]
        if not self.causal and self.padding in PAD_MODES:
            x = graph.op("Pad", x, graph.ints(0, 0, 0, pad, 0, 0, 0, pad), mode=PAD_MODES[self.padding])
            pads = [0, 0, 0, 0]
        weight = graph.op("Unsqueeze", graph.weight(f"{name}.weight"), graph.ints(2))
        steps = {"strides": [1, stride], "dilations": [1, dilation]}
        return graph.op("Conv", x, weight, graph.weight(f"{name}.bias"), pads=pads, **steps)

    def up(self, name: str, x: str, act: str, stride: int, groups: int) -> str:
        """SameConvTranspose1d or CausalConvTranspose1d: activation by name, convolution to `stride` times the rate."""
        graph = self.graph
        inputs = graph.weights.shape(f"{name}.weight")[0]
        if self.causal:
            x = self.with_past(name, x, inputs, 1)
        weight = graph.op("Unsqueeze", graph.weight(f"{name}.weight"), graph.ints(2))
        pad = stride if self.causal else (stride + 1) // 2
        return graph.op(
            "ConvTranspose",
            self.act(act, x, inputs),
            weight,
            graph.weight(f"{name}.bias"),
            strides=[1, stride],
            group=groups,
            pads=[0, pad, 0, pad],
            output_padding=[0, 0 if self.causal else stride % 2],
        )

    def residual(self, name: str, x: str, kernels: tuple[int, ...], dilations: tuple[int, ...]) -> str:
        """ResidualLayer: the mean of parallel branches."""
        graph = self.graph
        branches = []
        for branch in range(len(kernels)):
            y = x
            for number, dilation in enumerate(dilations):
                unit = f"{name}.branches.{branch}.{number}"
                inner = self.conv(f"{unit}.conv1", y, f"{unit}.act1", dilation=dilation)
                y = graph.op("Add", self.conv(f"{unit}.conv2", inner, f"{unit}.act2"), y)
            branches.append(y)
        total = branches[0]
        for y in branches[1:]:
            total = graph.op("Add", total, y)
        return graph.op("Mul", total, graph.floats(1 / len(branches)))


def write_decoder(graph: Graph, config: HiFiGANConfig) -> dict[str, tuple[int, ...]]:
    """HiFiGANDecoder after the quantiser: `codes` int64 [B, K, T] -> `audio` float32 [B, N]. Returns its states."""
    d = config.decoder
    layers = HiFiGANLayers(graph, d.activation, d.padding, d.causal)
    x = layers.conv("decoder.pre", write_values(graph, config), None)
    channels = d.channels
    for number, stride in enumerate(config.strides[::-1]):
        channels //= 2
        groups = channels if d.grouped else 1
        x = layers.up(f"decoder.ups.{number}", x, f"decoder.acts.{number}", stride, groups)
        x = layers.residual(f"decoder.residual.{number}", x, d.kernel_sizes, d.dilations)
    x = graph.op("Squeeze", layers.conv("decoder.post", x, "decoder.act"), graph.ints(1, 2))
    if d.output == "tanh":
        x = graph.op("Tanh", x)
    elif d.output == "clamp":
        x = graph.op("Clip", x, *(np.array(limit, np.float32) for limit in (-1, 1)))
    graph.output("audio", x, np.float32, "B", "N")
    return layers.states


def write_values(graph: Graph, config: HiFiGANConfig) -> str:
    """GroupedFSQ.decode: input `codes` int64 [B, K, T] -> values float32 [B, D, 1, T] in [-1, 1]."""
    levels = np.array(config.levels)[:, None]
    bases = np.concatenate([[1], np.cumprod(config.levels[:-1])])[:, None]
    codes = graph.input("codes", np.int64, "B", config.num_codebooks, "T")
    digits = graph.op("Div", graph.op("Unsqueeze", codes, graph.ints(2)), bases)
    digits = graph.op("Cast", graph.op("Mod", digits, levels), to=onnx.TensorProto.FLOAT)  # [B, K, d, T]
    half = (levels // 2).astype(np.float32)
    values = graph.op("Div", graph.op("Sub", digits, half), half)
    return graph.op("Reshape", values, graph.ints(0, config.latent_dim, 1, -1))


def write_encoder(graph: Graph, config: HiFiGANConfig) -> None:
    """HiFiGANEncoder and the quantiser: `audio` float32 [B, 1, N], N whole frames -> `codes` int64 [B, K, T]."""
    e = config.encoder
    layers = HiFiGANLayers(graph, e.activation, e.padding)
    audio = graph.input("audio", np.float32, "B", 1, "N")
    x = layers.conv("encoder.pre", graph.op("Unsqueeze", audio, graph.ints(2)), None)
    for number, stride in enumerate(config.strides):
        x = layers.residual(f"encoder.residual.{number}", x, e.kernel_sizes, e.dilations)
        x = layers.conv(f"encoder.downs.{number}", x, f"encoder.acts.{number}", stride)
    latents = graph.op("Squeeze", layers.conv("encoder.post", x, "encoder.act"), graph.ints(2))
    graph.output("codes", write_codes(graph, config, latents), np.int64, "B", config.num_codebooks, "T")
