"""What discriminators say, and the least-squares losses of it that every family trains with, in float32.

Source: least-squares GAN (Mao et al., arXiv 1611.04076), as in HiFi-GAN (arXiv 2010.05646).
"""

from collections.abc import Sequence
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


def check_finite(losses: Sequence[Tensor], step: int) -> None:
    """Stop training before weights are saved that a loss has spoilt; on a GPU, the one wait of a step.

    Args:
        losses: of one step, scalars.
        step: its number, from 0.

    Raises:
        FloatingPointError: one is NaN or infinite.
    """
    values = torch.stack([loss.detach().float() for loss in losses])
    if not bool(torch.isfinite(values).all()):
        first = values[~torch.isfinite(values)][0]
        raise FloatingPointError(f"the loss became {float(first)} in step {step + 1}")
