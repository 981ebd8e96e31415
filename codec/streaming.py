"""Decoding codes as they arrive. Shapes: B batch, K codebooks, t frames of one push."""

import copy
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from codec.interface import Codec


class CodecStream(ABC):
    """Decode one batch of utterances piece by piece; the pieces joined are the audio of the whole.

    A frame is decoded once `codec.context` frames after it are known, so audio trails the codes by
    `codec.lookahead_ms`; `flush` gives the rest. What is kept does not grow.
    """

    def __init__(self, codec: Codec):
        self.codec = codec
        self.done = 0  # frames already rendered
        self.none: Tensor | None = None  # codes [B, K, 0], once the first have come
        self.ended = False

    @torch.inference_mode()
    def push(self, codes: Tensor) -> Tensor:
        """Add codes int64 [B, K, t]; returns the audio [B, 1, n] that has become certain, n may be 0.

        Raises:
            ValueError: codes of the wrong shape, batch or range; the stream stays as it was. A stream that is over.
        """
        self.check(codes)
        return self.advance(codes, last=False)[:, None]

    @torch.inference_mode()
    def flush(self, codes: Tensor | None = None) -> Tensor:
        """The rest of the audio [B, 1, n], after the last codes if given; the stream is at its end afterwards.

        Raises:
            ValueError: as push; a stream that never got any codes.
        """
        if codes is not None:
            self.check(codes)
        if self.none is None:
            raise ValueError("got flush() on a stream without codes; push at least one frame first")
        if self.ended:
            return torch.zeros(len(self.none), 1, 0, device=self.none.device)
        self.ended = True
        return self.advance(self.none if codes is None else codes, last=True)[:, None]

    def check(self, codes: Tensor) -> None:
        """Refuse what does not fit."""
        if self.ended:
            raise ValueError("got codes on a stream after its flush(); start another with codec.stream()")
        self.codec.quantizer.check(codes)
        if self.none is not None and len(codes) != len(self.none):
            raise ValueError(f"got codes of {len(codes)} items; this stream decodes {len(self.none)}")
        self.none = codes[:, :, :0]

    def take(self, rows: Tensor) -> "CodecStream":
        """A stream that goes on from here with the items `rows` alone, int64 [b]; this one stays as it is.

        So that utterances decoded together can end, each at its own length.
        """
        other = copy.copy(self)
        for name, value in vars(self).items():
            setattr(other, name, select(value, rows))
        return other

    @abstractmethod
    def advance(self, codes: Tensor, last: bool) -> Tensor:
        """Add checked codes, which may be none; returns audio [B, n]."""


def select(state: Any, rows: Tensor) -> Any:
    """The items `rows` of every tensor [B, ...] in a state of dicts and named tuples; whatever else is in it stays."""
    if isinstance(state, Tensor):
        return state[rows]
    if isinstance(state, dict):
        return type(state)({name: select(value, rows) for name, value in state.items()})
    if isinstance(state, tuple):
        return type(state)(*(select(value, rows) for value in state))
    return state


class WindowStream(CodecStream):
    """A stream that decodes windows of codes anew, for any codec that can render one (see Codec.render)."""

    def __init__(self, codec: Codec):
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
