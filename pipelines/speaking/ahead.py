"""A thread that works ahead."""

import queue
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

from pipelines.shared.errors import native

T = TypeVar("T")
END = object()
JOIN_S = 1.0  # a thread that waits for its input may stay longer; it is a daemon


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """The same items, made in a thread of their own up to `count` before they are asked for.

    What the thread raises is raised where its item would have come. Whoever stops early stops the thread.
    """
    made: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(count)
    stopped = threading.Event()

    def work() -> None:
        try:
            for item in items:
                made.put((item, None))
                if stopped.is_set():
                    return
        except BaseException as error:
            made.put((END, error))
        else:
            made.put((END, None))

    thread = threading.Thread(target=work, name="speech LM", daemon=True)
    native.add(thread)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if item is END:
                return
            yield item
    finally:
        stopped.set()
        while thread.is_alive():
            try:
                made.get_nowait()  # lets a thread go on that waits for a place, to see that it is to stop
            except queue.Empty:
                thread.join(JOIN_S)
                break
