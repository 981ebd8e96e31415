"""Many texts spoken at once: whose listener runs out of audio first is served first.

    with Scheduler(threads=2) as scheduler:
        stream = scheduler.submit(tts.pieces([text], seed), tts.sample_rate)
        for piece in stream:
            ...

All streams take turns, piece by piece; each is what it would be alone. The earliest deadline goes first: when a
listener's audio ends, and for the first audio PATIENCE_S after it was asked for. So who has heard nothing goes before
nearly all others, but many who come at once cause no gap in what the others hear.

A thread reads a stream by iterating, which waits; an event loop by `take`, which does not, whenever `on_change` calls.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from pipelines.speaking.pieces import Piece

PATIENCE_S = 0.2  # of one who waits for the first audio
logger = logging.getLogger(__name__)
Listener = Callable[[], None] | None
MOST_WAITING = 4  # pieces that nobody has taken yet, some eight seconds; a slow reader gets no more until it takes some


class Stream(Iterator[Piece]):
    """One text on its way to one listener: an iterator over its pieces, which waits for them. Made by `submit`.

    Attributes:
        deadline_s: of its next piece, on the scheduler's clock.
        late_s: how long its listener has waited for audio in all, after the first, if all is played at once.
        underruns: how often.
    """

    def __init__(
        self,
        scheduler: "Scheduler",
        pieces: Iterator[Piece],
        sample_rate: int,
        begin_s: float,
        changed: Listener = None,
    ):
        self.scheduler, self.pieces, self.sample_rate, self.on_change = scheduler, pieces, sample_rate, changed
        self.made: deque[Piece] = deque()
        self.heard, self.deadline_s = False, begin_s + PATIENCE_S
        self.busy = self.over = False
        self.error: BaseException | None = None
        self.underruns, self.late_s = 0, 0.0

    def __next__(self) -> Piece:
        """The next piece. What speaking raises is raised here."""
        with self.scheduler.changed:
            while not self.made and not self.over:
                self.scheduler.changed.wait()
            if self.made:
                self.scheduler.changed.notify_all()  # there is room for another
                return self.made.popleft()
        if self.error is not None:
            raise self.error
        raise StopIteration

    def take(self) -> Piece | None:
        """The next piece if there is one now, else None; raises StopIteration or the error at the end, as `next`."""
        with self.scheduler.changed:
            if not self.made and not self.over:
                return None
        return next(self)

    def follow(self, earlier: "Stream") -> None:
        """Be the continuation of a stream that has ended: what its listener has of audio counts for this one."""
        self.heard, self.deadline_s = earlier.heard, earlier.deadline_s

    def close(self) -> None:
        """Speak no further; what was made and not taken is lost."""
        with self.scheduler.changed:
            self.made.clear()
            self.over = True
            self.scheduler.changed.notify_all()

    @property
    def waits(self) -> bool:
        """Whether there is work that may be done now."""
        return not self.busy and not self.over and len(self.made) < MOST_WAITING

    def add(self, piece: Piece, now_s: float) -> None:
        """Count a piece that was made."""
        if len(piece.audio):
            if self.heard and now_s > self.deadline_s:
                self.underruns += 1
                self.late_s += now_s - self.deadline_s
            begin_s = max(self.deadline_s, now_s) if self.heard else now_s
            self.heard, self.deadline_s = True, begin_s + len(piece.audio) / self.sample_rate
        self.made.append(piece)


class Scheduler:
    """Threads that make the pieces of all streams, the most urgent first.

    Args:
        threads: that speak; as many as there are cores. The networks of the voices should have one each.
        clock: seconds.
    """

    def __init__(self, threads: int = 1, clock: Callable[[], float] = time.monotonic):
        if threads < 1:
            raise ValueError(f"got {threads} threads; expected 1 or more")
        self.clock, self.streams, self.closed = clock, list[Stream](), False
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=self.work, name=f"speaker {n}", daemon=True) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def submit(
        self,
        pieces: Iterator[Piece],
        sample_rate: int,
        on_change: Listener = None,
        patience_s: float = PATIENCE_S,
        after: Stream | None = None,
    ) -> Stream:
        """Have a text spoken.

        Args:
            pieces: such as TTS.pieces, of a TTS with one thread.
            sample_rate: of their audio, Hz.
            on_change: called, by the thread that speaks, when there is something to `take`. It must not wait.
            patience_s: until the first audio is due; more lets others go first.
            after: what the same listener has heard to its end.

        Raises:
            RuntimeError: the scheduler was closed.
        """
        with self.changed:
            if self.closed:
                raise RuntimeError("the scheduler was closed; make another")
            stream = Stream(self, pieces, sample_rate, self.clock() + patience_s - PATIENCE_S, on_change)
            if after is not None:
                stream.follow(after)
            self.streams.append(stream)
            self.changed.notify_all()
            return stream

    def work(self) -> None:
        """What a thread does: the most urgent piece, again and again."""
        while (stream := self.next_stream()) is not None:
            piece, error = make(stream.pieces)
            with self.changed:
                stream.busy = False
                if piece is not None and not stream.over:
                    stream.add(piece, self.clock())
                if piece is None:
                    stream.over, stream.error = True, error
                self.changed.notify_all()
            if stream.on_change:
                stream.on_change()

    def next_stream(self) -> Stream | None:
        """Wait for work and take it; None once the scheduler is closed."""
        with self.changed:
            while not self.closed:
                self.forget_ended()
                waiting = [stream for stream in self.streams if stream.waits]
                if waiting:
                    stream = min(waiting, key=lambda one: one.deadline_s)
                    stream.busy = True
                    return stream
                self.changed.wait()
            return None

    def forget_ended(self) -> None:
        """Let go of streams that are over, and of the texts they would have gone on with."""
        for stream in [one for one in self.streams if one.over and not one.busy]:
            self.streams.remove(stream)
            close = getattr(stream.pieces, "close", None)
            if close:
                try:
                    close()
                except Exception:  # of one listener; the thread is needed by the others
                    logger.exception("a stream could not be ended")

    def close(self) -> None:
        """End all streams, and the threads. Whoever waits for a piece is told that there is none."""
        with self.changed:
            self.closed = True
            for stream in self.streams:
                stream.error = stream.error or RuntimeError("the scheduler was closed before the text was spoken")
                stream.over = True
                if stream.on_change:
                    stream.on_change()
            self.changed.notify_all()
        for thread in self.threads:
            thread.join()
        with self.changed:
            self.forget_ended()

    def __enter__(self) -> "Scheduler":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def make(pieces: Iterator[Piece]) -> tuple[Piece | None, Any]:
    """The next piece; or none, and the error that was the reason, if any."""
    try:
        return next(pieces, None), None
    except BaseException as error:
        return None, error
