"""Rates: what follows from a codec's configuration, of any family."""

from math import log2, prod


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
