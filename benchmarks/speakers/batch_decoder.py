"""From codes to sound for requests that begin together. Shapes: K codebooks."""

import torch
from torch import Tensor

from codec import Codec, CodecStream
from pipelines.speaking.chunking import chunk_goals


class BatchDecoder:
    """Decodes requests side by side, as soon as pipelines/tts.py would decode one of them.

    Args:
        codec: of all of them.
        tickets: their numbers in the engine.
    """

    def __init__(self, codec: Codec, tickets: list[int]):
        self.stream, self.goals = codec.stream(), chunk_goals(codec)
        self.goal = next(self.goals)
        self.device = next(codec.parameters()).device
        self.active = list(tickets)  # in the order of the stream's items
        self.count = self.pushed = 0  # frames of each active request, and those of them that the stream has
        self.codes: dict[int, list[Tensor]] = {ticket: [] for ticket in tickets}
        self.audio: dict[int, list[Tensor]] = {ticket: [] for ticket in tickets}

    def add(self, frames: dict[int, Tensor], ended: set[int]) -> None:
        """The next frame of every active request, int64 [K]; those in `ended` are over, with it or before it."""
        self.count += 1
        for ticket in self.active:
            self.codes[ticket] += [frames[ticket]] if ticket in frames else []
        self.finish([ticket for ticket in self.active if ticket in ended])
        if self.count == self.goal:
            if self.active:
                self.decode(self.stream, self.active, last=False)
            self.pushed, self.goal = self.count, next(self.goals)

    def finish(self, tickets: list[int]) -> None:
        """Decode these to their ends; the others remain active."""
        remaining = [ticket for ticket in self.active if ticket not in tickets]
        for length in {len(self.codes[ticket]) for ticket in tickets}:
            alike = [ticket for ticket in tickets if len(self.codes[ticket]) == length]
            whole = len(alike) == len(self.active)
            self.decode(self.stream if whole else self.stream_of(alike), alike, last=True)
        if tickets and remaining:
            self.stream = self.stream_of(remaining)
        self.active = remaining

    def stream_of(self, tickets: list[int]) -> CodecStream:
        """The stream of some of the active requests."""
        if not self.pushed:
            return self.stream.codec.stream()
        return self.stream.take(torch.tensor([self.active.index(ticket) for ticket in tickets], device=self.device))

    def decode(self, stream: CodecStream, tickets: list[int], last: bool) -> None:
        """Decode what has not been decoded yet."""
        codes = [torch.stack(self.codes[ticket], dim=1)[:, self.pushed :] for ticket in tickets]
        audio = (stream.flush if last else stream.push)(torch.stack(codes).to(self.device))
        for ticket, part in zip(tickets, audio, strict=True):
            self.audio[ticket].append(part)

    @property
    def heard(self) -> bool:
        """Whether there is sound of each."""
        return all(any(part.shape[-1] for part in parts) for parts in self.audio.values())
