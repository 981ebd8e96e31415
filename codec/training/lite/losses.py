"""Losses of codec training. Each returns a scalar; lower is better. Shapes: B batch, S frames, W values of a frame."""

import torch
from torch import Tensor

from codec.training.lite.discriminators import Judgement


def feature_loss(estimate: Tensor, target: Tensor, pitch_weight: float) -> Tensor:
    """L1 between features [B, S, W]; log f0 counts `pitch_weight` bands where voiced and little elsewhere."""
    error = (estimate - target).abs()
    voiced = ((target[..., -1] + 1) / 2).square() + 0.02
    return error[..., :-2].mean() + error[..., -1].mean() / 10 + pitch_weight * (voiced * error[..., -2]).mean()


def adversarial_loss(judged: Judgement) -> Tensor:
    """Least squares: how far the scores of what was generated are from 1."""
    return (1 - judged[0]).square().mean()


def discriminator_loss(real: Judgement, fake: Judgement) -> Tensor:
    """Least squares: real towards 1, generated towards 0."""
    return ((1 - real[0]).square().mean() + fake[0].square().mean()) / 2


def feature_matching_loss(real: Judgement, fake: Judgement) -> Tensor:
    """L1 between discriminator features, each layer relative to the level of the real one."""
    losses = []
    for ours, theirs in zip(fake[1], real[1], strict=True):
        losses.append((ours - theirs.detach()).abs().mean() / (theirs.detach().abs().mean() + 1e-4))
    return torch.stack(losses).mean()
