"""SpeakerEncoder: a recording -> a vector that is near for one speaker and far for two.

A frozen network that learned to tell thousands of speakers apart (GE2E, arXiv 1710.10467) carries what a small corpus
cannot teach a speech LM (arXiv 1806.04558). Weights: Resemblyzer 0.1.4's (Apache-2.0), trained on LibriSpeech,
VoxCeleb1 and VoxCeleb2; codec/export/speaker.py writes the graph from them. No torch.

Shapes: N samples, T mel frames, W windows, M mel bands, C channels of a vector.
"""

from pathlib import Path

import numpy as np
import soxr

from codec.dsp.mel import hz_to_mel, mel_to_hz, mel_triangles
from codec.runtime.session import open_graph

SAMPLE_RATE, N_FFT, HOP, N_MELS = 16_000, 400, 160, 40  # of what the network was trained on
WINDOW, STEP = 160, 77  # mel frames, 1.6 s and 0.77 s
COVERAGE = 0.75  # of a last window that counts
LOUDNESS_DB = -22.0  # mean power that every recording is brought to: the network sees power, not its logarithm
SPEAKER_DIM = 256
GRAPH = Path(__file__).with_name("encoder.onnx")


class SpeakerEncoder:
    """The network, loaded once; threads can share it.

    Args:
        threads: of one call.
    """

    def __init__(self, threads: int = 1):
        self.session = open_graph(GRAPH, threads)
        edges = mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(SAMPLE_RATE / 2))), N_MELS + 2))
        self.filters = mel_triangles(SAMPLE_RATE, N_FFT, N_MELS) * (2 / (edges[2:] - edges[:-2])).astype(np.float32)
        self.taper = np.hanning(N_FFT + 1)[:-1].astype(np.float32)

    def __call__(self, audio: np.ndarray, sample_rate: int) -> np.ndarray:
        """Audio float32 [N] of one speaker -> vector of length 1, float32 [C], no entry below 0.

        Raises:
            ValueError: silence, or no audio.
        """
        power = float(np.mean(np.square(audio, dtype=np.float64))) if len(audio) else 0.0
        if power < 1e-10:
            raise ValueError("got silence; expected a recording of somebody who speaks")
        audio = audio * np.float32(np.sqrt(10 ** (LOUDNESS_DB / 10) / power))
        if sample_rate != SAMPLE_RATE:
            audio = soxr.resample(audio, sample_rate, SAMPLE_RATE)
        (vectors,) = self.session.run(None, {"windows": self.windows(self.mel(audio))})
        mean: np.ndarray = vectors.mean(0)
        return mean / np.linalg.norm(mean)

    def mel(self, audio: np.ndarray) -> np.ndarray:
        """Power in mel bands, float32 [T, M]."""
        padded = np.pad(audio.astype(np.float32), N_FFT // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP] * self.taper
        power: np.ndarray = np.square(np.abs(np.fft.rfft(frames))).astype(np.float32)
        return power @ self.filters

    @staticmethod
    def windows(mel: np.ndarray) -> np.ndarray:
        """Windows [W, WINDOW, M] every STEP frames; the last may be padded with silence, and is left out if short."""
        count = max(1, 1 + -(-(len(mel) - WINDOW) // STEP))
        if count > 1 and len(mel) - (count - 1) * STEP < COVERAGE * WINDOW:
            count -= 1
        padded = np.pad(mel, ((0, max(0, (count - 1) * STEP + WINDOW - len(mel))), (0, 0)))
        return np.stack([padded[i * STEP : i * STEP + WINDOW] for i in range(count)])
