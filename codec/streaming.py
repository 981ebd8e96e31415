"""Decoding codes as they arrive. Shapes: B batch, K codebooks, t frames of one push."""

from typing import Any

import torch
from torch import Tensor

from codec.base import Codec


class CodecStream:
    """Decode one batch of utterances piece by piece; the pieces joined are the audio of the whole.

    A frame is decoded once `codec.context` frames after it are known, so audio trails the codes by
    `codec.lookahead_ms`; `flush` gives the rest. What is kept is the recent codes and the codec's own state.
    """

    def __init__(self, codec: Codec):
        self.codec = codec
        self.codes: Tensor | None = None  # the window, [B, K, t]
        self.first = 0  # absolute frame number of the window's first frame
        self.done = 0  # frames already rendered
        self.state: Any = None
        self.ended = False

    @torch.inference_mode()
    def push(self, codes: Tensor) -> Tensor:
        """Add codes int64 [B, K, t]; returns the audio [B, 1, n] that has become certain, n may be 0.

        Raises:
            ValueError: codes of the wrong shape, batch or range; the stream stays as it was. A stream that is over.
        """
        if self.ended:
            raise ValueError("got push() on a stream after its flush(); start another with codec.stream()")
        self.codec.quantizer.check(codes)
        if self.codes is not None and codes.shape[0] != self.codes.shape[0]:
            raise ValueError(f"got codes of {codes.shape[0]} items; this stream decodes {self.codes.shape[0]}")
        if self.codes is None:
            self.codes, self.state = codes, self.codec.init_state(codes)
        else:
            self.codes = torch.cat([self.codes, codes], dim=2)
        return self._render(self.first + self.codes.shape[2] - self.codec.context)

    @torch.inference_mode()
    def flush(self) -> Tensor:
        """The rest of the audio [B, 1, n]; the stream is at its end afterwards."""
        if self.codes is None:
            raise ValueError("got flush() on a stream without codes; push at least one frame first")
        self.ended = True
        return self._render(self.first + self.codes.shape[2])

    def _render(self, stop: int) -> Tensor:
        assert self.codes is not None
        if stop <= self.done:
            return torch.zeros(self.codes.shape[0], 1, 0, device=self.codes.device)
        audio, self.state = self.codec.render(self.codes, self.first, self.done, stop, self.state)
        self.done = stop
        keep = max(self.done - self.codec.history, self.first)
        self.codes, self.first = self.codes[:, :, keep - self.first :], keep
        return audio[:, None]
