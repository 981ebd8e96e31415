"""The reader: the head that says which token of the text a frame speaks.

Shapes: B batch, S text positions, T frames (steps), D width, W reader window.
"""

import torch
from torch import Tensor, nn


class Reader(nn.Module):
    """Which token a frame speaks, out of the W that start at the one before.

    A monotonic pointer like those of neural HMM TTS (arXiv 2108.13320).
    """

    def __init__(self, dim: int, window: int):
        super().__init__()
        self.window = window
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.advance = nn.Linear(dim, window)  # how far, whatever the tokens are

    def logits(self, x: Tensor, keys: Tensor, previous: Tensor, text_lengths: Tensor) -> Tensor:
        """Scores of the window's tokens.

        Args:
            x: frame states [B, T, D].
            keys: self.key of the text states [B, S, D].
            previous: token of the frame before, int64 [B, T].
            text_lengths: int64 [B], or of each frame [B, T]; tokens from there on are forbidden.

        Returns:
            float [B, T, W]; entry w is for token previous + w.
        """
        index = previous[..., None] + torch.arange(self.window, device=x.device)  # [B, T, W]
        rows = torch.arange(x.shape[0], device=x.device)[:, None, None]
        nearby = keys[rows, index.clamp(max=keys.shape[1] - 1)]  # [B, T, W, D]
        scores = (nearby @ self.query(x)[..., None])[..., 0] * x.shape[-1] ** -0.5 + self.advance(x)
        ends = text_lengths.view(len(text_lengths), -1, 1)
        return scores.masked_fill(index >= ends, float("-inf"))
