"""Weights of a speech LM laid out for decoding: few rows at a time, each row's result independent of the others.

Shapes: R rows, I and O features in and out, D width, H heads of queries, G of keys and values, E channels of a head,
P digits of a step.

A matrix product may round differently with another number of rows, because another kernel does it; a request would then
be answered differently in a batch than alone. Hence three kinds of layer, and none of them does that:

* float32: oneDNN's packed product. Its kernel adds up each output in the same order for 2 rows as for 16, and for 1 row
  of up to 1024 inputs; one of more is given a copy as company. (The usual product, of MKL, does so from 4 rows on.)
  Tested, not promised by oneDNN; without oneDNN, equal up to rounding.
* int8: rows and weights as 8-bit integers with a scale for each row and each output. Integer sums are exact in any
  order, so this holds on every machine.
* bfloat16: the same, with 16-bit factors; for weights published so, and for GPUs, where a captured step always has the
  same number of rows.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechllm.model.inputs import DigitTables
from speechllm.model.speech_lm import Block, SpeechLM

Precision = Literal["float32", "bfloat16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
Linear = Callable[[Tensor], Tensor]  # float32 [R, I] -> float32 [R, O]
ROWS_HINT = 16  # rows oneDNN lays the weights out for
ROWS_STEP = 32  # more rows, of a text, are a multiple of this
ALONE_INPUTS = 1024  # of more, oneDNN sums a single float32 row in another order
EPS = 1e-6  # of the norms
PACKED_SIZE = 2**20  # weights of an int8 layer that is packed for oneDNN; fewer take longer that way


class Float32Linear:
    """x W' + b in float32 by oneDNN."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self.bias = bias
        self.packed = weight.is_cpu and torch.backends.mkldnn.is_available()
        weight = weight.contiguous()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS_HINT) if self.packed else weight
        self.company = self.packed and weight.dtype == torch.float32 and weight.shape[1] > ALONE_INPUTS

    def __call__(self, x: Tensor) -> Tensor:
        if self.company and len(x) == 1:
            return self(x.repeat(2, 1))[:1]
        if self.packed and len(x) > ROWS_HINT and len(x) % ROWS_STEP:
            # oneDNN makes a kernel for every number of rows, and that takes longer than using it: let them be few.
            return self(F.pad(x, (0, 0, 0, -len(x) % ROWS_STEP)))[: len(x)]
        if self.packed:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return F.linear(x, self.weight, self.bias)


class BFloat16Linear(Float32Linear):
    """x W' + b with both factors in bfloat16, the sum in float32."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        super().__init__(weight.to(torch.bfloat16), None if bias is None else bias.to(torch.bfloat16))

    def __call__(self, x: Tensor) -> Tensor:
        return super().__call__(x.to(torch.bfloat16)).float()


class Int8Linear:
    """x W' + b with 8-bit factors: one scale for each row of x, found at run time, and one for each output."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self.bias = bias
        self.top = torch.tensor(127.0)
        self.scale = weight.abs().amax(1).clamp_(min=1e-12) / self.top  # [O]
        weight = (weight / self.scale[:, None]).round_().to(torch.int8).contiguous()
        self.zeros = torch.zeros(len(weight), dtype=torch.int32)
        self.packed = weight.numel() >= PACKED_SIZE and can_pack_int8()
        self.weight = torch.ops.onednn.qlinear_prepack(weight, None) if self.packed else weight.t()  # [I, O]

    def __call__(self, x: Tensor) -> Tensor:
        scale = torch.linalg.vector_norm(x, torch.inf, -1, keepdim=True).clamp_(min=1e-12).div_(self.top)  # [R, 1]
        y = self.product((x / scale).round_().to(torch.int8))
        return y.mul_(scale) if self.bias is None else torch.addcmul(self.bias, y, scale)

    def product(self, x: Tensor) -> Tensor:
        """Integers int8 [R, I] times the weights, float32 [R, O]; the same numbers either way."""
        if not self.packed:
            return torch._int_mm(x, self.weight) * self.scale
        weight = self.weight, self.scale, self.zeros, None
        # The result: its scale, zero point and type, and nothing done to it.
        y: Tensor = torch.ops.onednn.qlinear_pointwise(x, 1.0, 0, *weight, 1.0, 0, torch.float32, "none", [], "")
        return y


def has_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
    return bool(supported and torch.backends.mkldnn.is_available())


@cache
def can_pack_int8() -> bool:
    """Whether oneDNN's packed int8 product is there, exact, and the faster one: on processors with AMX it is.

    There the plain product takes twice the time on few rows; elsewhere the packed one has no kernel of its own.
    """
    if not getattr(torch.cpu, "_is_amx_tile_supported", bool)():
        return False
    x, weight = (((torch.arange(rows * 64) * 37) % 255 - 127).view(rows, 64).to(torch.int8) for rows in (3, 32))
    layer = Int8Linear(weight.float(), None)
    try:
        layer.packed, layer.weight = True, torch.ops.onednn.qlinear_prepack(weight, None)
        layer.scale = torch.ones(32)
        return torch.equal(layer.product(x), (x.long() @ weight.long().t()).float())
    except (RuntimeError, AttributeError, TypeError):  # not built in, or called otherwise
        return False


KINDS: dict[str, Callable[[Tensor, Tensor | None], Linear]] = {
    "float32": Float32Linear,
    "bfloat16": BFloat16Linear,
    "int8": Int8Linear,
}


class PackedBlock:
    """The weights of one transformer block; the norms' gains are folded into the matrices that follow them.

    What a block does around attention is the same for the rows of a step and for the positions of a text; attention
    itself is not, see decoding.py and prefill.py.
    """

    def __init__(self, block: Block, kind: Callable[[Tensor, Tensor | None], Linear]):
        attention = block.attention
        self.heads, self.head_dim = attention.heads, attention.head_dim
        self.qkv = kind(attention.qkv.weight * gain(block.attention_norm), None)
        self.output = plain(kind, attention.output)
        self.gate_up = kind(block.gate_up.weight * gain(block.mlp_norm), None)
        self.down = plain(kind, block.down)
        device = block.down.weight.device
        sizes = len(block.mlp_norm.weight), attention.head_dim
        self.least_dim, self.least_head = (torch.tensor(size * EPS, device=device) for size in sizes)
        self.qk_gain: Tensor | None = None
        if attention.q_norm is not None and attention.k_norm is not None:
            counts = self.heads[:2]
            gains = [gain(n).expand(c, -1) for n, c in zip((attention.q_norm, attention.k_norm), counts, strict=True)]
            self.qk_gain = torch.cat(gains)  # [H + G, E]

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """States [R, D] -> queries [R, H, E], keys and values [R, G, E], and gates [R, H or 0, E].

        `cos` and `sin` [R, 1, E] turn queries and keys.
        """
        turned = self.heads[0] + self.heads[1]
        qkv = self.qkv(norm(x, self.least_dim)).view(x.shape[0], -1, self.head_dim)
        qk, v, gate = qkv.split([turned, *self.heads[2:]], dim=1)
        if self.qk_gain is not None:
            qk = norm(qk, self.least_head) * self.qk_gain
        qk = qk * cos + qk.roll(self.head_dim // 2, -1) * sin
        return qk[:, : self.heads[0]], qk[:, self.heads[0] :], v, gate

    def finish(self, x: Tensor, y: Tensor, gate: Tensor) -> Tensor:
        """States [R, D] after what attention returned, [R, H * E], and the MLP."""
        if self.heads[3]:
            y = y * gate.flatten(1).sigmoid()
        x = x + self.output(y)
        gate, up = self.gate_up(norm(x, self.least_dim)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class PackedLM:
    """All that decoding needs of a model, in one precision.

    Args:
        model: with weights of any type.
        precision: of the packed ones.
        consume: give up the model's blocks as they are packed, so that a large model is never there twice. It can then
            be used by way of these weights alone.
    """

    @torch.inference_mode()
    def __init__(self, model: SpeechLM, precision: Precision = "float32", consume: bool = False):
        if precision not in KINDS:
            raise ValueError(f"got precision {precision!r}; expected one of {', '.join(PRECISIONS)}")
        kind, self.config, self.precision = KINDS[precision], model.config, precision
        self.device, self.text_embedding = model.begin.device, model.text_embedding
        self.rotary, self.begin = model.rotary, model.begin.float()
        self.least = torch.tensor(model.config.dim * EPS, device=self.device)  # the norms' eps, in a sum over channels
        self.blocks = []
        for block in model.blocks:
            assert isinstance(block, Block)
            if block.down.weight.is_meta:
                raise ValueError(f"the weights were given up when they were packed; load them again for {precision}")
            self.blocks.append(PackedBlock(block, kind))
            if consume:
                block.to("meta")
        # A text is run through more exact weights than int8: it is done once, and all that is said rests on it.
        self.text_blocks: Sequence[Block | PackedBlock] = self.blocks
        if precision == "int8" and has_bfloat16() and not consume:
            self.text_blocks = [
                PackedBlock(block, BFloat16Linear) for block in model.blocks if isinstance(block, Block)
            ]
        elif model.begin.dtype == torch.float32 and not consume:
            self.text_blocks = [block for block in model.blocks if isinstance(block, Block)]
        self.tables: Tensor | None = None
        if isinstance(model.frame_input, DigitTables):
            tables = model.frame_input
            self.tables, self.offsets, self.scale = tables.tables.weight.float(), tables.offsets, tables.scale.float()
            first, last = tables.hidden, tables.output
        else:
            first, last = (layer for layer in model.frame_input.children() if isinstance(layer, nn.Linear))
        # Digits -> values in [-1, 1] is (digit - half) / half.
        half = torch.tensor([level // 2 for level in model.config.codes.levels], device=self.device)
        self.half = half.repeat(model.config.step.num_codebooks)  # [P]
        self.values_in, self.values_out = plain(kind, first), plain(kind, last)
        self.reader = model.reader
        if model.reader is not None:
            self.reader_query, advance = plain(kind, model.reader.query), model.reader.advance
            self.advance, self.advance_bias = advance.weight.detach(), advance.bias.detach()
        self.gain = gain(model.norm)
        # Stop is one more logit of the frame head, so both come from one product.
        weight = torch.cat([model.frame_head.weight, model.stop_head.weight])
        self.heads = kind(weight.float(), torch.cat([model.frame_head.bias, model.stop_head.bias]).float())
        if model.local is not None:
            self.local_in, self.local_out = plain(kind, model.local.input), plain(kind, model.local.output)

    def embed(self, digits: Tensor) -> Tensor:
        """The frames of a step as inputs, int64 [R, P] -> [R, D]."""
        if self.tables is None:
            return self.values_out(gelu(self.values_in((digits - self.half) / self.half)))
        x = self.values_out(gelu(self.values_in(self.tables[digits + self.offsets].flatten(1))))
        return F.layer_norm(x, x.shape[-1:]) * self.scale

    @property
    def bytes_per_step(self) -> int:
        """Bytes of weights that one step reads, whatever the number of rows."""
        size = {"float32": 4, "bfloat16": 2, "int8": 1}[self.precision]
        c, frame = self.config, self.config.codes
        heads = (2 + c.gated_attention) * c.num_heads + 2 * c.kv_heads
        block = heads * c.head_width * c.dim + 3 * c.dim * c.mlp_dim
        ends = c.dim * (c.frame_tables * c.step.num_digits + c.dim)
        if not c.frame_tables:
            ends = 2 * c.dim * (c.step.num_digits + c.dim)
        ends += c.dim * (c.dim + c.window) if c.window else 0
        ends += c.frames_per_step * c.dim * (frame.num_logits + 1)
        ends += (c.frames_per_step - 1) * 2 * c.dim * (2 * c.dim + frame.num_digits)
        return size * (c.num_layers * block + ends)


def gain(layer: nn.RMSNorm) -> Tensor:
    """What `norm` leaves to the next matrix, [D]."""
    return layer.weight.detach().float() * len(layer.weight) ** 0.5


def plain(kind: Callable[[Tensor, Tensor | None], Linear], layer: nn.Linear) -> Linear:
    """A layer as it is."""
    return kind(layer.weight.detach().float(), None if layer.bias is None else layer.bias.detach().float())


def norm(x: Tensor, least: Tensor) -> Tensor:
    """RMS norm of [..., D] without its gain and the square root of D, which are in the weights that follow.

    F.rms_norm takes five times as long on a few rows. Every operation here rounds correctly, so that a row's result
    does not depend on whether it falls to a vector or a scalar loop. `least` is D * eps, a tensor as all constants of a
    step: Python's numbers are made into tensors each time.
    """
    length = torch.linalg.vector_norm(x, 2, -1, keepdim=True)
    return x / length.mul_(length).add_(least).sqrt_()


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution function; F.gelu takes ten times as long to start on a few rows."""
    return x * (torch.erf(x * 0.5**0.5) + 1) * 0.5
