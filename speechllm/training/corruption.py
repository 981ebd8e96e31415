"""What of an utterance a model may see while it learns: some of it is hidden, some of it is wrong.

All of it follows from the seed, the utterance's name and the pass over the data: whatever else is in a batch, however
many processes there are and whether a run was interrupted makes no difference.

Shapes: T frames, P digits of a frame; of steps where a model writes several frames in one.
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

VOICE, HIDING, NOISE = range(3)  # purposes of random numbers; those of one are drawn whatever another does


def random_of(seed: int, name: str, epoch: int, purpose: int) -> np.random.Generator:
    """Random numbers of an utterance in a pass over the data."""
    key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng((seed, key, epoch, purpose))


class Seen(NamedTuple):
    """What a model may see of one utterance."""

    digits: Tensor  # int64 [T, P], some moved by one level
    keep: Tensor  # bool [T], frames that are not hidden
    text: bool
    speaker: bool  # the speaker's vector
    prompt: bool  # the recording of the speaker


@dataclass(frozen=True)
class Corruption:
    """Shares, 0 to 1; see configs/speechllm/small.yaml."""

    hidden_frames: float
    noisy_digits: float
    hidden_texts: float
    hidden_speakers: float
    hidden_prompts: float

    def of(self, digits: Tensor, levels: Tensor, seed: int, name: str, epoch: int) -> Seen:
        """What is seen of the utterance `name` with true digits int64 [T, P] of `levels` int64 [P]."""
        rng = random_of(seed, name, epoch, HIDING)
        text, speaker, prompt = rng.random(3)
        keep = rng.random(len(digits), dtype=np.float32) >= self.hidden_frames
        rng = random_of(seed, name, epoch, NOISE)
        hit = rng.random(digits.shape, dtype=np.float32) < self.noisy_digits
        noise = torch.from_numpy(hit * (2 * rng.integers(0, 2, digits.shape) - 1))
        return Seen(
            torch.minimum((digits + noise).clamp(min=0), levels - 1),
            torch.from_numpy(keep),
            bool(text >= self.hidden_texts),
            bool(speaker >= self.hidden_speakers),
            bool(prompt >= self.hidden_prompts),
        )
