"""Speak with a stopwatch: a pair of voices, or of untrained models of the same size, stage by stage.

Shapes: K codebooks, T codec frames, N audio samples.
"""

import io
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import soundfile
import torch

from codec import Codec, CodecStream
from pipelines.shared.files import UserError
from pipelines.shared.settings import build, load_yaml
from pipelines.tts import TTS, chunk_goals, speakable
from speechllm import CodeSpec, LMConfig, SamplingConfig, SpeechLM
from speechllm.inference.engine import Engine
from speechllm.inference.packing import Precision

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("text", "prefill", "lm", "codec", "write", "ttfa", "end_to_end")
TEXTS = {
    "short": "Good morning to you.",
    "medium": "The birch canoe slid on the smooth planks, and nobody in the village had seen it coming.",
    "long": (
        "The harbour was quiet that evening. Two boats had come in late, and their crews were asleep already. "
        "Only the keeper of the lighthouse sat at his window, counting the waves as he had done for thirty years. "
        "He knew that the storm would come before the morning."
    ),
}
LFSC = CodeSpec(22_050 / 1024, 8, (8, 7, 6, 6))
UNTRAINED_S = {"short": 0.5, "medium": 1.0, "long": 2.0}  # seconds an untrained model speaks, times `pace`
TOKENS_PER_S = 14  # of speech


@dataclass(frozen=True)
class Subject:
    """Who is timed. `tts` is None for an untrained model, which is given token numbers and stopped by the clock."""

    name: str
    lm: SpeechLM
    codec: Codec
    sampling: SamplingConfig
    tts: TTS | None = None
    pace: float = 1.0  # an untrained model speaks so many times UNTRAINED_S

    @property
    def trained(self) -> bool:
        return self.tts is not None

    def sentences(self, length: str) -> list[torch.Tensor]:
        """The ids of each sentence of a text class."""
        if self.tts is None:
            return [torch.arange(self.tokens(length)) % self.lm.config.vocab_size]
        prepared = [part for s in speakable([TEXTS[length]]) for part in self.tts.parts(self.tts.frontend(s))]
        return [torch.tensor(part.ids) for part in prepared]

    def frames(self, length: str) -> int | None:
        """Frames after which an untrained model is stopped."""
        return None if self.trained else round(UNTRAINED_S[length] * self.pace * self.codec.frame_rate)

    def tokens(self, length: str) -> int:
        """Text tokens an untrained model is given."""
        return min(self.lm.config.max_text, max(1, round(UNTRAINED_S[length] * self.pace * TOKENS_PER_S)))


def voice_subject(name: str, device: str = "cpu", precision: Precision | None = None) -> Subject:
    """A voice by name or folder. Raises UserError if there is none."""
    tts = TTS.from_pretrained(name, precision=precision)
    return Subject(tts.voice.name, tts.voice.lm.to(device), tts.voice.codec.to(device), tts.sampling, tts)


def untrained_pair(config: Path, device: str = "cpu", pace: float = 1.0, frames_per_step: int = 1) -> list[Subject]:
    """The model of a configuration with random weights, at 21.5 and at 86 frames a second, with codecs likewise.

    With `frames_per_step` above 1 both are at 21.5 frames a second, the first writing so many in a step.
    """
    subjects = []
    for rate, each in (("21.5fps", frames_per_step), ("86fps" if frames_per_step == 1 else "21.5fps", 1)):
        codec = Codec.from_config(ROOT / f"configs/codec/lite-{rate}.yaml").eval().to(device)
        spec = CodeSpec(codec.frame_rate, codec.num_codebooks, codec.levels)
        shape = replace(
            lm_config(config, spec), max_frames=4096, frames_per_step=each
        )  # longer than anything that is timed
        with torch.device("meta"):
            lm = SpeechLM(shape)
        lm = lm.to_empty(device=device)
        _fill(lm)
        endless = SamplingConfig(min_frames=10**6, trailing_frames=10**6)
        name = f"{config.stem} {rate}" + (f", {each} frames a step" if each > 1 else "")
        subjects.append(Subject(name, lm.eval(), codec, endless, pace=pace))
    return subjects


def lm_config(path: Path, spec: CodeSpec = LFSC) -> LMConfig:
    """The model of a configuration, for codes as given. Raises UserError if there is none."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; expected a configuration such as configs/speechllm/base.yaml")
    values = load_yaml(path.read_text("utf-8"), str(path)).get("model", {})
    codes = {"frame_rate": spec.frame_rate, "num_codebooks": spec.num_codebooks, "levels": list(spec.levels)}
    config: LMConfig = build(LMConfig, {"vocab_size": 80, "codes": codes, **values})
    return config


def _fill(lm: SpeechLM) -> None:
    """Small random weights; on the meta device nothing was initialised, the rotary table included."""
    from speechllm.model.attention import rotary_table

    with torch.no_grad():
        for parameter in lm.parameters():
            parameter.uniform_(-0.03, 0.03)
        config = lm.config
        lm.rotary.copy_(rotary_table(len(lm.rotary), config.dim // config.num_heads))


@dataclass
class Timing:
    """One run: seconds of each stage, and what was made in them."""

    seconds: dict[str, float]
    audio_s: float  # of all requests together
    steps: int


class Chorus:
    """From codes to sound for requests that begin together: decoded side by side, at the goals of pipelines/tts.py.

    Args:
        codec: of all of them.
        tickets: their names.
    """

    def __init__(self, codec: Codec, tickets: list[int]):
        self.stream, self.goals = codec.stream(), chunk_goals(codec)
        self.goal = next(self.goals)
        self.device = next(codec.parameters()).device
        self.going = list(tickets)  # in the order of the stream's items
        self.count = self.pushed = 0  # frames of each that still goes
        self.codes: dict[int, list[torch.Tensor]] = {ticket: [] for ticket in tickets}
        self.audio: dict[int, list[torch.Tensor]] = {ticket: [] for ticket in tickets}

    def add(self, frames: dict[int, torch.Tensor], ended: set[int]) -> None:
        """The next frame of every request that goes on, int64 [K]; those in `ended` are over, with it or before it."""
        self.count += 1
        for ticket in self.going:
            self.codes[ticket] += [frames[ticket]] if ticket in frames else []
        over = [ticket for ticket in self.going if ticket in ended]
        left = [ticket for ticket in self.going if ticket not in ended]
        for length in {len(self.codes[ticket]) for ticket in over}:
            alike = [ticket for ticket in over if len(self.codes[ticket]) == length]
            self.decode(self.stream if len(alike) == len(self.going) else self.part(alike), alike, last=True)
        if over and left:
            self.stream = self.part(left)
        self.going = left
        if self.count == self.goal:
            if self.going:
                self.decode(self.stream, self.going, last=False)
            self.pushed, self.goal = self.count, next(self.goals)

    def part(self, tickets: list[int]) -> CodecStream:
        """The stream of some of those that go on."""
        if not self.pushed:
            return self.stream.codec.stream()
        return self.stream.take(torch.tensor([self.going.index(ticket) for ticket in tickets], device=self.device))

    def decode(self, stream: CodecStream, tickets: list[int], last: bool) -> None:
        """Decode what has not been decoded yet."""
        codes = [torch.stack(self.codes[ticket], dim=1)[:, self.pushed :] for ticket in tickets]
        audio = (stream.flush if last else stream.push)(torch.stack(codes).to(self.device))
        for ticket, part in zip(tickets, audio, strict=True):
            self.audio[ticket].append(part)

    @property
    def heard(self) -> bool:
        """Whether there is sound of each."""
        return all(any(part.shape[-1] for part in parts) for parts in self.audio.values())


def speak(
    subject: Subject,
    length: str,
    batch: int,
    seed: int,
    precision: Precision = "float32",
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Speak a text `batch` times at once, each with another seed; everything is timed, nothing kept.

    Time to first audio is when the last of the batch has its first piece, from the text on. Stages add up to nearly
    the whole; what is left between them is the loop.
    """
    spent: dict[str, float] = defaultdict(float)
    begin, first, audio_s, steps = clock(), 0.0, 0.0, 0
    sentences = subject.sentences(length)
    spent["text"] = clock() - begin
    whole: list[list[torch.Tensor]] = [[] for _ in range(batch)]
    mark = clock()
    config = subject.lm.config
    longest = max(map(len, sentences)), config.max_frames
    engine = Engine(subject.lm, batch, precision, longest)
    for number, ids in enumerate(sentences):
        tickets = [
            engine.submit(ids, replace(subject.sampling, seed=seed * 1_000_003 + number * batch + row))
            for row in range(batch)
        ]
        chorus = Chorus(subject.codec, tickets)
        engine.fill()
        spent["prefill"] += clock() - mark
        stop = subject.frames(length)
        while engine.busy:
            mark = clock()
            made = engine.step()
            between = clock()
            spent["lm"] += between - mark
            steps += 1
            for number in range(config.frames_per_step):  # frames of a request come one after the other
                found = made[number :: config.frames_per_step]
                stopped = {ticket for ticket in chorus.going if chorus.count + 1 == stop}
                for ticket in stopped:
                    engine.cancel(ticket)
                frames = {one.ticket: one.frame.codes for one in found if one.frame is not None}
                chorus.add(frames, stopped | {one.ticket for one in found if one.last})
            spent["codec"] += clock() - between
            if not first and chorus.heard:
                first = clock() - begin
        for parts, ticket in zip(whole, tickets, strict=True):
            parts += chorus.audio[ticket]
        mark = clock()
    for parts in whole:
        audio = torch.cat(parts, dim=-1)[0].cpu().numpy()
        audio_s += len(audio) / subject.codec.sample_rate
        soundfile.write(io.BytesIO(), audio, subject.codec.sample_rate, "PCM_16", format="WAV")
    spent["write"] = clock() - mark
    spent["end_to_end"], spent["ttfa"] = clock() - begin, first
    return Timing(dict(spent), audio_s, steps)
