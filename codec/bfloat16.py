"""Products in bfloat16: where they are faster than in float32, and an MLP that oneDNN computes with them."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROW_MULTIPLE = 32  # of rows in a product
ROWS_HINT = 128  # rows oneDNN lays the weights out for


def has_bfloat16(tensor: Tensor) -> bool:
    """Whether products in bfloat16 are faster than in float32 where this tensor is."""
    if tensor.is_cpu:
        supported = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
        return bool(supported and torch.backends.mkldnn.is_available())
    return tensor.is_cuda and torch.cuda.is_bf16_supported()


class BFloat16MLP:
    """Linear, GELU, linear in bfloat16 on a CPU, with the weights that two layers have now. Never changes."""

    @torch.no_grad()
    def __init__(self, up: nn.Linear, down: nn.Linear):
        reorder = torch.ops.mkldnn._reorder_linear_weight
        self.up, self.down = (reorder(layer.weight.bfloat16(), ROWS_HINT) for layer in (up, down))
        self.up_bias, self.down_bias = (layer.bias.bfloat16() for layer in (up, down))

    def __deepcopy__(self, memo: dict[int, Any]) -> "BFloat16MLP":
        return self  # as of anything that cannot change; oneDNN's layout has no copy either

    def __call__(self, x: Tensor) -> Tensor:
        """Float32 [B, T, D] -> float32 [B, T, D'].

        Raises:
            RuntimeError: gradients are wanted, or x is not on the CPU.
        """
        if torch.is_grad_enabled() or not x.is_cpu:
            raise RuntimeError("a codec of lowered precision runs on the CPU and without gradients; use the exact one")
        rows = x.flatten(0, 1).bfloat16()
        # oneDNN makes a kernel for every number of rows it meets, which takes longer than using it: let it meet few.
        padded = F.pad(rows, (0, 0, 0, -len(rows) % ROW_MULTIPLE))
        product = torch.ops.mkldnn._linear_pointwise
        y: Tensor = product(
            product(padded, self.up, self.up_bias, "gelu", [], "none"), self.down, self.down_bias, "none", [], ""
        )
        return y[: len(rows)].float().view(*x.shape[:2], -1)
