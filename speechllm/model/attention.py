"""Attention with rotary positions.

Shapes: B batch, L positions of queries, M of keys, H heads of queries, G heads of keys and values (each serves H / G
heads of queries), D width, E channels of a head.

Rotary convention: the two halves of a head's E channels form the pairs (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin).
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def rotary_table(
    length: int, head_dim: int, theta: float = 10_000.0, rounded: bool = False, scaling: Sequence[float] = ()
) -> Tensor:
    """Cosines and sines, float32 [length, 2, head_dim], each repeated for both halves (sines with their sign).

    `rounded` takes frequencies as bfloat16 holds them: a model whose every buffer was cast for training learned those.
    `scaling` is that of `scaled`.
    """
    # Constants, also of a model made on the meta device.
    frequencies = theta ** (-torch.arange(0, head_dim, 2, device="cpu") / head_dim)
    if rounded:
        frequencies = frequencies.bfloat16().float()
    if scaling:
        frequencies = scaled(frequencies, *scaling)
    angles = torch.arange(length, device="cpu")[:, None] * frequencies
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([torch.cat([cos, cos], 1), torch.cat([-sin, sin], 1)], dim=1)


def scaled(frequencies: Tensor, factor: float, low: float, high: float, length: float) -> Tensor:
    """Frequencies of a model that was made for longer texts, as Llama 3.1 does it.

    Those that turn fewer than `low` times in the original `length` are divided by `factor`, those that turn more than
    `high` times stay, those between are in between.
    """
    turns = length * frequencies / (2 * torch.pi)
    share = ((turns - low) / (high - low)).clamp(0, 1)
    return frequencies * (share + (1 - share) / factor)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn x [..., L, H, E] by cos and sin [..., L, 1, E]."""
    return x * cos + x.roll(x.shape[-1] // 2, -1) * sin


Seen: TypeAlias = Tensor | Callable[[Tensor, Tensor, Tensor], Tensor] | None


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Seen) -> Tensor:
    """Softmax attention of [B, H, L, E] over [B, G, M, E]; `mask` bool, broadcast to [B, H, L, M], True = seen, or an
    attention of its own, see model/packing.py.

    Training on a CPU multiplies the scores out: at a sentence's length a training step then takes a fifth less time
    than with the fused kernel, whose backward pass is slow there.
    """
    if callable(mask):
        return mask(q, k, v)
    if k.shape[1] < q.shape[1]:
        k, v = (heads.repeat_interleave(q.shape[1] // heads.shape[1], dim=1) for heads in (k, v))
    if mask is None or not (q.is_cpu and torch.is_grad_enabled()):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
    return scores.masked_fill(~mask, float("-inf")).softmax(-1).to(v.dtype) @ v


class AttentionLayers:
    """What is done around `attend`, with weights of any kind: trained in Attention, packed in inference/weights.py."""

    heads: list[int]  # of queries, keys, values and gates in qkv
    head_dim: int  # E
    qkv: Callable[[Tensor], Tensor]
    output: Callable[[Tensor], Tensor]
    qk_norm: Callable[[Tensor], Tensor]  # of queries and keys [..., H + G, E], head by head

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Queries, keys, values and gates [..., L, H or G, E] of x [..., L, D]; the last has no heads if not gated.

        `cos` and `sin` [..., L, 1, E] turn queries and keys.
        """
        queries, keys, values, gates = self.heads
        y = self.qkv(x)
        qk, v, gate = y.view(*y.shape[:-1], -1, self.head_dim).split([queries + keys, values, gates], dim=-2)
        q, k = rotate(self.qk_norm(qk), cos, sin).split([queries, keys], dim=-2)
        return q, k, v, gate

    def finish(self, y: Tensor, gate: Tensor) -> Tensor:
        """What attention returned, [..., L, H * E] -> [..., L, D]."""
        return self.output(y * gate.flatten(-2).sigmoid() if self.heads[3] else y)


class Attention(nn.Module, AttentionLayers):
    """Attention of several heads, [B, L, D] -> [B, L, D].

    Args:
        dim: D.
        num_heads: H.
        num_kv_heads: G, grouped queries (arXiv 2305.13245); 0 = H.
        head_dim: E; 0 = D / H.
        qk_norm: normalise queries and keys, head by head, before they are rotated (arXiv 2302.05442).
        gated: scale what attention returns by a sigmoid of the input (arXiv 2505.06708).
        qkv_bias: of queries, keys, values and gates.
        norm_eps: of the norms of queries and keys.
    """

    qkv: nn.Linear
    output: nn.Linear

    def __init__(
        self,
        dim: int,
        num_heads: int,
        num_kv_heads: int = 0,
        head_dim: int = 0,
        qk_norm: bool = False,
        gated: bool = False,
        qkv_bias: bool = False,
        norm_eps: float = 1e-6,
    ):
        super().__init__()
        kv, self.head_dim = num_kv_heads or num_heads, head_dim or dim // num_heads
        self.heads = [num_heads, kv, kv, num_heads * gated]
        self.qkv = nn.Linear(dim, sum(self.heads) * self.head_dim, bias=qkv_bias)
        self.output = nn.Linear(num_heads * self.head_dim, dim, bias=False)
        self.q_norm = nn.RMSNorm(self.head_dim, eps=norm_eps) if qk_norm else None
        self.k_norm = nn.RMSNorm(self.head_dim, eps=norm_eps) if qk_norm else None

    def qk_norm(self, qk: Tensor) -> Tensor:
        """See AttentionLayers."""
        if self.q_norm is None or self.k_norm is None:
            return qk
        q, k = qk.split(self.heads[:2], dim=-2)
        return torch.cat([self.q_norm(q), self.k_norm(k)], dim=-2)

    def forward(self, x: Tensor, rotary: Tensor, mask: Seen) -> Tensor:
        """`rotary` [..., L, 2, E]; `mask` as of `attend`, bool [B, 1, L, L]; None = everything may be seen."""
        q, k, v, gate = self.project(x, *rotary.unsqueeze(-2).unbind(-3))
        y = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask)
        return self.finish(y.transpose(1, 2).flatten(2), gate)
