"""The same subject in ONNX Runtime: its graphs, and one text timed stage by stage."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.speakers.staged_synthesis import write
from benchmarks.speakers.subject import Subject
from benchmarks.timing.clocks import CLOCKS, Clock, Laps
from benchmarks.timing.stage_times import StageTimes
from codec import save as save_codec
from codec.export.export import export_onnx as export_codec
from codec.runtime import RuntimeCodec
from codec.runtime import load as load_codec
from pipelines.speaking.chunking import chunk_goals
from speechllm import Prompt, SamplingConfig
from speechllm.config import Precision
from speechllm.export.export import export_lm
from speechllm.runtime.lm import RuntimeLM
from speechllm.runtime.session import Session


@dataclass(frozen=True)
class Exported:
    """A subject's networks in ONNX Runtime, and the texts that it is given."""

    name: str
    lm: RuntimeLM
    codec: RuntimeCodec
    sampling: SamplingConfig
    texts: dict[str, list[np.ndarray]]  # token ids int64 [S] of the sentences of each length
    frames: dict[str, int | None]  # after which an untrained model is stopped

    def speak(self, length: str, seed: int, clock: Clock = CLOCKS["wall"]) -> StageTimes:
        """Speak a text as `staged_synthesis.speak` does for one listener; everything is timed, nothing kept."""
        laps, steps, first_s = Laps(clock), 0, 0.0
        audio: list[np.ndarray] = []
        for number, ids in enumerate(self.texts[length]):
            session = Session(self.lm, Prompt(ids), SamplingConfig(**vars(self.sampling) | {"seed": seed + number}))
            laps.end("prefill")
            stream, goals, passed_on = self.codec.stream(), chunk_goals(self.codec), 0
            frames: list[np.ndarray] = []
            goal, stop = next(goals), self.frames[length]
            while not session.done and len(frames) != stop:
                frames += [frame.codes for frame in session.step()][: None if stop is None else stop - len(frames)]
                steps += 1
                laps.end("lm")
                if len(frames) >= goal:
                    audio.append(stream.push(np.stack(frames[passed_on:], axis=1)[None]))
                    laps.end("codec")
                    first_s = first_s or laps.total
                    passed_on, goal = len(frames), next(goals)
            rest = np.stack(frames[passed_on:], axis=1)[None] if passed_on < len(frames) else None
            audio.append(stream.flush(rest))
            laps.end("codec")
            first_s = first_s or laps.total
        audio_s = write(np.concatenate(audio, axis=-1)[0, 0], self.codec.sample_rate)
        laps.end("write")
        return StageTimes({"text": 0.0, **laps.seconds, "ttfa": first_s, "end_to_end": laps.total}, audio_s, steps)


@contextmanager
def exported(subject: Subject, lengths: list[str], precision: Precision) -> Iterator[Exported]:
    """Write a subject's graphs into a temporary folder, and load them; it is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        codec, lm = Path(folder, "codec"), Path(folder, "lm")
        save_codec(subject.codec, codec)
        export_codec(subject.codec, codec)
        subject.lm.save_pretrained(lm)
        export_lm(lm)
        yield Exported(
            subject.name,
            RuntimeLM.load(lm, precision),
            load_codec(codec, precision),
            subject.sampling,
            {length: [ids.numpy() for ids in subject.sentences(length)] for length in lengths},
            {length: subject.frames(length) for length in lengths},
        )
