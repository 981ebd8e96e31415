"""Clocks, and seconds by stage."""

import time
from collections.abc import Callable

Clock = Callable[[], float]  # seconds
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


class Laps:
    """Seconds by stage: each stage begins where the one before ended, so that together they are the whole.

    Args:
        clock: of the seconds.
    """

    def __init__(self, clock: Clock):
        self.clock, self.seconds = clock, dict[str, float]()
        self.begin = self.last = clock()

    def end(self, stage: str) -> None:
        """Count what has passed since the last stage ended for this one."""
        now = self.clock()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now

    @property
    def total(self) -> float:
        """Seconds until the last stage ended."""
        return self.last - self.begin
