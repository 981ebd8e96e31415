"""Recordings of speakers: as clips, as a codec gives them back, and as prompts, which may be spoilt."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.judges.similarity import mean_embedding
from benchmarks.speakers.text_to_speech import Clip
from pipelines.corpus import manifest
from pipelines.speaking.prompts import SHORTEST_S, speech_of
from pipelines.speaking.synthesis import TTS

PROMPT_S = 5.0, 10.0
CONDITIONS = ("clean", "noise", "8khz", "3s")
NOISE_DB = 15.0  # of speech above noise


def read(folder: Path, utterances: Sequence[manifest.Utterance]) -> list[Clip]:
    """Recordings as clips, mono."""
    found = [soundfile.read(folder / one.audio, dtype="float32", always_2d=True) for one in utterances]
    return [Clip(audio.mean(axis=1), rate) for audio, rate in found]


def by_speaker(paths: Sequence[Path]) -> dict[str, tuple[Path, list[manifest.Utterance]]]:
    """Utterances of manifests by speaker, those of a second and more."""
    found: dict[str, tuple[Path, list[manifest.Utterance]]] = {}
    for path in paths:
        groups: dict[str, list[manifest.Utterance]] = defaultdict(list)
        for one in manifest.read(path):
            if not 0 < one.duration_s < 1.5:
                groups[one.speaker].append(one)
        found |= {name: (path.parent, group) for name, group in groups.items()}
    return found


def speak(tts: TTS, sentences: Sequence[str], seed: int) -> list[Clip]:
    """The sentences, without the watermark, which is measured by itself."""
    return [Clip(s.audio, s.sample_rate) for s in (tts.synthesize(t, seed, watermark=False) for t in sentences)]


def coded(tts: TTS, clips: Sequence[Clip]) -> list[Clip]:
    """Recordings as the voice's codec gives them back."""
    rate, found = tts.sample_rate, []
    for clip in clips:
        audio = clip.audio if clip.sample_rate == rate else soxr.resample(clip.audio, clip.sample_rate, rate)
        found.append(Clip(tts.voice.decode(tts.voice.encode(audio)), rate))
    return found


def others(known: np.ndarray, index: int) -> np.ndarray:
    """The mean of all recordings but one [n, D], for that one to be compared with."""
    return mean_embedding(np.delete(known, index, axis=0) if len(known) > 1 else known)


def shortest(audio: np.ndarray, rate: int) -> np.ndarray:
    """The head of a recording that holds as little speech as a prompt may; all of it where that is less."""
    audio = speech_of(audio, rate)
    least = round(SHORTEST_S * rate)
    lengths = range(least, len(audio), rate // 10)
    return next((audio[:n] for n in lengths if len(speech_of(audio[:n], rate)) >= least), audio)


def prompt_of(clips: Sequence[Clip], condition: str, seed: int) -> tuple[np.ndarray, int, int]:
    """A recording of PROMPT_S made of clips, spoilt; its rate, and how many clips were used."""
    rate, parts = clips[0].sample_rate, []
    for clip in clips:
        parts.append(clip.audio if clip.sample_rate == rate else soxr.resample(clip.audio, clip.sample_rate, rate))
        if sum(map(len, parts)) >= PROMPT_S[0] * rate:
            break
    audio = np.concatenate(parts)[: round(PROMPT_S[1] * rate)]
    if condition == "3s":
        audio = shortest(audio, rate)
    if condition == "noise":
        power = float(np.mean(audio**2)) * 10 ** (-NOISE_DB / 10)
        audio = audio + np.random.default_rng(seed).standard_normal(len(audio)).astype(np.float32) * power**0.5
    if condition == "8khz":
        audio, rate = soxr.resample(audio, rate, 8000), 8000
    return audio.astype(np.float32), rate, len(parts)
