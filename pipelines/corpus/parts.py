"""A corpus in shards: each is a resume point, and several processes can share them."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.corpus.manifest import Utterance
from pipelines.shared.errors import UserError

SHARD_SIZE = 500  # utterances


def parse_part(text: str) -> tuple[int, int]:
    """'i/n' -> (i, n)."""
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise UserError(f"got --part {text}; expected i/n with 1 <= i <= n")
    return int(part), int(parts)


def shards_of(utterances: Sequence[Utterance], folder: Path, part: str) -> list[tuple[Path, Sequence[Utterance]]]:
    """File in `folder` and utterances of every shard of a part 'i/n': every n-th from the i-th on."""
    index, count = parse_part(part)
    starts = range((index - 1) * SHARD_SIZE, len(utterances), count * SHARD_SIZE)
    return [(folder / f"{start:06d}.safetensors", utterances[start : start + SHARD_SIZE]) for start in starts]
