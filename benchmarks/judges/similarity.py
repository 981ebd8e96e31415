"""The one door to Resemblyzer, which tells how alike two voices are.

Source: Resemblyzer (Apache-2.0, weights in the package), the encoder of arXiv 1710.10467. Two clips of one speaker have
a cosine of about 0.87, of different speakers about 0.53.
"""

import contextlib
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from benchmarks.judges.audio import JUDGE_RATE, for_judges

INSTALL = "pip install --no-deps resemblyzer, then pip install librosa webrtcvad-wheels"
DIM = 256


class SpeakerEncoder:
    """Voice embeddings on one CPU thread.

    Raises:
        ImportError: the packages are not installed.
    """

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # it names an old place of a SciPy function
                import resemblyzer
        except ImportError as error:
            raise ImportError(f"speaker similarity needs resemblyzer ({error}); {INSTALL}") from error
        self._resemblyzer = resemblyzer
        self._encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)

    def embed(self, audio: np.ndarray, sample_rate: int) -> np.ndarray:
        """Embedding of the voice in speech float32 [N].

        Returns:
            float32 [256] of length 1; all zeros, so similar to nobody, where no voice is heard.
        """
        heard = for_judges(audio, sample_rate)
        if not np.abs(heard).max(initial=0.0) > 0:  # its loudness normalisation would divide by zero
            return np.zeros(DIM, np.float32)
        voiced = self._resemblyzer.preprocess_wav(heard)  # equal loudness, long silences cut
        if len(voiced) < JUDGE_RATE // 20:
            return np.zeros(DIM, np.float32)
        with one_thread():
            embedding: np.ndarray = self._encoder.embed_utterance(voiced)
        return embedding.astype(np.float32)

    @staticmethod
    def similarity(a: np.ndarray, b: np.ndarray) -> float:
        """Cosine of two embeddings [256], in [0, 1]; higher is more alike, 0 where one of them is zero."""
        lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
        return float(a @ b) / lengths if lengths else 0.0


def mean_embedding(embeddings: Iterable[np.ndarray]) -> np.ndarray:
    """What several clips of one voice have in common: mean of embeddings [256], scaled to length 1."""
    mean: np.ndarray = np.mean(np.stack(list(embeddings)), axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-8)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread inside the block: a small LSTM only waits for its helpers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
