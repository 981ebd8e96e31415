"""ConvNeXt blocks over frames, for whole utterances and for pieces of one.

Shapes: B batch, T frames, D width; channels last, [B, T, D].

Source: ConvNeXt blocks on frames as in Vocos (arXiv 2306.00814).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.precision import BFloat16MLP

CACHED_VALUES = 2**16  # that the fastest cache holds


class Past(dict[nn.Module, Tensor]):
    """What networks over frames still need of an utterance that arrives in pieces, all [B, frames, D].

    Frames come out once everything they depend on is there: a piece goes in, and as many frames come out as have become
    certain. With an empty past, one piece that is also the last is the whole utterance.
    """

    def window(self, layer: nn.Module, x: Tensor, reach: int, last: bool) -> Tensor:
        """Input of a layer that sees `reach` frames on each side; gives 2 * reach frames less than it gets.

        Beyond both ends of the utterance lie zeros.
        """
        zeros = x.new_zeros(x.shape[0], reach, x.shape[2])
        x = torch.cat([self.get(layer, zeros), x, zeros[:, : reach * last]], dim=1)
        self[layer] = x[:, max(x.shape[1] - 2 * reach, 0) :]
        return x

    def delay(self, layer: nn.Module, x: Tensor, count: int) -> Tensor:
        """The oldest `count` frames of what went in here and has not come out yet."""
        x = torch.cat([self[layer], x], dim=1) if layer in self else x
        self[layer] = x[:, count:]
        return x[:, :count]

    def stack(self, layer: nn.Module, x: Tensor, size: int) -> Tensor:
        """As many groups of `size` frames as there are, [B, n, size * D]; what is left waits for more."""
        count = (x.shape[1] + (self[layer].shape[1] if layer in self else 0)) // size
        return self.delay(layer, x, count * size).unflatten(1, (count, size)).flatten(2)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over frames, then a two-layer MLP, on a residual path. [B, T, D] -> [B, T, D]."""

    def __init__(self, dim: int, kernel_size: int, expansion: int):
        super().__init__()
        self.reach = kernel_size // 2
        self.conv = nn.Conv1d(dim, dim, kernel_size, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, dim * expansion)
        self.down = nn.Linear(dim * expansion, dim)
        self.scale = nn.Parameter(torch.full((dim,), 0.1))

    def mlp(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        return self.down(F.gelu(self.up(x)))

    def forward(self, x: Tensor, past: Past, last: bool) -> Tensor:
        x = past.window(self, x, self.reach, last)
        if x.shape[1] <= 2 * self.reach:
            return x[:, :0]
        inner = x[:, self.reach : x.shape[1] - self.reach]
        return torch.addcmul(inner, self.scale, self.mlp(self.norm(self.depthwise(x))))

    def depthwise(self, x: Tensor) -> Tensor:
        """The convolution over frames, [B, T + 2 * reach, D] -> [B, T, D]."""
        if torch.is_grad_enabled() or not x.is_cpu:
            return self.conv(x.transpose(1, 2)).transpose(1, 2)
        # Tap by tap, on as many items as stay in the cache: half the time of the kernel, which wants channels first.
        (first, *others), count = self.conv.weight[:, 0].t(), x.shape[1] - 2 * self.reach
        y, bias = x.new_empty(len(x), count, x.shape[2]), self.conv.bias
        assert bias is not None
        items = max(1, CACHED_VALUES // (count * x.shape[2]))
        for source, target in zip(x.split(items), y.split(items), strict=True):
            torch.addcmul(bias, source[:, :count], first, out=target)
            for number, tap in enumerate(others, 1):
                target.addcmul_(source[:, number : number + count], tap)
        return y


class BFloat16Block(ConvNeXtBlock):
    """A block that computes its MLP in bfloat16: for decoding alone, it cannot be trained, saved or loaded."""

    def __init__(self, block: ConvNeXtBlock):
        nn.Module.__init__(self)
        self.reach, self.conv, self.norm, self.scale = block.reach, block.conv, block.norm, block.scale
        self.lowered = BFloat16MLP(block.up, block.down)

    def mlp(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        return self.lowered(x)

    def _save_to_state_dict(self, *args: Any, **options: Any) -> None:
        raise RuntimeError("a codec of lowered precision has no weights to save; save the one it was made from")

    def _load_from_state_dict(self, *args: Any, **options: Any) -> None:
        raise RuntimeError("a codec of lowered precision takes no weights; load them into an exact one and lower that")


class Blocks(nn.Sequential):
    """ConvNeXt blocks in a row."""

    def __init__(self, count: int, dim: int, kernel_size: int, expansion: int):
        super().__init__(*(ConvNeXtBlock(dim, kernel_size, expansion) for _ in range(count)))

    def forward(self, x: Tensor, past: Past | None = None, last: bool = True) -> Tensor:
        """Frames [B, T, D] -> those that are certain; without a past, the whole utterance."""
        past = Past() if past is None else past
        for block in self:
            x = block(x, past, last)
        return x

    def lower_precision(self) -> None:
        """Turn every block into one of bfloat16, which has no way back."""
        for number, block in enumerate(self):
            if type(block) is ConvNeXtBlock:
                self[number] = BFloat16Block(block)
