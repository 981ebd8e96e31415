"""How many frames of a sentence are rendered at once."""

from collections.abc import Iterator
from typing import Any

from speechllm.request import SLOWEST_RATE

FIRST_CHUNK = 3  # codec frames of audio in the first piece, for a quick start; of a codec of 21.5 frames a second
GROWTH = 4  # of a piece on the one before
MAX_CHUNK = 48  # codec frames in the largest piece, about two seconds


def chunk_goals(codec: Any) -> Iterator[int]:
    """Numbers of frames at which a sentence is decoded as far as it goes: soon at first, then rarely.

    While a piece is heard the next is made, so each may take GROWTH times the last as long as speaking is faster than
    that. The first piece and the longest last as long with every codec.
    """
    faster = max(1, round(codec.frame_rate / SLOWEST_RATE))
    chunk = FIRST_CHUNK * faster
    goal = codec.context + chunk
    while True:
        yield goal
        chunk = min(GROWTH * chunk, MAX_CHUNK * faster)
        goal += chunk
