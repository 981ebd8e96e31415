"""Those who listen: recogniser, MOS predictor and speaker encoder judge clips, sentence by sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from rich.progress import track

from benchmarks.judges.asr import Recognizer, load_recognizer
from benchmarks.judges.error_rates import character_errors, load_jiwer, word_errors
from benchmarks.judges.mos import MosPredictor
from benchmarks.judges.similarity import SpeakerEncoder, mean_embedding
from benchmarks.report.intervals import Interval, bootstrap_interval, bootstrap_mean
from benchmarks.report.optional import optional
from benchmarks.speakers.text_to_speech import Clip
from benchmarks.texts.transcripts import normalize_transcript


class Scorer(Protocol):
    """What is asked of MosPredictor."""

    def score(self, audio: np.ndarray, sample_rate: int) -> float: ...


class Embedder(Protocol):
    """What is asked of SpeakerEncoder."""

    def embed(self, audio: np.ndarray, sample_rate: int) -> np.ndarray: ...

    def similarity(self, a: np.ndarray, b: np.ndarray) -> float: ...


@dataclass(frozen=True)
class Panel:
    """Those who listen; None for who is not asked or not installed."""

    recognizer: Recognizer
    mos: Scorer | None = None
    speaker: Embedder | None = None


@dataclass(frozen=True)
class JudgedClip:
    """One sentence by one system."""

    system: str
    text: str
    hypothesis: str  # as the recogniser wrote it
    character_errors: int
    characters: int
    word_errors: int
    words: int
    mos: float | None
    similarity: float | None  # to the mean of the teacher's other sentences
    audio_s: float
    compute_s: float


def load_panel(recognizer: str, threads: int, mos: bool = True, similarity: bool = True) -> Panel:
    """Load a recogniser by its spec, and the others where they are wanted and installed.

    Raises:
        ImportError: the recogniser or jiwer is not installed.
    """
    load_jiwer()  # complains now, not after all the work, if it is missing
    return Panel(
        load_recognizer(recognizer, threads),
        optional("MOS", MosPredictor) if mos else None,
        optional("similarity", SpeakerEncoder) if similarity else None,
    )


def judge(
    name: str, sentences: Sequence[str], clips: Sequence[Clip], panel: Panel, teacher: np.ndarray | None = None
) -> list[JudgedClip]:
    """Score a system's clips.

    Args:
        name: of the system.
        sentences: what was to be said.
        clips: what was said, one for each sentence.
        panel: who listens.
        teacher: embeddings [sentences, 256] of the teacher's clips, or None. The reference for a sentence leaves
            out the teacher's clip of the same words, which would be closer than the voice alone explains.
    """
    judged = []
    for index, (text, clip) in enumerate(track(list(zip(sentences, clips, strict=True)), f"{name} is judged")):
        hypothesis = panel.recognizer.transcribe(clip.audio, clip.sample_rate)
        sides = normalize_transcript(text), normalize_transcript(hypothesis)
        counts = *character_errors(*sides), *word_errors(*sides)
        mos = panel.mos.score(clip.audio, clip.sample_rate) if panel.mos else None
        alike = None if teacher is None else similarity(clip, np.delete(teacher, index, axis=0), panel.speaker)
        judged.append(JudgedClip(name, text, hypothesis, *counts, mos, alike, clip.audio_s, clip.compute_s))
    return judged


def similarity(clip: Clip, others: np.ndarray, speaker: Embedder | None) -> float | None:
    """Cosine of a clip and the mean of other clips' embeddings [n, 256]; None where there is none, or nobody to ask."""
    if not speaker or not len(others):
        return None
    return speaker.similarity(speaker.embed(clip.audio, clip.sample_rate), mean_embedding(others))


def summarize(clips: Sequence[JudgedClip], seed: int) -> dict[str, Any]:
    """Figures of one system over its sentences; rates are ratios, an interval is (value, low, high)."""

    def mean(values: list[float | None]) -> Interval | None:
        return bootstrap_mean([v for v in values if v is not None], seed) if None not in values else None

    audio_s = sum(clip.audio_s for clip in clips)
    return {
        "cer": bootstrap_interval([c.character_errors for c in clips], [c.characters for c in clips], seed),
        "wer": bootstrap_interval([c.word_errors for c in clips], [c.words for c in clips], seed),
        "mos": mean([clip.mos for clip in clips]),
        "similarity": mean([clip.similarity for clip in clips]),
        "audio_s": audio_s,
        "rtf": sum(clip.compute_s for clip in clips) / audio_s if audio_s else None,
        "sentences": len(clips),
    }
