"""Recordings read ahead of the codec, in threads: decoding, resampling and hashing leave the interpreter to others."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from codec.audio.decoding import Meter
from codec.audio.decoding import Recording as Decoding
from codec.audio.mono import mono_of
from codec.audio.reading import trim_silence
from pipelines.corpus.recordings import refuse, refuse_foreign
from pipelines.corpus.sources import hash_of_file
from pipelines.encoding.places import local

T = TypeVar("T")
R = TypeVar("R")
HELD_S = 60.0  # longer recordings are not held in memory


@dataclass(frozen=True)
class Recording:
    """A file that was read, or why it cannot be used."""

    place: str  # path or URL
    fault: str = ""
    duration_s: float = 0.0
    size: int = -1  # bytes; -1 if there is no file
    hash: str = ""  # of its bytes
    audio: Tensor | None = None  # float32 [1, N], its speech; None if it cannot be used, or is long


def read_recording(place: str, sample_rate: int, longest_s: float, pin: bool) -> Recording:
    """Read, check and trim a file.

    Args:
        place: path or URL of the file.
        sample_rate: Hz, of the audio that is returned.
        longest_s: what lasts longer cannot be used.
        pin: put the audio where a GPU can fetch it by itself.
    """
    try:
        with local(place) as path:
            found = read_file(path, sample_rate, longest_s)
            found = replace(found, place=place, fault=found.fault.replace(str(path), place))
    except OSError:
        return Recording(place, f"{place} is not a file")
    return replace(found, audio=found.audio.pin_memory()) if pin and found.audio is not None else found


def read_file(path: Path, sample_rate: int, longest_s: float) -> Recording:
    """`read_recording` of a file on this machine; OSError if it is none."""
    size, content = path.stat().st_size, hash_of_file(path)
    try:
        duration_s, audio = decoded_once(path, sample_rate)
        if duration_s > longest_s:
            raise ValueError(f"{path} lasts {duration_s:.2f} s; expected {longest_s:g} s or less")
    except (ValueError, OSError) as error:
        return Recording(str(path), str(error), size=size, hash=content)
    return Recording(str(path), "", duration_s, size, content, audio)


def decoded_once(path: Path, sample_rate: int) -> tuple[float, Tensor | None]:
    """Seconds of a recording that can be used and, unless it is long, its speech, as read_speech gives it.

    Raises:
        ValueError, OSError: it cannot be used.
    """
    refuse_foreign(path)
    meter, pieces = Meter(Decoding(path)), []
    for piece in mono_of(meter, sample_rate):
        if meter.duration_s <= HELD_S:
            pieces.append(torch.from_numpy(piece))
        else:
            pieces.clear()
    found = meter.measured()
    refuse(path, found)
    held = found.duration_s <= HELD_S
    return found.duration_s, trim_silence(torch.cat(pieces)[None], sample_rate) if held else None


class Ahead:
    """Work that threads do ahead of whoever takes the results, in their order.

    Args:
        threads: how many.
        count: results that may wait to be taken.

    Attributes:
        waited_s: seconds that whoever takes the results has waited for them.
    """

    def __init__(self, threads: int, count: int):
        self.pool, self.count, self.waited_s = ThreadPoolExecutor(threads, "audio"), count, 0.0

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """What the function makes of each item; what it raises is raised where its result would have come."""
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(self.pool.submit(function, item))
                if len(waiting) > self.count:
                    yield self.take(waiting)
            while waiting:
                yield self.take(waiting)
        finally:
            for future in waiting:
                future.cancel()

    def take(self, waiting: "deque[Future[R]]") -> R:
        """The oldest result, once it is there."""
        begin = time.perf_counter()
        result = waiting.popleft().result()
        self.waited_s += time.perf_counter() - begin
        return result
