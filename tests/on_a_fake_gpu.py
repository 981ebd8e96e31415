"""A GPU as far as shapes and devices go, for machines without one: torch's fake tensors say they are on `cuda`.

An operation that mixes devices, or whose result Python would have to look at, fails as it would where a step is
captured. What is made on the CPU on the way is noted.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from codec.dsp.spectral import hann, mel_filters

OTHERS = {Tensor.copy_: torch.ops.aten.copy_, Tensor.contiguous: torch.ops.aten.contiguous}


class Indexing(TorchFunctionMode):
    """`x[...]` and the like by the operations they stand for: torch's own way asks for the device's driver."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.__getitem__:
            return look_up(*args)
        if func is Tensor.__setitem__:
            x, index, value = args
            return put(x, index, value)
        if func in OTHERS:
            return OTHERS[func](*args)
        return func(*args, **(kwargs or {}))


def parts_of(x: Tensor, index: Any) -> list[Any]:
    """An index as a list without an ellipsis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    places = [number for number, part in enumerate(parts) if part is Ellipsis]
    if places:
        used = sum(part is not None and part is not Ellipsis for part in parts)
        parts[places[0] : places[0] + 1] = [slice(None)] * (x.dim() - used)
    return parts


def view(x: Tensor, parts: list[Any]) -> tuple[Tensor, list[Tensor | None]]:
    """What numbers, slices and new axes leave of x, and the tensors that index the axes of that."""
    axis, tensors = 0, []
    for part in parts:
        if isinstance(part, int):
            x = x.select(axis, part)
            continue
        if part is None:
            x = x.unsqueeze(axis)
        elif isinstance(part, slice):
            begin, stop, step = part.indices(x.shape[axis])
            x = torch.ops.aten.slice(x, axis, begin, stop, step)
        tensors.append(part if isinstance(part, Tensor) else None)
        axis += part.dim() if isinstance(part, Tensor) and part.dtype == torch.bool else 1
    return x, tensors


def look_up(x: Tensor, index: Any) -> Tensor:
    """x[index]."""
    x, tensors = view(x, parts_of(x, index))
    return x if all(part is None for part in tensors) else torch.ops.aten.index(x, tensors)


def put(x: Tensor, index: Any, value: Any) -> None:
    """x[index] = value."""
    x, tensors = view(x, parts_of(x, index))
    if not isinstance(value, Tensor):
        value = torch.full((), value, dtype=x.dtype, device=x.device)
    if all(part is None for part in tensors):
        x.copy_(value)
    else:
        torch.ops.aten.index_put_(x, tensors, value)


class FakeGPU(FakeTensorMode):
    """Tensors made inside are fake. Operations that give one on the CPU are noted, but for single numbers."""

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)
        self.allow_meta = True
        self.on_cpu: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = super().__torch_dispatch__(func, types, args, kwargs or {})
        for one in tree_leaves(result):
            if isinstance(one, Tensor) and one.device.type == "cpu" and one.dim():
                self.on_cpu.append(f"{func} {list(one.shape)}")
        return result


@contextmanager
def fake_gpu() -> Iterator[FakeGPU]:
    """What is inside runs on the fake GPU, as far as it asks for `cuda`."""
    autocast = torch.autocast
    patched = patch("torch.autocast", lambda kind, **how: nullcontext() if kind == "meta" else autocast(kind, **how))
    try:
        with patched, FakeGPU() as noted, Indexing():
            yield noted
    finally:
        for table in (hann, mel_filters):  # they are kept for the next one who asks
            table.cache_clear()


def to_gpu(module: nn.Module, device: str = "cuda") -> Any:
    """A module with its weights and tables on the fake GPU, inside fake_gpu."""
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    learned = isinstance(tensor, nn.Parameter)
                    tensors[name] = nn.Parameter(fake, tensor.requires_grad) if learned else fake
    return module
