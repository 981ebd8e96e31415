"""One request decoded step by step: by this engine, and by the loop one would write around transformers' model."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from benchmarks.speakers.transformers_loop import TransformersLoop
from benchmarks.timing.step_times import StepLoop
from speechllm import LMConfig, Prompt, SamplingConfig, SpeechLM
from speechllm.config import Precision
from speechllm.inference.engine import Engine

VOCABULARY = 1024  # rows of the text embedding, which steps do not read; the published 248,320 would only take memory
TOKENS = 40  # of the text
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

MakeLoop = Callable[[SpeechLM, Tensor], StepLoop]  # of a model and token ids int64 [S]


def untrained(config: LMConfig, device: str, seed: int = 0) -> SpeechLM:
    """Random weights large enough that frames differ."""
    torch.manual_seed(seed)
    lm = SpeechLM(replace(config, vocab_size=VOCABULARY, rope_rounded=False)).eval()
    with torch.no_grad():
        torch.nn.init.normal_(lm.begin, std=0.1)
        torch.nn.init.normal_(lm.frame_head.weight, std=0.2)
    return lm.to(device).requires_grad_(False)


def random_text() -> Tensor:
    """Token ids int64 [TOKENS]."""
    return torch.randint(0, VOCABULARY, (TOKENS,))


class EngineLoop:
    """An engine of one row, in which a request has `frames` frames."""

    def __init__(self, lm: SpeechLM, ids: Tensor, frames: int, precision: Precision, captured: bool | None = None):
        self.engine = Engine(lm, 1, precision, (len(ids), frames + 1), captured)
        self.ids, self.frames, self.ticket = ids, frames, 0

    def begin(self, temperature: float) -> None:
        self.engine.cancel(self.ticket)
        sampling = SamplingConfig(temperature, min_frames=self.frames, max_frames=self.frames)
        self.ticket = self.engine.submit(Prompt(self.ids), sampling)
        self.engine.fill()

    def step(self) -> Tensor:
        frame = self.engine.step()[0].frame
        assert frame is not None, "a request of so many frames has not ended"
        return frame.codes


def step_loops(device: str, frames: int) -> dict[str, MakeLoop]:
    """What is compared on a device, by name; each decodes `frames` frames at most."""
    found: dict[str, MakeLoop] = {
        f"transformers, {name}, {attention}": partial(TransformersLoop, attention=attention, dtype=dtype)
        for name, dtype in DTYPES.items()
        for attention in ("eager", "sdpa")
    }
    engine = partial(EngineLoop, frames=frames)
    if device != "cuda":
        return found | {f"this engine, {p}": partial(engine, precision=p) for p in (*DTYPES, "int8")}
    for p in DTYPES:
        found[f"this engine, {p}"] = partial(engine, precision=p, captured=False)
        found[f"this engine, {p}, captured"] = partial(engine, precision=p, captured=True)
    return found
