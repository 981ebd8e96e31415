"""`--trainer.strategy=fsdp2`: weights, gradients and states of the optimisers divided among the processes.

Checkpoints are whole and the same as those of every other strategy, so a run goes on with any number of processes,
sharded or not. Source: PyTorch FSDP2, `torch.distributed.fsdp.fully_shard` (arXiv 2304.11277).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._pytree import tree_map

NAME = "fsdp2"  # of the strategy


class FullySharded(ModelParallelStrategy):
    """Lightning's strategy for `fully_shard`; modules say in `sharded_parts` what is sharded and gathered together."""

    def __init__(self, processes: int):
        super().__init__(data_parallel_size=processes, tensor_parallel_size=1, save_distributed_checkpoint=False)
        self.scalars: set[str] = set()  # parameters without dimensions, which FSDP2 refuses

    @property
    def lightning_restore_optimizer(self) -> bool:
        """States are given back by load_optimizer_state_dict."""
        return True

    def setup(self, trainer: Any) -> None:
        """Shard, then what Lightning does for a module that did so itself."""
        self.accelerator.setup(trainer)  # type: ignore[union-attr]
        module: Any = self.lightning_module
        self.scalars = widen_scalars(module)
        shard(module.sharded_parts(), self.device_mesh["data_parallel"])
        self.model_to_device()
        self.barrier()
        self.setup_optimizers(trainer)
        self.setup_precision_plugin()

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """All weights, on all processes."""
        whole = gathered(self.lightning_module.state_dict())  # type: ignore[union-attr]
        return {name: tensor.view(()) if name in self.scalars else tensor for name, tensor in whole.items()}

    def optimizer_state(self, optimizer: Any) -> dict[str, Any]:
        """All states, numbered as without sharding."""
        state = gathered(getattr(optimizer, "_optimizer", optimizer).state_dict())
        names = {parameter: name for name, parameter in self.lightning_module.named_parameters()}  # type: ignore[union-attr]
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        for index, values in state["state"].items():
            if names[parameters[index]] in self.scalars:
                state["state"][index] = {name: value.view(()) for name, value in values.items()}
        return state

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a whole checkpoint on every process, from disk as it is needed."""
        return torch.load(Path(checkpoint_path), map_location="cpu", mmap=True, weights_only=True)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Take this process's part of the weights."""
        module, given = self.lightning_module, checkpoint["state_dict"]
        mine = module.state_dict()  # type: ignore[union-attr]
        module.load_state_dict({name: like(mine[name], given[name]) for name in mine}, strict=strict)  # type: ignore[union-attr]

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Take this process's part of the states."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            own = {index: states_like(parameters[index], values) for index, values in state["state"].items()}
            optimizer.load_state_dict({**state, "state": own})


def widen_scalars(module: nn.Module) -> set[str]:
    """Give parameters without dimensions one; returns their names."""
    found = [name for name, parameter in module.named_parameters() if parameter.dim() == 0]
    for name in found:
        owner, _, own = name.rpartition(".")
        parameter = module.get_parameter(name)
        wide = nn.Parameter(parameter.detach().view(1), requires_grad=parameter.requires_grad)
        setattr(module.get_submodule(owner), own, wide)
    return set(found)


def shard(parts: Mapping[nn.Module, tuple[str, ...]], mesh: Any) -> None:
    """Shard modules, inner ones first, and gather them whenever they, or their named methods, are called."""
    for part, methods in parts.items():
        # The default leaves the outermost whole until it is called on the way back, which never comes in validation.
        fully_shard(part, mesh=mesh, reshard_after_forward=True)
        # By default processes are averaged by an operation in whose place gloo, in some versions of PyTorch, sums and
        # says nothing (pytorch/pytorch#162338). A sum that FSDP2 divides itself is right with every backend.
        part.set_force_sum_reduction_for_comms(True)  # type: ignore[operator]
        for method in methods:
            register_fsdp_forward_method(part, method)


def gathered(values: Any) -> Any:
    """Nested tensors, whole and on the CPU. All processes must ask for them together."""

    def whole(value: Any) -> Any:
        if isinstance(value, DTensor):
            value = value.full_tensor()
        return value.detach().cpu() if isinstance(value, Tensor) else value

    return tree_map(whole, values)


def like(mine: Tensor, whole: Tensor) -> Tensor:
    """A whole tensor, divided as `mine` is."""
    if not isinstance(mine, DTensor):
        return whole
    return distribute_tensor(whole.reshape(mine.shape).to(mine.device), mine.device_mesh, mine.placements)


def states_like(parameter: Tensor, states: dict[str, Tensor]) -> dict[str, Tensor]:
    """What an optimiser knows of a parameter, divided as it is; its number of steps is not."""
    return {name: value if name == "step" else like(parameter, value) for name, value in states.items()}
