"""What the configurations of all families have in common: rates that follow from them, and sizes that cannot be."""

from collections.abc import Mapping
from dataclasses import fields
from math import log2, prod
from typing import Any


class Rates:
    """What follows from a codec's configuration, of any family."""

    sample_rate: int
    hop_length: int
    num_codebooks: int
    levels: tuple[int, ...]

    @property
    def frame_rate(self) -> float:
        """Codec frames per second, Hz."""
        return self.sample_rate / self.hop_length

    @property
    def codebook_size(self) -> int:
        """Codes per codebook."""
        return prod(self.levels)

    @property
    def bitrate(self) -> float:
        """Bits per second."""
        return self.frame_rate * self.num_codebooks * log2(self.codebook_size)


def check_sizes(config: Any, least: Mapping[str, int]) -> None:
    """Raise ValueError for a number of a dataclass, or one in a tuple of it, that is below 1.

    Args:
        config: the dataclass.
        least: of the fields that may be smaller, or have to be larger; other fields than whole numbers go unchecked.
    """
    for field in fields(config):
        value, smallest = getattr(config, field.name), least.get(field.name, 1)
        numbers = value if isinstance(value, tuple) else (value,)
        if any(type(number) is int and number < smallest for number in numbers):
            raise ValueError(f"got {field.name}={value}; expected {smallest} or more{', each' * (numbers is value)}")
