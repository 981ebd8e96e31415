"""The transformer's block. Shapes: L positions, D width, H heads, E channels of a head, M hidden width of the MLP."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from speechllm.config import LMShape
from speechllm.model.attention import Attention, AttentionLayers, Seen


def swiglu(gate_up: Tensor) -> Tensor:
    """The hidden layer of an MLP (arXiv 2002.05202), [..., 2 * M] -> [..., M]."""
    gate, up = gate_up.chunk(2, dim=-1)
    return F.silu(gate) * up


class BlockLayers:
    """A block but for its weights: `project`, an attention of whoever calls it, `finish`.

    Written once for weights of both kinds, those of Block and those of inference/weights.py.
    """

    attention: AttentionLayers
    attention_norm: Callable[[Tensor], Tensor]
    mlp_norm: Callable[[Tensor], Tensor]
    gate_up: Callable[[Tensor], Tensor]
    down: Callable[[Tensor], Tensor]

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What attention is made of, see AttentionLayers.project."""
        return self.attention.project(self.attention_norm(x), cos, sin)

    def finish(self, x: Tensor, y: Tensor, gate: Tensor) -> Tensor:
        """States [..., L, D] after what attention returned, [..., L, H * E], and the MLP."""
        return self.mlp(x + self.attention.finish(y, gate))

    def mlp(self, x: Tensor) -> Tensor:
        """SwiGLU on its residual path."""
        return x + self.down(swiglu(self.gate_up(self.mlp_norm(x))))


class Block(nn.Module, BlockLayers):
    """Pre-norm attention and SwiGLU on residual paths."""

    attention: Attention
    attention_norm: nn.RMSNorm
    mlp_norm: nn.RMSNorm
    gate_up: nn.Linear
    down: nn.Linear

    def __init__(self, config: LMShape):
        super().__init__()
        dim, c = config.dim, config
        self.attention_norm = nn.RMSNorm(dim, eps=c.norm_eps)
        shape = dim, c.num_heads, c.num_kv_heads, c.head_dim, c.qk_norm, c.gated_attention
        self.attention = Attention(*shape, c.qkv_bias, c.norm_eps)
        self.mlp_norm = nn.RMSNorm(dim, eps=c.norm_eps)
        self.gate_up = nn.Linear(dim, 2 * config.mlp_dim, bias=False)
        self.down = nn.Linear(config.mlp_dim, dim, bias=False)

    def forward(self, x: Tensor, rotary: Tensor, mask: Seen) -> Tensor:
        return self.mlp(x + self.attention(self.attention_norm(x), rotary, mask))
