"""Streams of codecs whose decoder takes a window of codes: the window is decoded anew with every push.

Shapes: B batch, K codebooks, t frames of a window or of one push.
"""

from typing import Any

import torch
from torch import Tensor

from codec.interface import Codec, CodecStream


class WindowCodec(Codec):
    """A codec that can decode a window of codes out of an utterance."""

    @property
    def history(self) -> int:
        """Codec frames before a frame that have to be decoded again with it."""
        return self.context

    def stream(self) -> CodecStream:
        """See Codec.stream."""
        return WindowStream(self)

    def init_state(self, codes: Tensor) -> Any:
        """State of a stream of a batch like `codes` before its first frame."""
        raise NotImplementedError

    def render(self, codes: Tensor, first: int, start: int, stop: int, state: Any) -> tuple[Tensor, Any]:
        """Audio of the frames start..stop out of a window of codes.

        Args:
            codes: int64 [B, K, t], the frames first .. first + t; they reach `history` frames before `start` and
                `context` beyond `stop`, or to the ends of the utterance.
            first: absolute frame number of the window's first frame.
            start: absolute frame number, the first to render.
            stop: absolute frame number after the last to render.
            state: from init_state or the call before, of which `stop` was this `start`.

        Returns:
            audio [B, (stop - start) * hop_length], and the state of the next call.
        """
        raise NotImplementedError


class WindowStream(CodecStream):
    """Decodes each push anew, with the window of codes around it."""

    codec: WindowCodec

    def __init__(self, codec: WindowCodec):
        super().__init__(codec)
        self.codes: Tensor | None = None  # the window, [B, K, t]
        self.first = 0  # absolute frame number of the window's first frame
        self.state: Any = None

    def advance(self, codes: Tensor, last: bool) -> Tensor:
        """See CodecStream."""
        if self.codes is None:
            self.codes, self.state = codes, self.codec.init_state(codes)
        else:
            self.codes = torch.cat([self.codes, codes], dim=2)
        stop = self.first + self.codes.shape[2] - (0 if last else self.codec.context)
        if stop <= self.done:
            return torch.zeros(self.codes.shape[0], 0, device=self.codes.device)
        audio, self.state = self.codec.render(self.codes, self.first, self.done, stop, self.state)
        self.done = stop
        keep = max(self.done - self.codec.history, self.first)
        self.codes, self.first = self.codes[:, :, keep - self.first :], keep
        return audio
