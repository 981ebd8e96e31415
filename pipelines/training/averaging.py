"""A running mean of the weights (EMA), which is often better than the last of them: kept beside them, and exported."""

from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from pipelines.training.sharding import gathered, like

KEY = "average"  # in a checkpoint


class Average(Callback):
    """weights' mean = decay * mean + (1 - decay) * weights, after every step; each process keeps its part of them.

    Args:
        decay: 0 to 1, such as 0.999: about the mean of the last thousand steps.
    """

    def __init__(self, decay: float):
        self.decay, self.step = decay, 0
        self.mean: dict[str, Tensor] = {}
        self.before: dict[str, Tensor] = {}  # of the checkpoint that is gone on from

    def on_load_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """A run that had none so far begins one."""
        self.before = checkpoint.get(KEY, {})

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Begin with the weights as they are, or with what the checkpoint has."""
        parameters = {name: parameter.detach() for name, parameter in module.named_parameters()}
        self.mean = {name: tensor.clone() for name, tensor in parameters.items()}
        for name, tensor in self.before.items():
            self.mean[name].copy_(like(self.mean[name], tensor))
        self.before, self.step = {}, int(module.step)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Once a step, however many batches it has."""
        if int(module.step) == self.step:
            return
        self.step = int(module.step)
        weights = [parameter.detach() for parameter in module.parameters()]
        torch._foreach_lerp_(list(self.mean.values()), weights, 1 - self.decay)
        for mean, weight in zip(self.mean.values(), weights, strict=True):
            # What has not moved, as a frozen encoder, keeps its bits, of which fingerprints are made: -0.0 becomes 0.0.
            mean.copy_(torch.where(mean == weight, weight, mean))

    def on_save_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """The mean goes on with the run."""
        shapes = {name: tensor.shape for name, tensor in checkpoint["state_dict"].items()}
        checkpoint[KEY] = {name: tensor.view(shapes[name]) for name, tensor in gathered(self.mean).items()}
