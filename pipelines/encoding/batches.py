"""Utterances of like length together: which ones meet in a batch is a function of the plan, and of nothing else."""

from collections.abc import Sequence

MOST_ITEMS, MOST_S = 32, 240.0


def batches_of(durations_s: Sequence[float], most_items: int = MOST_ITEMS, most_s: float = MOST_S) -> list[list[int]]:
    """Numbers of items in batches, from short to long; items of one length keep their order.

    Args:
        durations_s: of the items, seconds; 0 where nobody knows.
        most_items: in a batch.
        most_s: seconds of a batch, when all items last as long as its longest; a longer item is a batch of its own.
    """
    batches: list[list[int]] = []
    for number in sorted(range(len(durations_s)), key=lambda number: (durations_s[number], number)):
        full = batches and (len(batches[-1]) >= most_items or (len(batches[-1]) + 1) * durations_s[number] > most_s)
        if full or not batches:
            batches.append([])
        batches[-1].append(number)
    return batches
