"""Losses of the lite family. Each returns a scalar; lower is better. Shapes: B batch, S frames, W values of a frame."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from codec.lite.codec import LiteCodec
from codec.training.adversarial import DiscriminatorOutput


def feature_loss(estimate: Tensor, target: Tensor, pitch_weight: float) -> Tensor:
    """L1 between features [B, S, W]; log f0 counts `pitch_weight` bands where voiced and little elsewhere."""
    error = (estimate - target).abs()
    voiced = ((target[..., -1] + 1) / 2).square() + 0.02
    return error[..., :-2].mean() + error[..., -1].mean() / 10 + pitch_weight * (voiced * error[..., -2]).mean()


def feature_matching_loss(
    real: DiscriminatorOutput, fake: DiscriminatorOutput, known: Sequence[Tensor] | None = None
) -> Tensor:
    """L1 between discriminator features, each layer relative to the level of the real one.

    Args:
        real, fake: what a discriminator says of both.
        known: `levels` of a whole of which `real` is a part; None = it is the whole, or a process's share of it.
    """
    losses = []
    whole = [over_processes(level) for level in levels(real)] if known is None else known
    for ours, theirs, level in zip(fake.features, real.features, whole, strict=True):
        losses.append((ours.float() - theirs.detach().float()).abs().mean() / (level + 1e-4))
    return torch.stack(losses).mean()


def levels(real: DiscriminatorOutput) -> Tensor:
    """Mean absolute values of each layer, [layers]."""
    return torch.stack([layer.detach().float().abs().mean() for layer in real.features])


def over_processes(mean: Tensor) -> Tensor:
    """The mean over one process's share of a batch -> over the whole batch, of which all have equal shares."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return mean
    total = mean.clone()
    torch.distributed.all_reduce(total)
    return total / torch.distributed.get_world_size()


def listening_loss(codec: LiteCodec, listener: Callable[[Tensor], Tensor], target: Tensor, estimate: Tensor) -> Tensor:
    """How differently a listener hears decoded features [B, S, W] and those that were wanted, nats per step of his.

    Discriminators ask for features of speech, of any speech; this asks for the same sounds. Both are coded again, and
    the gradient goes through the encoder.

    Args:
        codec: that codes them.
        listener: from values of codes float32 [B, T, D] in [-1, 1] to log probabilities of sounds [B, R, V].
        target, estimate: features wanted and decoded.
    """

    def hear(features: Tensor) -> Tensor:
        return listener(codec.quantizer(codec.encoder(features))[0].transpose(1, 2).float())

    with torch.no_grad():
        wanted = hear(target)
    return (wanted.exp() * (wanted - hear(estimate))).sum(-1).mean()


def usage_loss(squashed: Tensor) -> Tensor:
    """How far codes are from being used alike: 0 where every channel is uniform over (-1, 1) and they are uncorrelated.

    A quantiser whose levels are not used alike says less than its bits could. The distance of each channel from uniform
    is that of sorted values to even ones (Wasserstein distance, squared, in the variance of the uniform distribution);
    correlation between channels is squared too.

    Args:
        squashed: latents in (-1, 1), [B, D, T]; some hundred frames in all.
    """
    values = squashed.transpose(1, 2).flatten(0, 1)  # [n, D]
    count, channels = values.shape
    even = (torch.arange(count, device=values.device) + 0.5) / count * 2 - 1
    distance = 3 * (values.sort(0).values - even[:, None]).square().mean()
    standard = (values - values.mean(0)) / (values.std(0) + 1e-4)
    with torch.autocast(values.device.type, enabled=False):  # a sum over frames that bfloat16 would round
        correlation = standard.T @ standard / count
    others = correlation.square().sum() - correlation.diagonal().square().sum()
    return distance + others / (channels * (channels - 1))
