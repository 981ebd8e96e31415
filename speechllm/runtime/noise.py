"""Random numbers of a request, the same as those the torch engine draws.

Torch's generator on a CPU is MT19937, as numpy's; a float32 takes the lower 24 bits of a number.
"""

import numpy as np


class Noise:
    """log(-log(uniform)): the largest of logits minus it is a draw from their softmax.

    Args:
        seed: of the stream, 0 to 2**63 - 1.
    """

    def __init__(self, seed: int):
        self.generator = np.random.RandomState(seed & 0xFFFFFFFF)

    def draw(self, *shape: int) -> np.ndarray:
        """Float32 [*shape]."""
        bits = self.generator.randint(0, 2**32, shape, dtype=np.uint32)
        uniform = (bits & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)
        return np.log(-np.log(np.maximum(uniform, np.float32(1e-20))))
