"""Weights that are no numbers make a model that says nothing, and nothing else says so."""

from collections.abc import Mapping

import torch
from torch import Tensor


def refuse_not_finite(weights: Mapping[str, Tensor], source: object) -> None:
    """Raise ValueError if any weight is NaN or infinite; `source` is where they are."""
    for name, tensor in weights.items():
        # A sum is finite only if all of it is, and takes a fraction of the time.
        if tensor.is_floating_point() and not tensor.sum(dtype=torch.float64).isfinite():
            bad = int((~tensor.isfinite()).sum())
            raise ValueError(f"{source}: {name} has {bad} of {tensor.numel()} weights NaN or infinite; get it again")
