"""What every judge hears: mono float32 at 16 kHz, whatever rate the speech was made at."""

import numpy as np
import soxr

JUDGE_RATE = 16_000  # Hz; Whisper, DistillMOS and Resemblyzer were all trained at it


def for_judges(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Resample speech for a judge.

    Args:
        audio: float [N] in [-1, 1]; may be empty.
        sample_rate: Hz.

    Returns:
        float32 [N * 16000 / sample_rate].

    Raises:
        ValueError: more than one channel, or samples that are not finite. A judge would give a score all the same.
    """
    if audio.ndim != 1:
        raise ValueError(f"got audio of shape {audio.shape}; expected mono [N], take one channel first")
    if not np.isfinite(audio).all():
        raise ValueError("got audio with NaN or infinite samples; expected finite values in [-1, 1]")
    audio = audio.astype(np.float32, copy=False)
    return audio if sample_rate == JUDGE_RATE else soxr.resample(audio, sample_rate, JUDGE_RATE)
