"""The one door to PESQ, which tells how good decoded speech sounds beside its original."""

import numpy as np

from benchmarks.judges.audio import JUDGE_RATE, for_judges

INSTALL = "pip install pesq"


def pesq(real: np.ndarray, fake: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ, about 1 to 4.6 (ITU-T P.862.2); not a number where it finds no speech.

    Args:
        real: the original, mono float [N].
        fake: the decoded audio, likewise.
        sample_rate: of both, Hz.

    Raises:
        ImportError: the package pesq is not installed.
    """
    try:
        import pesq as package
    except ImportError as error:
        raise ImportError(f"PESQ needs its package ({error}); {INSTALL}") from error
    try:
        return float(package.pesq(JUDGE_RATE, for_judges(real, sample_rate), for_judges(fake, sample_rate), "wb"))
    except package.NoUtterancesError:
        return float("nan")
