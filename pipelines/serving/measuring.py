"""How many streams stay in real time here: measured when the server starts, on the voices and threads that it has.

All formats cost something too, so what is spoken is encoded as MP3, which most clients take.
"""

import threading
import time
from collections.abc import Callable, Iterator

from pipelines.serving.rendering import Encoded
from pipelines.speaking.scheduler import Scheduler

TEXT = "The machine speaks for a while, to find out how many can listen at once. This takes a second or two, no more."
MEASURED_S = 1.5
# Of what is spoken in a second, that may be promised. If all listeners come within a second, half as many hear no gap,
# 0.65 times as many a few: benchmarks/realtime_streams.py --replay 20 --streams 10 13 16.
SHARE = 0.5
MOST = 256


def streams_in_real_time(scheduler: Scheduler, make: Callable[[int], Iterator[Encoded]], rate: int) -> int:
    """How many.

    Args:
        scheduler: idle.
        make: an answer to TEXT, of a seed.
        rate: of its audio, Hz.
    """
    for piece in scheduler.submit(make(0), rate):  # what loads at the first use is no measure
        del piece
    begin_s, spoken_s, lock = time.monotonic(), [0.0], threading.Lock()

    def listen(number: int) -> None:
        while time.monotonic() < begin_s + MEASURED_S:
            for piece in scheduler.submit(make(number), rate):
                with lock:
                    spoken_s[0] += len(piece.audio) / rate

    listeners = [threading.Thread(target=listen, args=(number,)) for number in range(2 * len(scheduler.threads))]
    for one in listeners:
        one.start()
    for one in listeners:
        one.join()
    speed = spoken_s[0] / (time.monotonic() - begin_s)
    return max(1, min(MOST, int(SHARE * speed)))
