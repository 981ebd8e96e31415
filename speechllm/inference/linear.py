"""Matrix products for decoding: few rows at a time, each row's result independent of the others.

Shapes: R rows, I and O features in and out.

A matrix product may round differently with another number of rows, because another kernel does it; a request would then
be answered differently in a batch than alone. Hence three kinds of layer, and none of them does that:

* float32: oneDNN's packed product. Its kernel adds up each output in the same order for 2 rows as for 16, and for 1 row
  of up to 1024 inputs; one of more is padded to two. (The usual product, of MKL, does so from 4 rows on.) Tested, not
  promised by oneDNN; without oneDNN, equal up to rounding.
* int8: rows and weights as 8-bit integers with a scale for each row and each output. Integer sums are exact in any
  order, so this holds on every machine.
* bfloat16: the same, with 16-bit factors; for weights published so, and for GPUs, where a captured step always has the
  same number of rows.
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Linear = Callable[[Tensor], Tensor]  # float32 [R, I] -> float32 [R, O]
LinearKind = Callable[[Tensor, Tensor | None], Linear]  # of a weight [O, I] and a bias [O]
ROWS_HINT = 16  # rows oneDNN lays the weights out for
ROWS_STEP = 32  # more rows, of a text, are a multiple of this
ALONE_INPUTS = 1024  # of more, oneDNN sums a single float32 row in another order
PACKED_SIZE = 2**20  # weights of an int8 layer that is packed for oneDNN; fewer take longer that way


class Float32Linear:
    """x W' + b in float32 by oneDNN."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self.bias = bias
        self.packed = weight.is_cpu and torch.backends.mkldnn.is_available()
        weight = weight.contiguous()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS_HINT) if self.packed else weight
        self.pad_single = self.packed and weight.dtype == torch.float32 and weight.shape[1] > ALONE_INPUTS

    def __call__(self, x: Tensor) -> Tensor:
        if not self.packed:
            return F.linear(x, self.weight, self.bias)
        rows = len(x)
        if row_padding := self.row_padding(rows):
            x = F.pad(x, (0, 0, 0, row_padding))
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return y[:rows] if row_padding else y

    def row_padding(self, rows: int) -> int:
        """Rows to add to so many."""
        if rows == 1 and self.pad_single:
            return 1
        # oneDNN makes a kernel for every number of rows, and that takes longer than using it: let them be few.
        return -rows % ROWS_STEP if rows > ROWS_HINT else 0


class BFloat16Linear(Float32Linear):
    """x W' + b with both factors in bfloat16, the sum in float32.

    A CPU for which oneDNN has no such product gets the same factors in float32, where theirs are exact.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self.widened = weight.is_cpu and not packs_bfloat16()
        weight, bias = weight.to(torch.bfloat16), None if bias is None else bias.to(torch.bfloat16)
        if self.widened:
            weight, bias = weight.float(), None if bias is None else bias.float()
        super().__init__(weight, bias)

    def __call__(self, x: Tensor) -> Tensor:
        x = x.to(torch.bfloat16)
        return super().__call__(x.float() if self.widened else x).to(torch.bfloat16).float()


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


KINDS: dict[str, LinearKind] = {"float32": Float32Linear, "bfloat16": BFloat16Linear, "int8": Int8Linear}


def pack(kind: LinearKind, layer: nn.Linear) -> Linear:
    """A trained layer as one of a kind."""
    return kind(layer.weight.detach().float(), None if layer.bias is None else layer.bias.detach().float())


def packs_bfloat16() -> bool:
    """Whether weights in bfloat16 can be packed on this processor: oneDNN, if it is there, refuses some."""
    return not torch.backends.mkldnn.is_available() or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


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
