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
from speechllm import Prompt
from speechllm.config import Precision
from speechllm.inference.engine import Engine
from speechllm.request import StepResult


def speak(
    subject: Subject,
    length: str,
    batch: int,
    seed: int,
    precision: Precision = "float32",
    clock: Clock = CLOCKS["wall"],
) -> StageTimes:
    """Speak a text `batch` times at once, each with another seed; everything is timed, nothing kept.

    Time to first audio is when the last of the batch has its first piece, from the text on.
    """
    laps, steps, first_s = Laps(clock), 0, 0.0
    sentences = subject.sentences(length)
    laps.end("text")
    engine = Engine(subject.lm, batch, precision, (max(map(len, sentences)), subject.lm.config.max_frames))
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
            decode(made, engine, decoder, subject.frames(length))
            laps.end("codec")
            steps += 1
            first_s = first_s or (laps.total if decoder.heard else 0.0)
        for parts, ticket in zip(audio, tickets, strict=True):
            parts += decoder.audio[ticket]
    audio_s = sum(write(torch.cat(parts, dim=-1)[0].cpu().numpy(), subject.codec.sample_rate) for parts in audio)
    laps.end("write")
    return StageTimes({**laps.seconds, "ttfa": first_s, "end_to_end": laps.total}, audio_s, steps)


def decode(made: list[StepResult], engine: Engine, decoder: BatchDecoder, stop: int | None) -> None:
    """Pass what a step made on to the codec; a request that has `stop` frames is ended."""
    frames_per_step = engine.lm.config.frames_per_step
    for number in range(frames_per_step):  # frames of a request come one after the other
        found = made[number::frames_per_step]
        stopped = set(decoder.active) if decoder.count + 1 == stop else set()
        for ticket in stopped:
            engine.cancel(ticket)
        frames = {one.ticket: one.frame.codes for one in found if one.frame is not None}
        decoder.add(frames, stopped | {one.ticket for one in found if one.last})


def write(samples: np.ndarray, sample_rate: int) -> float:
    """Write audio [N] to memory as a WAV file; returns its seconds."""
    soundfile.write(io.BytesIO(), samples, sample_rate, "PCM_16", format="WAV")
    return len(samples) / sample_rate
