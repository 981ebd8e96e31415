"""Weights of a speech LM laid out for decoding: few rows at a time, each row's result independent of the others.

Shapes: R rows, I and O features in and out, D width.

A matrix product may round differently with another number of rows, because another kernel does it; a request would then
be answered differently in a batch than alone. Hence three kinds of layer, and none of them does that:

* float32: oneDNN's packed product. Its kernel adds up each output in the same order for 1 row as for 16 (the usual
  product, of MKL, does so from 4 rows on only). Tested, not promised by oneDNN; without oneDNN, equal up to rounding.
* int8: rows and weights as 8-bit integers with a scale for each row and each output. Integer sums are exact in any
  order, so this holds on every machine.
* bfloat16: for GPUs, where a captured step always has the same number of rows.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechllm.model import Block, SpeechLM

Precision = Literal["float32", "bfloat16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
Linear = Callable[[Tensor], Tensor]  # float32 [R, I] -> float32 [R, O]
ROWS_HINT = 16  # rows oneDNN lays the weights out for
EPS = 1e-6  # of the norms


class Float32Linear:
    """x W' + b in float32 by oneDNN."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self.bias = bias
        self.packed = weight.is_cpu and torch.backends.mkldnn.is_available()
        weight = weight.contiguous()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS_HINT) if self.packed else weight

    def __call__(self, x: Tensor) -> Tensor:
        if self.packed:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return F.linear(x, self.weight, self.bias)


class BFloat16Linear:
    """x W' + b with both factors in bfloat16, the sum in float32."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self.weight = weight.to(torch.bfloat16).contiguous()
        self.bias = None if bias is None else bias.to(torch.bfloat16)

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x.to(torch.bfloat16), self.weight, self.bias).float()


class Int8Linear:
    """x W' + b with 8-bit factors: one scale for each row of x, found at run time, and one for each output."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self.bias = bias
        self.scale = weight.abs().amax(1).clamp_(min=1e-12) / 127  # [O]
        self.weight = (weight / self.scale[:, None]).round().to(torch.int8).contiguous().t()  # [I, O]

    def __call__(self, x: Tensor) -> Tensor:
        scale = torch.linalg.vector_norm(x, torch.inf, -1, keepdim=True).clamp_(min=1e-12).div_(127)  # [R, 1]
        y = torch._int_mm((x / scale).round_().to(torch.int8), self.weight) * self.scale
        return y.mul_(scale) if self.bias is None else torch.addcmul(self.bias, y, scale)


KINDS: dict[str, Callable[[Tensor, Tensor | None], Linear]] = {
    "float32": Float32Linear,
    "bfloat16": BFloat16Linear,
    "int8": Int8Linear,
}


class PackedBlock:
    """The weights of one transformer block; the norms' gains are folded into the matrices that follow them."""

    def __init__(self, block: Block, kind: Callable[[Tensor, Tensor | None], Linear]):
        self.qkv = kind(block.attention.qkv.weight * gain(block.attention_norm), None)
        self.output = kind(block.attention.output.weight, None)
        self.gate_up = kind(block.gate_up.weight * gain(block.mlp_norm), None)
        self.down = kind(block.down.weight, None)


class PackedLM:
    """All that a decoding step needs of a model, in one precision. The model stays as it was."""

    @torch.inference_mode()
    def __init__(self, model: SpeechLM, precision: Precision = "float32"):
        if precision not in KINDS:
            raise ValueError(f"got precision {precision!r}; expected one of {', '.join(PRECISIONS)}")
        kind, self.config, self.precision = KINDS[precision], model.config, precision
        self.rotary, self.begin = model.rotary, model.begin
        self.least = model.config.dim * EPS  # what the norms' eps is, in a sum over channels
        self.blocks = [PackedBlock(block, kind) for block in model.blocks if isinstance(block, Block)]
        # Digits -> values in [-1, 1] is (digit - half) / half.
        half = torch.tensor([level // 2 for level in model.config.codes.levels], device=model.begin.device)
        half = half.repeat(model.config.step.num_codebooks)  # [P]
        first, last = (layer for layer in model.frame_input if isinstance(layer, nn.Linear))
        self.half, self.values_in, self.values_out = half, plain(kind, first), plain(kind, last)
        self.reader_query = plain(kind, model.reader.query)
        self.advance, self.advance_bias = model.reader.advance.weight.detach(), model.reader.advance.bias.detach()
        self.gain = gain(model.norm)
        # Stop is one more logit of the frame head, so both come from one product.
        weight = torch.cat([model.frame_head.weight, model.stop_head.weight])
        self.heads = kind(weight, torch.cat([model.frame_head.bias, model.stop_head.bias]))
        if model.local is not None:
            self.local_in, self.local_out = plain(kind, model.local.input), plain(kind, model.local.output)

    @property
    def bytes_per_step(self) -> int:
        """Bytes of weights that one step reads, whatever the number of rows."""
        size = {"float32": 4, "bfloat16": 2, "int8": 1}[self.precision]
        c, frame = self.config, self.config.codes
        block = 4 * c.dim * c.dim + 3 * c.dim * c.mlp_dim
        ends = 2 * c.dim * (c.step.num_digits + c.dim) + c.dim * (c.dim + c.reader_window)
        ends += c.frames_per_step * c.dim * (frame.num_logits + 1)
        ends += (c.frames_per_step - 1) * 2 * c.dim * (2 * c.dim + frame.num_digits)
        return size * (c.num_layers * block + ends)


def gain(norm: nn.RMSNorm) -> Tensor:
    """What the step's `norm` leaves to the next matrix, [D]."""
    return norm.weight * len(norm.weight) ** 0.5


def plain(kind: Callable[[Tensor, Tensor | None], Linear], layer: nn.Linear) -> Linear:
    """A layer as it is."""
    return kind(layer.weight.detach(), None if layer.bias is None else layer.bias.detach())
