"""One client's speech between the engine's threads and the event loop.

The engine makes at most scheduler.MOST_WAITING pieces ahead of what the client takes, so a slow one costs little memory
and no time. `close` frees all of it, and may be called whenever and as often as one likes.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from pipelines.serving.admission import Place
from pipelines.serving.errors import CLIENT_GONE, ApiError, as_api_error
from pipelines.serving.metrics import Metrics
from pipelines.serving.rendering import Encoded
from pipelines.speaking.scheduler import PATIENCE_S, Scheduler, Stream

POLL_S = 0.1  # how often a client that waits is asked whether it is still there


@dataclass
class Heard:
    """What one answer has been so far."""

    asked_s: float  # on the clock of time.monotonic
    admitted_s: float = 0.0
    first_s: float = 0.0  # from asking to the first audio
    audio_s: float = 0.0
    frames: int = 0
    tokens: int = 0


class Session(AsyncIterator[Encoded]):
    """The pieces of an answer, as they are made.

    Args:
        scheduler: of the engine's threads.
        place: of admission; given back once the engine has nothing more to do.
        metrics: where it is counted.
        heard: of this answer.
        request_s: how long all of it may take.
    """

    def __init__(self, scheduler: Scheduler, place: Place, metrics: Metrics, heard: Heard, request_s: float):
        self.scheduler, self.place, self.metrics, self.heard = scheduler, place, metrics, heard
        self.loop, self.changed = asyncio.get_running_loop(), asyncio.Event()
        self.until_s = time.monotonic() + request_s
        self.stream: Stream | None = None
        self.rate, self.ended, self.counted = 1, False, 0
        heard.admitted_s = time.monotonic()

    def speak(self, pieces: Iterator[Encoded], rate: int, patience_s: float = PATIENCE_S) -> None:
        """Have something made; after what was made before, if anything.

        Args:
            pieces: run by the engine's threads.
            rate: of their audio, Hz.
            patience_s: see Scheduler.submit.
        """
        self.rate, self.counted = rate, 0
        self.stream = self.scheduler.submit(pieces, rate, self.wake, patience_s, self.stream)

    def wake(self) -> None:
        """Called by the engine's threads. The loop may be closed by then."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.changed.set)

    async def __anext__(self) -> Encoded:
        """The next piece; raises ApiError for what went wrong."""
        assert self.stream
        while True:
            if self.ended or time.monotonic() >= self.until_s:  # also of a client that takes pieces slowly
                raise ApiError(503, "the answer took too long; try again", code="timeout")
            self.changed.clear()
            try:
                piece = self.stream.take()
            except StopIteration:
                raise StopAsyncIteration from None
            except BaseException as error:  # of the engine's thread: even a SystemExit is not this one's
                raise as_api_error(error) from error
            if piece is not None:
                assert isinstance(piece, Encoded)
                self.note(piece)
                return piece
            timer = self.loop.call_later(max(self.until_s - time.monotonic(), 0.0), self.changed.set)
            try:
                await self.changed.wait()
            finally:
                timer.cancel()

    def note(self, piece: Encoded) -> None:
        """Count a piece that is about to be sent."""
        heard, now_s = self.heard, time.monotonic()
        if len(piece.audio) and not heard.first_s:
            heard.first_s = now_s - heard.asked_s
            self.metrics.observe("first_audio_seconds", heard.first_s)
        heard.audio_s += len(piece.audio) / self.rate
        heard.frames += piece.codes.shape[1]
        heard.tokens += len(piece.sentence.ids) if piece.sentence else 0

    def close(self) -> None:
        """Free everything; what was not sent is lost."""
        if self.ended:
            return
        self.ended = True
        heard = self.heard
        if self.stream:
            self.metrics.count("underruns_total", self.stream.underruns)
            self.stream.close()
        self.metrics.count("audio_seconds_total", heard.audio_s)
        if heard.audio_s:
            self.metrics.observe("real_time_factor", (time.monotonic() - heard.admitted_s) / heard.audio_s)
        self.place.leave()


async def attended(request: Request, work: Any, undo: Callable[[Any], None] = lambda _result: None) -> Any:
    """Await something for a client as long as it is there: uvicorn does not cancel a handler whose client goes.

    Args:
        request: of the client.
        work: to await.
        undo: of its result, should the handler be cancelled, as Ray does, just when there is one.

    Raises:
        ApiError: it has gone.
    """
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=POLL_S)
            # What is done meanwhile is returned, so that nobody forgets to give it back.
            if not task.done() and await request.is_disconnected() and not task.done():
                raise ApiError(CLIENT_GONE, "the client has gone")
        return task.result()
    except asyncio.CancelledError:
        if task.done() and not task.cancelled() and not task.exception():
            undo(task.result())
        raise
    finally:
        task.cancel()


async def within(seconds: float, work: Any) -> Any:
    """Await something for so long; TimeoutError afterwards. asyncio.wait_for may swallow being cancelled."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise TimeoutError("nothing was taken for too long")
        return task.result()
    finally:
        task.cancel()


async def gathered(session: Session) -> list[Encoded]:
    """All pieces; for answers that are sent whole."""
    return [piece async for piece in session]
