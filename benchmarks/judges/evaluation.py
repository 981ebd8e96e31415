"""From systems and sentences to scores: every system speaks, and the panel judges it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.judges.panel import JudgedClip, Panel, judge
from benchmarks.speakers.text_to_speech import Clip, System, record


def evaluate(
    teacher: System | None,
    systems: dict[str, System],
    sentences: Sequence[str],
    panel: Panel,
    seed: int = 0,
    wavs: Path | None = None,
) -> list[JudgedClip]:
    """Record and judge every system.

    Args:
        teacher: needed by the codec system and for similarity, judged only if it is among the systems.
        systems: by name.
        sentences: what to say.
        panel: who listens.
        seed: of synthesis.
        wavs: folder in which to keep the audio as SYSTEM/000.wav.
    """
    spoken = record("teacher", teacher, sentences, seed) if teacher else None
    voice = None
    if spoken and panel.speaker:
        voice = np.stack([panel.speaker.embed(clip.audio, clip.sample_rate) for clip in spoken])
    judged = []
    for name, system in systems.items():
        clips = spoken if name == "teacher" and spoken else record(name, system, sentences, seed, spoken)
        if wavs:
            write_wavs(wavs / name, clips)
        judged += judge(name, sentences, clips, panel, voice)
    return judged


def write_wavs(folder: Path, clips: Sequence[Clip]) -> None:
    """Keep clips as 000.wav, 001.wav, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, clip in enumerate(clips):
        soundfile.write(folder / f"{index:03d}.wav", clip.audio, clip.sample_rate, subtype="PCM_16")
