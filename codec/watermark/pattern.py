"""What marking and finding share: the key, the signs made of it, and the echoes that bear them.

Every 20 ms the log spectrum of speech gets a faint ripple, a sum of cosines over frequency with pseudo-random signs; in
the second half of the 20 ms the same with all signs turned. A ripple over frequency is an echo in time: the cosine of
period 1 / d Hz is the sound d seconds earlier and later, added. So the mark is everywhere a fixed share of the speech
around it in time and frequency, which hides it, and no analysis of the speech is needed to make it.

The echoes are those in which speech itself says least: later than its formants, earlier than the period of its pitch.

Sources: echoes as a mark, D. Gruhl et al., "Echo hiding", 1996; many of them under a key, B.-S. Ko et al., "Time-spread
echo method for digital audio watermarking", 2005. Here signs change in time, so that a mark is found in any voice.
"""

import hashlib

import numpy as np

KEY = "lfsc-tts watermark 1"
CELL_S = 0.020  # of one set of signs; at the usual sample rates a whole number of samples
CELLS = 160  # until the signs repeat, 3.2 s
DELAYS_S = (30 + 3 * np.arange(12)) / 22_050  # 1.4 to 2.9 ms; whole samples at the rate of the shipped codecs


def signs(key: str = KEY) -> np.ndarray:
    """The signs of a key, float32 [CELLS, len(DELAYS_S)] of -1 and 1: bits of SHA-256 of the key and a counter."""
    count = CELLS * len(DELAYS_S)
    digests = (hashlib.sha256(f"{key}/{block}".encode()).digest() for block in range(-(-count // 256)))
    bits = np.unpackbits(np.frombuffer(b"".join(digests), np.uint8))[:count]
    return (2.0 * bits - 1).astype(np.float32).reshape(CELLS, -1)


def cell_samples(sample_rate: int) -> int:
    """Samples of a cell."""
    return round(CELL_S * sample_rate)


def delay_samples(sample_rate: int) -> list[int]:
    """Samples of each echo."""
    return [round(delay * sample_rate) for delay in DELAYS_S]
