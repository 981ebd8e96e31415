"""A step's segments in parts, one after the other: the update of all at once, in the memory of one part."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from codec.lite.convnext import ConvNeXtBlock, Past


class Means:
    """Running means of losses over the parts of a step, each by its share."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}

    def add(self, share: float, losses: Mapping[str, Tensor]) -> None:
        """Those of a part, which has `share` of the step's segments."""
        for name, loss in losses.items():
            part = loss.detach() * share
            self.values[name] = self.values[name] + part if name in self.values else part


def shares_of(size: int, count: int) -> list[tuple[slice, float]]:
    """`size` segments in `count` parts, or fewer where there are not as many: which, and what share of all."""
    most = -(-size // count)
    parts = [slice(begin, min(begin + most, size)) for begin in range(0, size, most)]
    return [(part, (part.stop - part.start) / size) for part in parts]


def recomputed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose inner values are not kept but computed anew on the way back, from the same random numbers.

    Without gradients it is called as it is.
    """

    def called(*args: Any) -> Any:
        return checkpoint(function, *args, use_reentrant=False) if torch.is_grad_enabled() else function(*args)

    return called


def recompute(network: nn.Module, *kinds: type[nn.Module]) -> None:
    """Have the modules of some kinds in a network `recomputed`; a ConvNeXtBlock sees whole utterances from here on."""
    for module in network.modules():
        if isinstance(module, ConvNeXtBlock) and ConvNeXtBlock in kinds:
            module.forward = of_the_whole(module.forward)  # type: ignore[method-assign, assignment]
        elif isinstance(module, kinds):
            module.forward = recomputed(module.forward)


def of_the_whole(forward: Callable[[Tensor, Past, bool], Tensor]) -> Callable[[Tensor, Past, bool], Tensor]:
    """A block's forward that is `recomputed`: a past would be another one the second time, so it has none."""
    alone = recomputed(lambda x: forward(x, Past(), True))

    def called(x: Tensor, past: Past, last: bool) -> Tensor:
        return alone(x) if torch.is_grad_enabled() else forward(x, past, last)

    return called
