"""Speech with its mark, as a stream. N audio samples, L samples of a cell; see codec/watermark/pattern.py."""

import math

import numpy as np

from codec.watermark.pattern import CELLS, KEY, cell_samples, delay_samples, signs

DEPTH = 0.08  # of the ripple, rms in nepers: 0.7 dB; what is added is 22 dB below the speech, at every frequency
DOUBLINGS = 4  # of the mean over 17 samples at 22,050 Hz, 0.7 ms, which is taken off what bears the mark
BLOCK_CELLS = 32  # marked at once: longer arrays leave the processor's cache


class Watermark:
    """A stream of speech that gets its mark. However the input is cut, the output joined is the same to the bit.

    Below some 900 Hz there is no mark: there the ear, and DistillMOS, hears single harmonics tremble.

    As many samples come out as went in; the last 3 ms of what has come wait for what follows. Every sample is made of
    sums and products of its own neighbours, in one order: nothing in it depends on how many are made at once.

    Args:
        sample_rate: Hz.
        key: whoever has it can find the mark.
    """

    def __init__(self, sample_rate: int, key: str = KEY):
        self.cell, self.delays = cell_samples(sample_rate), delay_samples(sample_rate)
        self.doublings = max(DOUBLINGS + round(math.log2(sample_rate / 22_050)), 1)
        self.reach, self.signs = max(self.delays) + 2 ** (self.doublings - 1), signs(key)
        phase = 2 * np.pi * (np.arange(self.cell) + 0.5) / self.cell
        self.carrier = (DEPTH / np.sqrt(len(self.delays)) * np.sin(phase)).astype(np.float32)
        self.held = np.zeros(self.reach, np.float32)  # from `reach` samples before the next on
        self.given = 0

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Float32 [N] -> what of the marked speech has become certain."""
        return self._advance(audio)

    def flush(self) -> np.ndarray:
        """The rest; the stream is over."""
        return self._advance(np.zeros(self.reach, np.float32))

    def _advance(self, audio: np.ndarray) -> np.ndarray:
        known = np.concatenate([self.held, audio.astype(np.float32, copy=False)])
        count, first = max(len(known) - 2 * self.reach, 0), self.given % self.cell
        blocks, begin = [np.empty(0, np.float32)], 0
        while begin < count:
            end = min(begin + BLOCK_CELLS * self.cell - first, count)
            blocks.append(self._marked(known[begin : end + 2 * self.reach], self.given + begin))
            begin, first = end, 0
        self.held = known[count:]
        marked = np.concatenate(blocks)
        self.given += len(marked)
        return marked

    def _marked(self, known: np.ndarray, start: int) -> np.ndarray:
        """Marked samples from `start` on, of speech that reaches `reach` samples beyond them on both sides."""
        count, first, reach = len(known) - 2 * self.reach, start % self.cell, max(self.delays)
        cells = -(-(first + count) // self.cell)
        size = cells * self.cell
        framed = np.zeros(size + 2 * self.reach, np.float32)  # begins with a cell
        framed[first : first + len(known)] = known
        high = without_lows(framed, self.doublings)  # [size + 2 * reach]
        rows = self.signs[np.arange(start // self.cell, start // self.cell + cells) % CELLS]
        ripple, echo = np.zeros((cells, self.cell), np.float32), np.empty((cells, self.cell), np.float32)
        for delay, column in zip(self.delays, rows.T, strict=True):
            early, late = high[reach - delay :][:size], high[reach + delay :][:size]
            np.add(early.reshape(cells, -1), late.reshape(cells, -1), out=echo)
            echo *= column[:, None]
            ripple += echo
        ripple *= self.carrier
        marked: np.ndarray = known[self.reach :][:count] + ripple.reshape(-1)[first : first + count]
        return marked


def without_lows(audio: np.ndarray, doublings: int) -> np.ndarray:
    """Audio [N] less its mean over 2^doublings + 1 samples around each, the outer two half: [N - 2^doublings]."""
    total = audio[:-1] + audio[1:]
    for stage in range(doublings):
        step = 2**stage
        total = total[:-step] + total[step:]
    half = 2 ** (doublings - 1)
    total *= np.float32(-0.5 / 2**doublings)
    total += audio[half : len(audio) - half]
    return total
