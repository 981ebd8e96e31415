"""Who may speak now: as many as stay in real time, a bounded queue, and nobody else. For one event loop."""

import asyncio
from collections import deque

from pipelines.serving.errors import overloaded


class Place:
    """The right to be spoken for; `leave` may be called more than once."""

    def __init__(self, admission: "Admission"):
        self.admission, self.left = admission, False

    def leave(self) -> None:
        """Make room."""
        if not self.left:
            self.left = True
            self.admission.pass_on()


class Admission:
    """Places, and those who wait for one, in the order in which they came.

    Args:
        places: at once.
        queue: who may wait.
        wait_s: how long at most.
    """

    def __init__(self, places: int, queue: int, wait_s: float):
        self.places, self.queue, self.wait_s = places, queue, wait_s
        self.taken, self.waiting = 0, deque[asyncio.Future[None]]()

    async def enter(self) -> Place:
        """A place.

        Raises:
            ApiError: 429, too many wait, or it took too long.
        """
        if self.taken < self.places:
            self.taken += 1
            return Place(self)
        if len(self.waiting) >= self.queue:
            raise overloaded(f"all {self.places} streams are taken and {len(self.waiting)} requests wait; try again")
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self.waiting.append(turn)
        timer = loop.call_later(self.wait_s, self.expire, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self.waiting:
                self.waiting.remove(turn)
            elif not turn.cancelled() and not turn.exception():
                self.pass_on()  # a turn that came at the last moment
            raise
        finally:
            timer.cancel()
        return Place(self)

    def expire(self, turn: "asyncio.Future[None]") -> None:
        """Who has waited too long is told so."""
        if not turn.done():
            self.waiting.remove(turn)
            turn.set_exception(overloaded(f"all {self.places} streams were taken for {self.wait_s:g} s; try again"))

    def pass_on(self) -> None:
        """A place is free: for who has waited longest, if anybody has."""
        while self.waiting and self.waiting[0].cancelled():  # its task has not noticed yet
            self.waiting.popleft()
        if self.waiting and self.taken <= self.places:
            self.waiting.popleft().set_result(None)
        else:
            self.taken -= 1
