"""Spectral envelope and aperiodicity of speech whose pitch is known: the twin of codec/dsp/envelope.py.

Shapes: N samples, S = N / hop frames, F = n_fft // 2 + 1 bins, M mel bands, A aperiodicity bands. Frames are computed
one by one, a few at a time, so that what is at work stays in the processor's cache.
"""

import math
from typing import NamedTuple

import numpy as np

from codec.dsp.constants import (
    EDGES_HZ,
    FLOOR,
    LEAST_NOISE_POWER,
    LOWEST_HZ,
    MIN_NOISE,
    NUM_BANDS,
    PERIOD_ERROR,
    PERIOD_ERRORS,
    PERIODS,
    RECOVERY,
    REFINED_HZ,
    SILENCE,
    VOICED_CEILING,
)
from codec.dsp.mel import mel_triangles
from codec.runtime.analysis.blocks import padded_frames

AT_ONCE = 32  # frames


class Shape(NamedTuple):
    """What envelope and aperiodicity are of some frames, all float32."""

    bands: np.ndarray  # log of the mean amplitude in mel bands [S, M]
    noise: np.ndarray  # log of the share of noise in the amplitude, by bands [S, A]
    f0: np.ndarray  # Hz, refined [S]


class ShapeAnalysis:
    """What all recordings share: tables.

    Args:
        sample_rate: Hz.
        n_fft: samples of the transform.
        hop: samples of a frame.
        n_mels: M.
    """

    def __init__(self, sample_rate: int, n_fft: int, hop: int, n_mels: int):
        self.sample_rate, self.n_fft, self.hop = sample_rate, n_fft, hop
        triangles = mel_triangles(sample_rate, n_fft, n_mels)
        self.mel = triangles / triangles.sum(0)
        self.offset = np.arange(n_fft, dtype=np.float32) - (n_fft - 1) / 2
        frequency = np.arange(n_fft // 2 + 1, dtype=np.float32) / n_fft  # of the bins, cycles per sample
        edges = np.array(EDGES_HZ[1:-1], np.float32) / sample_rate
        self.band = np.eye(NUM_BANDS, dtype=np.float32)[np.searchsorted(edges, frequency)]
        self.errors = np.linspace(-PERIOD_ERROR, PERIOD_ERROR, PERIOD_ERRORS, dtype=np.float32)
        turn = (2 * math.pi) * frequency * self.errors[:, None]
        self.cosines, self.sines = np.cos(turn), np.sin(turn)  # [errors, F]
        self.refined = int((frequency < REFINED_HZ / sample_rate).sum())  # bins
        self.ceiling = np.array(VOICED_CEILING, np.float32)

    def __call__(self, audio: np.ndarray, f0: np.ndarray, voicing: np.ndarray) -> Shape:
        """Audio float32 [N] with f0 in Hz and voicing in 0..1, float32 [S] -> all of its frames."""
        framed = padded_frames(audio, self.n_fft, self.hop)
        around = np.pad(audio, (self.n_fft, self.n_fft + self.hop))
        moved = np.lib.stride_tricks.sliding_window_view(around, self.n_fft)  # from any sample on
        parts = []
        for start in range(0, len(f0), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            lag = self.sample_rate / np.maximum(f0[some], LOWEST_HZ)  # samples
            window = self.window(lag)
            envelope = self.log_envelope(framed[some] * window, lag)
            centre = (np.arange(len(f0))[some]) * self.hop + self.hop // 2
            noise, refined = self.aperiodicity(moved, centre, lag, window, envelope, f0[some], voicing[some])
            parts.append(Shape(self.to_bands(envelope), noise, refined))
        return Shape(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def window(self, lag: np.ndarray) -> np.ndarray:
        """Hann windows [S, n_fft] of PERIODS periods and energy 1; period `lag` [S] in samples."""
        position = self.offset * (2 / (PERIODS * lag))[:, None]  # -1 and 1 are the ends of the window
        window = (0.5 + 0.5 * np.cos(math.pi * position)) * (np.abs(position) < 1)
        return window / np.sqrt(np.square(window).sum(1, keepdims=True))

    def log_envelope(self, framed: np.ndarray, lag: np.ndarray) -> np.ndarray:
        """Natural log of the amplitude density [S, F] of windowed frames [S, n_fft]."""
        n_fft = self.n_fft
        power = power_of(np.fft.rfft(framed)).astype(np.float32, copy=False)
        smoothed = smooth(power, n_fft / lag * (2 / 3))
        log = np.log(np.maximum(smoothed, SILENCE**2)) / 2
        cepstrum = np.fft.irfft(log, n=n_fft)[:, : n_fft // 2 + 1]
        # The lifter, sinc(p) * (1 - 2 q + 2 q cos(2 pi p)) of p periods, by the double angle.
        angle = np.arange(n_fft // 2 + 1, dtype=np.float32) * (math.pi / lag)[:, None]
        angle[:, 0] = 1e-20
        sine = np.sin(angle)
        cepstrum = cepstrum * (sine / angle * (1 - 4 * RECOVERY * np.square(sine)))
        mirrored = np.concatenate([cepstrum, cepstrum[:, -2:0:-1]], axis=1)
        return np.fft.rfft(mirrored).real.astype(np.float32)

    def to_bands(self, envelope: np.ndarray) -> np.ndarray:
        """Log envelope [S, F] -> log of its mean amplitude in mel bands [S, M]."""
        return np.log(np.maximum(np.exp(envelope) @ self.mel, FLOOR))

    def aperiodicity(
        self,
        moved: np.ndarray,
        centre: np.ndarray,
        lag: np.ndarray,
        window: np.ndarray,
        envelope: np.ndarray,
        f0: np.ndarray,
        voicing: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Share of noise in each band [S, A], and a more exact f0 [S], as codec.dsp.envelope.aperiodicity.

        Args:
            moved: windows of the audio padded by n_fft, by their first sample [., n_fft].
            centre: sample in the middle of each frame [S].
            lag: period in samples [S].
            window: of each frame [S, n_fft].
            envelope: log amplitude density [S, F].
            f0: Hz [S].
            voicing: 0..1 [S].
        """
        whole = np.rint(lag).astype(np.int64)
        start = centre - self.n_fft // 2 + self.n_fft - whole // 2
        spectra = np.fft.rfft(np.stack([moved[start], moved[start + whole]]) * window).astype(np.complex64, copy=False)
        early, late = spectra
        flat = np.exp(-2 * envelope)  # whitened, so that a band is not its loudest harmonic alone
        cross = early * late.conj() * flat
        level = (power_of(early) + power_of(late)) / 2 * flat
        low, cosines, sines = cross[:, : self.refined], self.cosines, self.sines
        agreement = low.real @ cosines[:, : self.refined].T - low.imag @ sines[:, : self.refined].T
        choice = agreement.argmax(1)
        aligned = cross.real * cosines[choice] - cross.imag * sines[choice]
        noise_power = 1 - np.maximum((aligned @ self.band) / (level @ self.band + 1e-9), 0)
        noise = np.log(np.maximum(noise_power, LEAST_NOISE_POWER))
        voiced = voicing > 0.5
        noise = np.where(voiced[:, None], np.minimum(noise, self.ceiling), noise)
        refined = self.sample_rate / (whole.astype(np.float32) - self.errors[choice])
        return np.maximum(noise, MIN_NOISE), np.where(voiced, refined, f0)


def power_of(spectrum: np.ndarray) -> np.ndarray:
    """Squared magnitudes."""
    return np.square(spectrum.real) + np.square(spectrum.imag)


def smooth(power: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Mean of power [S, F] over `width` bins [S] around each bin, float32; the spectrum is mirrored at both ends."""
    reach, rows, count = math.ceil(float(width.max()) / 2) + 1, np.arange(len(power)), power.shape[1]
    mirrored = np.concatenate([power[:, reach:0:-1], power, power[:, -2 : -reach - 2 : -1]], axis=1)
    # In float64: the quiet end of the spectrum is a small difference of large sums.
    total = np.zeros((len(power), mirrored.shape[1] + 1))
    np.cumsum(mirrored, axis=1, dtype=np.float64, out=total[:, 1:])
    from_bin = np.lib.stride_tricks.sliding_window_view(total, count + 1, axis=1)

    def at(shift: np.ndarray) -> np.ndarray:
        """The sum up to each bin, moved by `shift` bins [S]."""
        whole = np.floor(shift).astype(np.int64)
        sums = from_bin[rows, whole]
        return sums[:, :-1] + (shift - whole)[:, None] * np.diff(sums, axis=1)

    half = width.astype(np.float64) / 2
    return ((at(reach + 0.5 + half) - at(reach + 0.5 - half)) / (2 * half)[:, None]).astype(np.float32)
