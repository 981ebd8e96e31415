"""What a lite codec's training has of the segments of a step.

Shapes: B batch, S STFT frames, F bins, W values of a frame, D latent channels, T codec frames.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

Term = tuple[float, str, Tensor]  # weight, name, value of a loss


class Inputs(NamedTuple):
    """What a batch says."""

    features: Tensor  # [B, S, W]
    target: Tensor  # [B, S, W], what the decoder should give
    envelope: Tensor | None  # [B, S, F]; None = of features alone


class Results(NamedTuple):
    """What the codec makes of a batch."""

    pairs: dict[str, tuple[Tensor, Tensor]]  # of each part that learns, what it should give and what it gives
    latents: Tensor | None  # [B, D, T]


class Whole(NamedTuple):
    """What losses have to know of all segments of a step, where these come in parts; empty where there is one part."""

    usage: tuple[Tensor, Sequence[Tensor]] | None = None  # loss, and its gradients by the latents of each part
    levels: Mapping[str, list[Tensor]] = {}  # of the layers of each discriminator


Part = tuple[float, Inputs]  # share of the step's segments
