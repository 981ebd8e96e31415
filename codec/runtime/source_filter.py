"""Source-filter synthesis of frames that arrive in pieces, in numpy: the twin of codec/lite/source_filter.py.

However the frames are cut into pieces, the samples are the same to the bit: every frame is computed alone, and what
sums up over frames, phase and overlapping windows, always sums up in one order.

Shapes: B batch, J STFT frames of a piece, F bins, H samples of an STFT hop. A step leads from the middle of one hop to
the middle of the next: the two steps beside a frame's middle are the window that it filters.
"""

from typing import NamedTuple

import numpy as np

NOISE_FRAMES = 512  # until the noise repeats, as in codec/lite/source_filter.py
NEAR_PEAK = 1e-3  # where the closed form of a pulse is 0 / 0


class Tables:
    """What all streams of a codec share.

    Args:
        sample_rate: Hz.
        n_fft: samples of the transform.
        hop: samples H of an STFT hop, half of the window.
    """

    def __init__(self, sample_rate: int, n_fft: int, hop: int):
        self.sample_rate, self.n_fft, self.hop = sample_rate, n_fft, hop
        count = np.arange(1, hop + 1)
        self.position = (count - 0.5) / hop  # of the samples of a step, along which f0 moves in a straight line
        self.advance = count / sample_rate  # cycles up to a sample at an f0 of 1 Hz
        self.slope_advance = count**2 / (2 * hop * sample_rate)  # the same for an f0 that grows by 1 Hz
        hann = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)
        # n_fft, because a transform divided by it is faster in numpy than one that is not.
        self.window = (hann * n_fft).astype(np.float32).reshape(2, hop)
        spectra = self.noise_spectra()
        self.noise = np.concatenate([spectra[:, ::2], spectra[:, 1::2]], axis=1)  # bins as in Filters

    def noise_spectra(self) -> np.ndarray:
        """Spectra complex64 [NOISE_FRAMES, F] of white noise, from the numbers torch.randn gives for seed 0.

        torch draws 24 bits for a number in [0, 1), and makes of 16 in a row as many normal ones (Box and Muller 1958).
        """
        bits = np.random.RandomState(0).randint(0, 2**32, NOISE_FRAMES * self.hop, dtype=np.uint32)
        uniform = ((bits & 0xFFFFFF) * np.float32(2**-24)).astype(np.float32).reshape(-1, 2, 8)
        radius, angle = np.sqrt(-2 * np.log(1 - uniform[:, 0])), np.float32(2 * np.pi) * uniform[:, 1]
        noise = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(NOISE_FRAMES, self.hop)
        steps = np.concatenate([noise[-1:], noise, noise[:1]])
        half = self.hop // 2
        steps = np.concatenate([steps[:-1, half:], steps[1:, :half]], axis=1)
        return self.spectra(steps[None])[0]

    def spectra(self, steps: np.ndarray) -> np.ndarray:
        """Steps of a source float32 [B, J + 1, H] -> spectra complex64 [B, J, F] of the J windows."""
        batch, count = steps.shape[0], steps.shape[1] - 1
        begin, hop = self.n_fft // 2 - self.hop, self.hop
        windows = np.zeros((batch, count, self.n_fft), np.float32)
        np.multiply(steps[:, :-1], self.window[0], out=windows[:, :, begin : begin + hop])
        np.multiply(steps[:, 1:], self.window[1], out=windows[:, :, begin + hop : begin + 2 * hop])
        return np.fft.rfft(windows, norm="forward")


def pulses(cycles: np.ndarray, f0: np.ndarray, sample_rate: int) -> np.ndarray:
    """Band-limited pulse train, see codec/lite/source_filter.py.

    Args:
        cycles: phase float64, of any shape; 1 is a period.
        f0: Hz, float64, of the same shape; gives the number of harmonics.

    Returns:
        float32 of the same shape.
    """
    wrapped = ((cycles - np.rint(cycles)) * (2 * np.pi)).astype(np.float32)
    count = np.floor(np.float32(sample_rate / 2) / f0.astype(np.float32)) + np.float32(0.5)
    below = 2 * np.sin(wrapped * np.float32(0.5))
    near_peak = np.abs(below) < 2 * NEAR_PEAK
    below[near_peak] = 1
    ratio = np.sin(count * wrapped) / below
    ratio[near_peak] = count[near_peak]
    return np.float32(0.5) - ratio


class Filters(NamedTuple):
    """What the graph says about STFT frames. Of the bins, the even ones come first."""

    f0: np.ndarray  # Hz, float64 [B, J]
    harmonic: np.ndarray  # magnitude of the harmonic filter, float32 [B, J, F]
    phase: np.ndarray  # of the harmonic filter, radians, float32 [B, J, F]
    noise: np.ndarray  # magnitude of the noise filter, float32 [B, J, F]


class SourceFilter:
    """One stream of filters -> audio.

    Args:
        tables: of the codec.
        batch: B.
    """

    def __init__(self, tables: Tables, batch: int):
        self.tables, self.batch = tables, batch
        self.f0: np.ndarray | None = None  # of the newest frame, Hz [B, 1]; None before the first
        self.cycles = np.zeros((batch, 1))  # phase at its middle
        self.steps = np.zeros((batch, 0, tables.hop), np.float32)  # of pulses, the newest
        self.waiting: list[np.ndarray] = []  # filters of the newest frame, whose window is not complete
        self.windows = 0  # already filtered
        self.unfinished = np.zeros((batch, tables.n_fft // tables.hop - 1, tables.hop), np.float32)
        self.samples_left = 0  # of the frames that have come
        self.samples_before = (tables.n_fft - tables.hop) // 2  # of the first windows, before the audio begins

    def push(self, filters: Filters, last: bool) -> np.ndarray:
        """Add frames; returns the audio float32 [B, n] that has become certain, all of it if these are the last."""
        steps = np.concatenate([self.steps, self.pulses(filters.f0, last)], axis=1)
        self.steps = steps[:, -1:]
        count = steps.shape[1] - 1
        harmonic, phase, noise = filters[1:]
        if self.waiting:
            pairs = zip(self.waiting, filters[1:], strict=True)
            harmonic, phase, noise = (np.concatenate(pair, axis=1) for pair in pairs)
        self.waiting = [part[:, count:] for part in (harmonic, phase, noise)]
        self.samples_left += filters.f0.shape[1] * self.tables.hop
        spectra = self.filter(harmonic[:, :count], phase[:, :count], noise[:, :count], self.tables.spectra(steps))
        return self.overlap_add(spectra, last)

    def pulses(self, f0: np.ndarray, last: bool) -> np.ndarray:
        """Pulses [B, n, H] of the steps to new frames, and beyond the last; f0 is the same before the first frame."""
        tables, half, first = self.tables, self.tables.hop // 2, self.f0 is None
        before = f0[:, :1] if self.f0 is None else self.f0
        if first:
            self.cycles = before * (-half / tables.sample_rate)
        knots = np.concatenate([before, f0, f0[:, -1:]] if last else [before, f0], axis=1)
        begin, end = knots[:, :-1], knots[:, 1:]
        cycles = np.cumsum(np.concatenate([self.cycles, (begin + end) * (half / tables.sample_rate)], axis=1), axis=1)
        self.f0, self.cycles = f0[:, -1:], cycles[:, -1:]
        start, slope, cycles = begin[..., None], (end - begin)[..., None], cycles[:, :-1, None]
        cycles = cycles + start * tables.advance + slope * tables.slope_advance
        steps = pulses(cycles, start + slope * tables.position, tables.sample_rate)
        if first:
            steps[:, 0, :half] = 0
        if last:
            steps[:, -1, half:] = 0
        return steps

    def filter(self, harmonic: np.ndarray, phase: np.ndarray, noise: np.ndarray, pulses: np.ndarray) -> np.ndarray:
        """Filters of windows, and spectra complex64 [B, J, F] of their pulses -> their spectra, with noise."""
        response = np.empty(harmonic.shape, np.complex64)
        np.multiply(harmonic, np.cos(phase), out=response.real)
        np.multiply(harmonic, np.sin(phase), out=response.imag)
        index = np.arange(self.windows, self.windows + harmonic.shape[1]) % NOISE_FRAMES
        self.windows += len(index)
        noisy, spectra, even = noise * self.tables.noise[index], np.empty_like(pulses), pulses.shape[2] // 2 + 1
        for bins, places in ((slice(even), slice(0, None, 2)), (slice(even, None), slice(1, None, 2))):
            np.multiply(response[:, :, bins], pulses[:, :, places], out=spectra[:, :, places])
            spectra[:, :, places] += noisy[:, :, bins]
        return spectra

    def overlap_add(self, spectra: np.ndarray, last: bool) -> np.ndarray:
        """Add windows to what is unfinished; returns the audio [B, n] to which no later window adds."""
        hop, count = self.tables.hop, spectra.shape[1]
        before = self.unfinished.shape[1]
        pieces = np.fft.irfft(spectra, n=self.tables.n_fft).reshape(self.batch, count, before + 1, hop)
        audio = np.zeros((self.batch, count + before, hop), np.float32)
        audio[:, :before] = self.unfinished
        for part in reversed(range(before + 1)):  # to each sample, earlier windows first
            audio[:, part : part + count] += pieces[:, :, part]
        self.unfinished = audio[:, count:]
        audio = (audio if last else audio[:, :count]).reshape(self.batch, -1)
        audio, self.samples_before = audio[:, self.samples_before :], max(self.samples_before - audio.shape[1], 0)
        audio = audio[:, : self.samples_left]
        self.samples_left -= audio.shape[1]
        return audio
