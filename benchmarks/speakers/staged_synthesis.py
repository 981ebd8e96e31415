"""One text for many listeners at once, timed stage by stage."""

import io
from dataclasses import replace

import numpy as np
import soundfile
import torch
from torch import Tensor

from benchmarks.speakers.batch_decoder import BatchDecoder
from benchmarks.speakers.subject import Subject
from benchmarks.timing.clocks import CLOCKS, Clock, Laps
from benchmarks.timing.stage_times import StageTimes
from benchmarks.timing.stopwatch import synchronized
from speechllm import Prompt
from speechllm.config import Precision
from speechllm.inference.engine import Engine
from speechllm.request import StepResult


def engine_of(subject: Subject, batch: int, precision: Precision = "float32") -> Engine:
    """An engine of so many rows: made once for all that is timed with it, as a service makes it once."""
    return Engine(subject.lm, batch, precision, (subject.lm.config.max_text, subject.lm.config.max_frames))


def speak(subject: Subject, length: str, seed: int, engine: Engine, clock: Clock = CLOCKS["wall"]) -> StageTimes:
    """Speak a text as often at once as the engine has rows, each with another seed; everything is timed, nothing kept.

    Time to first audio is when the last of the batch has its first piece, from the text on. A stage ends when the
    device has done it.
    """
    laps, steps, first_s, batch = Laps(synchronized(clock, str(engine.device))), 0, 0.0, engine.slots
    sentences = subject.sentences(length)
    laps.end("text")
    audio: list[list[Tensor]] = [[] for _ in range(batch)]
    for number, ids in enumerate(sentences):
        seeds = [seed * 1_000_003 + number * batch + row for row in range(batch)]
        tickets = [engine.submit(Prompt(ids), replace(subject.sampling, seed=each)) for each in seeds]
        decoder = BatchDecoder(subject.codec, tickets)
        engine.fill()
        laps.end("prefill")
        while engine.busy:
            made = engine.step()
            laps.end("lm")
            steps += decode(made, engine, decoder, subject.frames(length))
            laps.end("codec")
            first_s = first_s or (laps.total if decoder.heard else 0.0)
        for parts, ticket in zip(audio, tickets, strict=True):
            parts += decoder.audio[ticket]
    audio_s = sum(write(torch.cat(parts, dim=-1)[0].cpu().numpy(), subject.codec.sample_rate) for parts in audio)
    laps.end("write")
    return StageTimes({**laps.seconds, "ttfa": first_s, "end_to_end": laps.total}, audio_s, steps)


def decode(made: list[StepResult], engine: Engine, decoder: BatchDecoder, stop: int | None) -> int:
    """Pass on to the codec what an engine made, and return how many steps that was.

    A request that has `stop` frames is ended.
    """
    found: dict[int, list[StepResult]] = {}
    for one in made:
        found.setdefault(one.ticket, []).append(one)
    count = max(map(len, found.values()))
    for number in range(count):  # frames of a request come one after the other
        at_once = [results[number] for results in found.values() if number < len(results)]
        at_once = [one for one in at_once if one.ticket in decoder.active]
        stopped = set(decoder.active) if decoder.count + 1 == stop else set()
        for ticket in stopped:
            engine.cancel(ticket)
        frames = {one.ticket: one.frame.codes for one in at_once if one.frame is not None}
        if frames or stopped or at_once:
            decoder.add(frames, stopped | {one.ticket for one in at_once if one.last})
    return -(-count // engine.config.frames_per_step)


def write(samples: np.ndarray, sample_rate: int) -> float:
    """Write audio [N] to memory as a WAV file; returns its seconds."""
    soundfile.write(io.BytesIO(), samples, sample_rate, "PCM_16", format="WAV")
    return len(samples) / sample_rate
