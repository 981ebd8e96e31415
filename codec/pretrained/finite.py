"""Weights that are no numbers make a codec that is silent or noise, and nothing else says so."""

from collections.abc import Mapping

import torch
from torch import Tensor


def refuse_not_finite(weights: Mapping[str, Tensor], source: object) -> None:
    """Raise ValueError if any weight is NaN or infinite; `source` is where they are."""
    for name, tensor in weights.items():
        # NaN is least and most wherever it is; looking at every number takes twenty times as long.
        if tensor.numel() and tensor.is_floating_point() and not torch.stack(torch.aminmax(tensor)).isfinite().all():
            bad = int((~tensor.isfinite()).sum())
            raise ValueError(f"{source}: {name} has {bad} of {tensor.numel()} weights NaN or infinite; get it again")
