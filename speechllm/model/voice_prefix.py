"""A voice as a prefix of the text: a position made from a speaker vector, and some from the codes of a recording.

The vector of a frozen speaker encoder carries who speaks to speakers that training never had; the codes of a recording
carry how they speak there (arXiv 1806.04558; Gepard's prefix). Either can be missing, and both.

Shapes: B batch, T frames, P digits of a frame, D width, Q queries, C channels of a speaker vector.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechllm.digits import digits_to_values
from speechllm.model.transformer import swiglu


class Reference(NamedTuple):
    """Whose voice each row of a batch has, for training."""

    speakers: Tensor  # vectors of a speaker encoder, float32 [B, C]
    speaker_known: Tensor  # bool [B]; elsewhere the vector is not looked at
    digits: Tensor  # of recordings, int64 [B, T, P]
    frames: Tensor  # of them, int64 [B]; 0 = no recording


class SpeakerPosition(nn.Module):
    """A speaker vector -> the position that says who speaks.

    Args:
        speaker_dim: C.
        dim: D.
    """

    def __init__(self, speaker_dim: int, dim: int):
        super().__init__()
        self.linear = nn.Linear(speaker_dim, dim, bias=False)
        self.nobody = nn.Parameter(torch.zeros(1, dim))  # the position where there is no vector

    def forward(self, speakers: Tensor) -> Tensor:
        """Vectors of length 1, float32 [B, C] -> [B, 1, D]."""
        return self.linear(speakers * speakers.shape[-1] ** 0.5)[:, None]


class PrefixAttention(nn.Module):
    """Attention of queries [B, Q, D] over [B, T, D], as far as mask [B, 1, 1, T] goes, without positions."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.query, self.key, self.value, self.output = (nn.Linear(dim, dim, bias=False) for _ in range(4))

    def forward(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = (
            part.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for part in (self.query(x), self.key(y), self.value(y))
        )
        return self.output(F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).flatten(2))


class PrefixBlock(nn.Module):
    """Queries see each other, then the reference; pre-norm, residual."""

    def __init__(self, dim: int, num_heads: int, mlp_dim: int):
        super().__init__()
        self.self_norm, self.cross_norm, self.mlp_norm = (nn.RMSNorm(dim, eps=1e-6) for _ in range(3))
        self.self_attention, self.cross_attention = PrefixAttention(dim, num_heads), PrefixAttention(dim, num_heads)
        self.gate_up = nn.Linear(dim, 2 * mlp_dim, bias=False)
        self.down = nn.Linear(mlp_dim, dim, bias=False)

    def forward(self, x: Tensor, reference: Tensor, mask: Tensor | None = None) -> Tensor:
        y = self.self_norm(x)
        x = x + self.self_attention(y, y)
        x = x + self.cross_attention(self.cross_norm(x), reference, mask)
        return x + self.down(swiglu(self.gate_up(self.mlp_norm(x))))


class VoicePrefix(nn.Module):
    """Codes of a reference recording -> Q positions that stand before the text and say whose voice speaks.

    A Q-Former (arXiv 2301.12597): learned queries look at the reference, however long it is.

    Args:
        num_queries: Q.
        num_layers: blocks.
        num_heads: of an attention.
        mlp_dim: hidden width of a block's SwiGLU.
        num_digits: P.
        dim: D.
    """

    def __init__(self, num_queries: int, num_layers: int, num_heads: int, mlp_dim: int, num_digits: int, dim: int):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(num_queries, dim) * 0.02)
        self.input = nn.Linear(num_digits, dim)
        self.blocks = nn.ModuleList(PrefixBlock(dim, num_heads, mlp_dim) for _ in range(num_layers))
        self.norm = nn.RMSNorm(dim, eps=1e-6)
        self.scale = nn.Parameter(torch.full((), 1 / 32))
        self.nobody = nn.Parameter(torch.zeros(num_queries, dim))  # the prefix where there is no reference

    def forward(self, digits: Tensor, levels: tuple[int, ...], frames: Tensor | None = None) -> Tensor:
        """Digits int64 [B, T, P] of codebooks of `levels`, of `frames` int64 [B] if not of all T -> [B, Q, D]."""
        dtype = self.input.weight.dtype
        reference = self.input(digits_to_values(digits, levels).to(dtype))
        reference = reference + sinusoids(reference.shape[1], reference.shape[2], reference.device).to(reference.dtype)
        mask = None
        if frames is not None:  # a row of no frames looks at one, and is not looked at
            index = torch.arange(digits.shape[1], device=digits.device)
            mask = (index < frames.clamp(min=1)[:, None])[:, None, None]
        x = self.queries.expand(len(digits), -1, -1)
        for block in self.blocks:
            x = block(x, reference, mask)
        return self.scale * self.norm(x)


def sinusoids(length: int, dim: int, device: torch.device) -> Tensor:
    """Position signals float32 [length, dim], sines at even channels and cosines at odd ones (arXiv 1706.03762)."""
    channels = torch.arange(0, dim, 2, device=device)
    angles = torch.arange(length, device=device)[:, None] * 10_000.0 ** (-channels / dim)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
