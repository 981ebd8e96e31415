"""What discriminators say, and the least-squares losses of it that every family trains with, in float32.

Source: least-squares GAN (Mao et al., arXiv 1611.04076), as in HiFi-GAN (arXiv 2010.05646).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class DiscriminatorOutput(NamedTuple):
    """Of one discriminator."""

    scores: Tensor  # of each patch, 1 = real
    features: list[Tensor]  # of every layer


def adversarial_loss(fake: DiscriminatorOutput) -> Tensor:
    """How far the scores of what was generated are from 1: a scalar, lower is better for the codec."""
    return (1 - fake.scores.float()).square().mean()


def discriminator_loss(real: DiscriminatorOutput, fake: DiscriminatorOutput) -> Tensor:
    """How far real scores are from 1 and generated ones from 0: a scalar, lower is better for the discriminator."""
    return ((1 - real.scores.float()).square().mean() + fake.scores.float().square().mean()) / 2


def rename_discriminators(checkpoint: dict[str, Any]) -> None:
    """In a Lightning checkpoint of before `judges` became `discriminators`, rename their weights."""
    state = checkpoint["state_dict"]
    checkpoint["state_dict"] = {
        f"discriminators.{name.removeprefix('judges.')}" if name.startswith("judges.") else name: tensor
        for name, tensor in state.items()
    }


def check_finite(loss: Tensor, step: int) -> None:
    """Stop training before weights are lost.

    Raises:
        FloatingPointError: the loss is NaN or infinite.
    """
    if not bool(torch.isfinite(loss)):
        raise FloatingPointError(f"the loss became {float(loss)} in step {step + 1}")
