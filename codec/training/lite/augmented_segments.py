"""Segments of features that are another's at every step: what the encoder hears beside what the decoder is to say."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from codec.training.lite.augmentation import Augmenter
from codec.training.segments import FeatureSegments


class AugmentedSegments(FeatureSegments):
    """Pairs float32 [2, segment, W], input and target.

    Args:
        features, segment, stack: as of FeatureSegments.
        augmenter: makes a pair out of a stretch of features.
        names, options: as of FeatureSegments.
    """

    def __init__(
        self,
        features: Sequence[Tensor],
        segment: int,
        stack: int,
        augmenter: Augmenter,
        names: Sequence[str] = (),
        **options: int,
    ):
        super().__init__(features, segment, stack, names, **options)
        self.augmenter = augmenter

    def cut(self, chosen: int, rng: np.random.Generator) -> Tensor:
        """A random stretch of one utterance, at any speed, changed."""

        def background() -> np.ndarray:
            return super(AugmentedSegments, self).cut(int(rng.integers(len(self.features))), rng).numpy()

        features = self.features[chosen]
        count = min(self.augmenter.source_frames(self.segment, rng), len(features))
        start = int(rng.integers(0, len(features) - count + 1))
        source = features[start : start + count].float().numpy()
        return torch.from_numpy(np.stack(self.augmenter(source, self.segment, background, rng)))
