"""Those who compare decoded speech with its original: distances, recogniser, MOS predictor, speaker encoder."""

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.judges.asr import load_recognizer
from benchmarks.judges.error_rates import character_errors, load_jiwer
from benchmarks.judges.mos import MosPredictor
from benchmarks.judges.pesq import pesq
from benchmarks.judges.similarity import SpeakerEncoder
from benchmarks.judges.stoi import stoi
from benchmarks.texts.transcripts import normalize_transcript
from codec.metrics import mel_distance, si_sdr, stft_distance

# Original and decoded speech float32 [N], sample rate, transcript ("" = not known) -> scores.
Judge = Callable[[np.ndarray, np.ndarray, int, str], dict[str, float]]


def distances(real: np.ndarray, fake: np.ndarray, rate: int, text: str) -> dict[str, float]:
    """What needs no package."""
    a, b = (torch.from_numpy(audio)[None] for audio in (fake, real))
    plain, extended = stoi(real, fake, rate)
    spectral = {"mel": mel_distance(a, b, rate), "stft": stft_distance(a, b), "si_sdr": si_sdr(a, b)}
    return {**spectral, "stoi": plain, "estoi": extended}


def load_judges(recognizer: str) -> tuple[list[Judge], list[str]]:
    """The judges there are, and why others are not."""
    found: list[Judge] = [distances]
    absent = []
    for make in (make_pesq, make_similarity, make_mos, lambda: make_recognition(recognizer)):
        try:
            found.append(make())
        except ImportError as error:
            absent.append(str(error))
    return found, absent


def make_pesq() -> Judge:
    """Try it once, so that its absence is known before the work begins."""
    silence = np.zeros(16_000, np.float32)
    pesq(silence + 1e-4, silence + 1e-4, 16_000)
    return lambda real, fake, rate, text: {"pesq": pesq(real, fake, rate)}


def make_similarity() -> Judge:
    """Cosine of voice embeddings of original and decoded speech."""
    encoder = SpeakerEncoder()

    def likeness(real: np.ndarray, fake: np.ndarray, rate: int, text: str) -> dict[str, float]:
        return {"similarity": encoder.similarity(encoder.embed(real, rate), encoder.embed(fake, rate))}

    return likeness


def make_mos() -> Judge:
    """DistillMOS of the decoded speech alone."""
    predictor = MosPredictor()
    return lambda real, fake, rate, text: {"mos": predictor.score(fake, rate)}


def make_recognition(name: str) -> Judge:
    """Character errors of what is recognised, against the transcript; nothing where that has no word."""
    load_jiwer()
    recognizer = load_recognizer(name)

    def recognition(real: np.ndarray, fake: np.ndarray, rate: int, text: str) -> dict[str, float]:
        wanted = normalize_transcript(text)
        if not wanted:
            return {}
        errors, total = character_errors(wanted, normalize_transcript(recognizer.transcribe(fake, rate)))
        return {"errors": errors, "characters": total}

    return recognition
