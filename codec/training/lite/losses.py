"""Losses of the lite family. Each returns a scalar; lower is better. Shapes: B batch, S frames, W values of a frame."""

import torch
from torch import Tensor

from codec.training.adversarial import DiscriminatorOutput


def feature_loss(estimate: Tensor, target: Tensor, pitch_weight: float) -> Tensor:
    """L1 between features [B, S, W]; log f0 counts `pitch_weight` bands where voiced and little elsewhere."""
    error = (estimate - target).abs()
    voiced = ((target[..., -1] + 1) / 2).square() + 0.02
    return error[..., :-2].mean() + error[..., -1].mean() / 10 + pitch_weight * (voiced * error[..., -2]).mean()


def feature_matching_loss(real: DiscriminatorOutput, fake: DiscriminatorOutput) -> Tensor:
    """L1 between discriminator features, each layer relative to the level of the real one."""
    losses = []
    for ours, theirs in zip(fake.features, real.features, strict=True):
        losses.append((ours - theirs.detach()).abs().mean() / (theirs.detach().abs().mean() + 1e-4))
    return torch.stack(losses).mean()
