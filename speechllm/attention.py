"""Attention with rotary positions and an optional key-value cache.

Shapes: B batch, L positions of this call, M positions in the cache, H heads, D width, E = D / H.

Rotary convention: the two halves of a head's E channels form the pairs (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def rotary_table(length: int, head_dim: int, theta: float = 10_000.0) -> Tensor:
    """Cosines and sines, float32 [length, 2, head_dim], each repeated for both halves (sines with their sign)."""
    frequencies = theta ** (-torch.arange(0, head_dim, 2) / head_dim)
    angles = torch.arange(length)[:, None] * frequencies
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([torch.cat([cos, cos], 1), torch.cat([-sin, sin], 1)], dim=1)


def rotate(x: Tensor, rotary: Tensor) -> Tensor:
    """Apply rotary [..., L, 2, E] to x [B, L, H, E]."""
    cos, sin = rotary[..., 0, :].unsqueeze(-2), rotary[..., 1, :].unsqueeze(-2)  # [..., L, 1, E]
    return x * cos + x.roll(x.shape[-1] // 2, -1) * sin


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax attention of [B, H, L, E] over [B, H, M, E]; `mask` bool, broadcast to [B, H, L, M], True = seen.

    Training on a CPU multiplies the scores out: at a sentence's length a training step then takes a fifth less time
    than with the fused kernel, whose backward pass is slow there.
    """
    if mask is None or not (q.is_cpu and torch.is_grad_enabled()):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
    return scores.masked_fill(~mask, float("-inf")).softmax(-1).to(v.dtype) @ v


class KVCache:
    """Keys and values of one layer stack, allocated once by the caller and written in place.

    Args:
        shape: layers, batch, heads, positions, channels of a head.
    """

    def __init__(self, shape: tuple[int, int, int, int, int], device: torch.device | None = None):
        self.keys = torch.zeros(shape, device=device)
        self.values = torch.zeros(shape, device=device)
        self.length = 0  # positions written by every layer

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write [B, H, L, E] after the positions already there; returns all of them [B, H, M + L, E]."""
        end = self.length + keys.shape[2]
        if end > self.keys.shape[3]:
            raise ValueError(f"got position {end} in a cache of {self.keys.shape[3]}; allocate a longer cache")
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, count: int) -> None:
        """Close a step of `count` positions, after the last layer has written it."""
        self.length += count


class Attention(nn.Module):
    """Multi-head attention, [B, L, D] -> [B, L, D]."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.output = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor | None, cache: KVCache | None, layer: int) -> Tensor:
        """`mask` bool [B, 1, L, M + L], True = may be seen; None = everything may."""
        batch, length, dim = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.num_heads, -1).unbind(2)  # [B, L, H, E]
        q, k, v = rotate(q, rotary).transpose(1, 2), rotate(k, rotary).transpose(1, 2), v.transpose(1, 2)
        if cache is not None:
            k, v = cache.append(layer, k, v)
        y = attend(q, k, v, mask)
        return self.output(y.transpose(1, 2).reshape(batch, length, dim))
