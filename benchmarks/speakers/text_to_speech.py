"""The text-to-speech systems that are compared: the teacher, the teacher through a voice's codec, and the voice.

Shapes: N audio samples, K codebooks, T codec frames.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from rich.progress import track

from benchmarks.report.optional import optional
from codec import Codec
from codec import load as load_codec
from pipelines.shared.errors import UserError
from pipelines.speaking.speakers import choose
from pipelines.speaking.synthesis import TTS
from speechllm.config import Precision

SYSTEMS = ("teacher", "codec", "voice")
TEACHER_RATE = 22_050  # Hz; what the codecs were trained on, so that the teacher has no bandwidth they cannot have


@dataclass(frozen=True)
class Clip:
    """Speech float32 [N] in [-1, 1], its rate in Hz, and the seconds it took to make."""

    audio: np.ndarray
    sample_rate: int
    compute_s: float = 0.0

    @property
    def audio_s(self) -> float:
        return len(self.audio) / self.sample_rate


# (text, seed, the teacher's clip of the same text) -> speech
System = Callable[[str, int, Clip | None], Clip]


def teacher_system(sample_rate: int = TEACHER_RATE) -> System:
    """hibari's "heart", at the codec's rate. Raises ImportError without hibari."""
    try:
        from hibari import Hibari
    except ImportError as error:
        raise ImportError(f"the teacher needs hibari ({error}); pip install hibari-tts") from error
    teacher = Hibari(voice="heart", threads=1)

    def speak(text: str, seed: int, _: Clip | None) -> Clip:
        return Clip(soxr.resample(teacher(text, seed=seed), teacher.sample_rate, sample_rate), sample_rate)

    return speak


def codec_system(codec: Codec) -> System:
    """The teacher's audio, encoded and decoded: the best that a speech LM over these codes can sound."""

    def speak(_: str, __: int, teacher: Clip | None) -> Clip:
        assert teacher is not None, "load_systems gives every codec a teacher"
        audio = soxr.resample(teacher.audio, teacher.sample_rate, codec.sample_rate)
        codes, _frames = codec.encode(torch.from_numpy(audio)[None, None])  # [1, K, T]
        return Clip(codec.decode(codes)[0, 0, : len(audio)].numpy(), codec.sample_rate)

    return speak


def voice_system(tts: TTS, speed: float = 1.0) -> System:
    """Text through our own synthesis."""

    def speak(text: str, seed: int, _: Clip | None) -> Clip:
        speech = tts.synthesize(text, seed=seed, speed=speed)
        return Clip(np.asarray(speech.audio, np.float32), speech.sample_rate)

    return speak


def record(
    name: str, system: System, sentences: Sequence[str], seed: int, teacher: Sequence[Clip] | None = None
) -> list[Clip]:
    """Let a system speak every sentence, sentence i with seed + i, timed after one sentence to warm up."""
    clips = []
    system(sentences[0], seed, teacher[0] if teacher else None)
    for index, text in enumerate(track(sentences, f"{name} speaks")):
        started = time.perf_counter()
        clip = system(text, seed + index, teacher[index] if teacher else None)
        clips.append(Clip(clip.audio, clip.sample_rate, time.perf_counter() - started))
    return clips


def load_systems(
    names: Sequence[str],
    voice: str,
    precision: Precision = "int8",
    threads: int = 1,
    speed: float = 1.0,
    prompt: Path | None = None,
    tries: int = 0,
) -> tuple[System | None, dict[str, System]]:
    """The teacher, whether or not it is to be judged, and the systems asked for, in their order.

    Args:
        names: some of SYSTEMS.
        voice: its name or folder, or that of a speaker; see speakers.choose.
        precision, threads: of its networks.
        speed: it speaks at.
        prompt, tries: see TTS.from_pretrained. Whoever measures has their consent.

    Raises:
        UserError: other names, or none that is installed.
    """
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown:
        raise UserError(f"got --systems {' '.join(unknown)}; expected some of: {' '.join(SYSTEMS)}")
    found: dict[str, System] = {}
    rate = TEACHER_RATE
    if "codec" in names or "voice" in names:
        tts = TTS.from_pretrained(
            voice, precision=precision, threads=threads, prompt=prompt, consent=prompt is not None, tries=tries
        )
        rate = tts.codec.sample_rate
        found["voice"] = voice_system(tts, speed)
        if "codec" in names:
            found["codec"] = codec_system(load_codec(choose(voice).folder / "codec"))
    teacher = optional("teacher, codec and similarity", lambda: teacher_system(rate))
    if teacher is None:
        found.pop("codec", None)
    else:
        found["teacher"] = teacher
    systems = {name: found[name] for name in SYSTEMS if name in names and name in found}
    if not systems:
        raise UserError(f"got --systems {' '.join(names)}, which need hibari; pip install hibari-tts, or add voice")
    return teacher, systems
