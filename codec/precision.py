"""In which precision a codec computes: codes always in float32, and products in bfloat16 where audio may be less exact.

A processor's bfloat16 and a GPU's TF32 round a latent past the border between two levels in one frame out of ten, so
nothing that surrounds a call may choose them for it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROW_MULTIPLE = 32  # of rows in a product
ROWS_HINT = 128  # rows oneDNN lays the weights out for

P = ParamSpec("P")
R = TypeVar("R")


class Switch(NamedTuple):
    """Something of torch's that may let products be rounded."""

    owner: Any
    name: str
    exact: tuple[Any, ...]  # values that forbid it, the first of them to be set


class MatmulPrecision:
    """torch.set_float32_matmul_precision as an attribute."""

    @property
    def precision(self) -> str:
        """highest, high or medium."""
        return torch.get_float32_matmul_precision()

    @precision.setter
    def precision(self, value: str) -> None:
        torch.set_float32_matmul_precision(value)


MATMUL = MatmulPrecision()


class ExactProducts:
    """The process's switches that let float32 products be rounded, off while any thread is inside.

    Each is read from the general to the particular, so that one that follows another is not set itself.
    """

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0
        self.changed: list[tuple[Any, str, Any]] = []

    @staticmethod
    def switches() -> list[Switch]:
        """Torch's present switches; none before 2.9."""
        b: Any = torch.backends
        if not hasattr(b, "fp32_precision"):
            return []
        parts = b, b.cudnn, b.mkldnn, b.cuda.matmul, b.cudnn.conv, b.cudnn.rnn, b.mkldnn.matmul, b.mkldnn.conv
        return [Switch(part, "fp32_precision", ("ieee", "none")) for part in parts]

    @staticmethod
    def former_switches() -> list[Switch]:
        """Those from before, which torch does not read any more once a present one says something else."""
        return [Switch(MATMUL, "precision", ("highest",)), Switch(torch.backends.cudnn, "allow_tf32", (False,))]

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside > 1:
                return
            # Former ones first: as long as they agree with the present ones, torch reads either.
            for switch in [*self.former_switches(), *self.switches()]:
                with suppress(RuntimeError):  # a former one that disagrees; the present ones are then set
                    value = getattr(switch.owner, switch.name)
                    if value not in switch.exact:
                        self.changed.append((switch.owner, switch.name, value))
                        setattr(switch.owner, switch.name, switch.exact[0])

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            while not self.inside and self.changed:
                setattr(*self.changed.pop())


EXACT_PRODUCTS = ExactProducts()


@contextmanager
def no_rounding() -> Iterator[None]:
    """Float32 as written: without autocast, TF32 or bfloat16 products, whatever surrounds this."""
    with ExitStack() as stack:
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(EXACT_PRODUCTS)
        yield


@contextmanager
def exact_inference() -> Iterator[None]:
    """Without gradients and as `no_rounding`; the tensors made are ordinary ones, which may be changed afterwards."""
    with torch.inference_mode(False), torch.no_grad(), no_rounding():
        yield


def exactly(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function, or every step of a generator, in `exact_inference`."""
    if isgeneratorfunction(function):

        @wraps(function)
        def steps(*args: P.args, **options: P.kwargs) -> Iterator[Any]:
            items = cast(Iterator[Any], function(*args, **options))
            while True:
                with exact_inference():
                    try:
                        item = next(items)
                    except StopIteration:
                        return
                yield item

        return cast(Callable[P, R], steps)

    @wraps(function)
    def once(*args: P.args, **options: P.kwargs) -> R:
        with exact_inference():
            return function(*args, **options)

    return once


class Constants(nn.Module):
    """A module with tables that follow from its configuration: never saved, never rounded, never left unset.

    `half` and `bfloat16` leave their types as they are, and after `to_empty` they hold their numbers again.
    """

    def constants(self) -> dict[str, Tensor]:
        """The tables by name, on the CPU, also while a module is made on meta."""
        raise NotImplementedError

    def register_constants(self) -> None:
        """Make them buffers."""
        for name, table in self.constants().items():
            self.register_buffer(name, table, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Constants":
        super()._apply(fn, recurse)
        for name, table in self.constants().items():
            setattr(self, name, table.to(getattr(self, name).device))
        return self


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
