"""The one door to DistillMOS, which predicts how listeners would rate speech, from 1 (bad) to 5 (excellent).

Source: DistillMOS, arXiv 2502.05356 (MIT, weights in the package). Differences below 0.1 between systems are noise.
"""

import contextlib
import io
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
import torch

from benchmarks.judges.audio import for_judges

INSTALL = "pip install --no-deps distillmos xls-r-sqa==0.1.0"


class MosPredictor:
    """DistillMOS on the CPU, with torch's number of threads.

    Raises:
        ImportError: the packages are not installed.
    """

    def __init__(self) -> None:
        try:
            with importable_torchaudio():
                from distillmos import ConvTransformerSQAModel
        except ImportError as error:
            raise ImportError(f"MOS prediction needs distillmos ({error}); {INSTALL}") from error
        with contextlib.redirect_stdout(io.StringIO()):  # it prints the path of its weights
            self.model: Any = ConvTransformerSQAModel().eval()

    @torch.inference_mode()
    def score(self, audio: np.ndarray, sample_rate: int) -> float:
        """Predicted mean opinion score in [1, 5] of speech float32 [N]; higher is better.

        The network looks at 7.68 s: shorter audio is padded with silence, longer audio is the mean of several looks.
        """
        return float(self.model(torch.from_numpy(for_judges(audio, sample_rate))[None]))


@contextlib.contextmanager
def importable_torchaudio() -> Iterator[None]:
    """Let `import torchaudio` succeed inside the block.

    distillmos imports torchaudio at its top but uses it only to read files on its own command line. torchaudio's PyPI
    wheel is linked to CUDA and cannot be imported beside a CPU-only torch, so where it fails an empty module bears its
    name. It is taken away again at once: nobody else may mistake it for the real one.
    """
    before = set(sys.modules)
    try:
        import torchaudio  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        _forget(before)
        stand_in = ModuleType("torchaudio")
        stand_in.__spec__ = ModuleSpec("torchaudio", None)  # importlib.util.find_spec refuses a module without one
        sys.modules["torchaudio"] = stand_in
        try:
            yield
        finally:
            _forget(before)
    else:
        yield


def _forget(before: set[str]) -> None:
    """Remove the stand-in, and what a failed import left of the real one."""
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "torchaudio":
            del sys.modules[name]
