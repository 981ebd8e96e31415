"""Our decoding step beside the loop one would write around transformers' model: same weights, same machine, in turns.

Run by `benchmarks/latency.py --random-weights` for a configuration without a reader: configs/speechllm/gepard.yaml.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.speakers.transformers_loop import TransformersLoop
from speechllm import LMConfig, SamplingConfig, SpeechLM
from speechllm.inference.engine import Engine
from speechllm.inference.packing import Precision

TOKENS = 40  # of the text
WARM_STEPS = 4
CHECKED = 6  # frames that must be the same
VOCABULARY = 1024  # rows of the text embedding, which steps do not read; the published 248,320 would only take memory


def untrained(config: LMConfig, device: str, seed: int = 0) -> SpeechLM:
    """Random weights large enough that frames differ."""
    torch.manual_seed(seed)
    lm = SpeechLM(replace(config, vocab_size=VOCABULARY, rope_rounded=False)).eval()
    with torch.no_grad():
        torch.nn.init.normal_(lm.begin, std=0.1)
        torch.nn.init.normal_(lm.frame_head.weight, std=0.2)
    return lm.to(device).requires_grad_(False)


class Ours:
    """One request in an engine of one row."""

    def __init__(self, lm: SpeechLM, ids: Tensor, precision: Precision, frames: int, captured: bool | None = None):
        self.engine = Engine(lm, 1, precision, (len(ids), frames + 1), captured)
        self.ids, self.frames = ids, frames

    def begin(self, temperature: float) -> None:
        sampling = SamplingConfig(temperature, min_frames=self.frames, max_frames=self.frames)
        self.engine.submit(self.ids, sampling)
        self.engine.fill()

    def step(self) -> Tensor:
        frame = self.engine.step()[0].frame
        assert frame is not None
        return frame.codes


class Theirs:
    """One request in transformers."""

    def __init__(self, lm: SpeechLM, ids: Tensor, attention: str, dtype: torch.dtype):
        self.loop, self.text = TransformersLoop(lm, attention, dtype), lm.text_embedding(ids.to(lm.begin.device))
        self.temperature = 0.0

    def begin(self, temperature: float) -> None:
        self.temperature = temperature
        self.loop.prefill(self.text)

    def step(self) -> Tensor:
        return self.loop.step(self.temperature).cpu()


def contenders(device: str) -> dict[str, Callable[[SpeechLM, Tensor, int], Any]]:
    """Who is timed, by name."""
    found: dict[str, Callable[[SpeechLM, Tensor, int], Any]] = {
        f"transformers, {name}, {attention}": lambda lm, ids, _, a=attention, d=dtype: Theirs(lm, ids, a, d)  # type: ignore[misc]
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
        for attention in ("eager", "sdpa")
    }
    precisions: tuple[Precision, ...] = ("float32", "bfloat16", "int8") if device == "cpu" else ("float32", "bfloat16")
    for precision in precisions:
        found[f"this engine, {precision}"] = lambda lm, ids, n, p=precision: Ours(  # type: ignore[misc]
            lm, ids, p, n, False if device == "cuda" else None
        )
        if device == "cuda":
            found[f"this engine, {precision}, captured"] = lambda lm, ids, n, p=precision: Ours(lm, ids, p, n, True)  # type: ignore[misc]
    return found


def compare(config: LMConfig, args: argparse.Namespace) -> dict[str, Any]:
    """Seconds a step of each, medians over `args.runs` rounds of all of them in turn."""
    lm, frames = untrained(config, args.device, args.seed), WARM_STEPS + args.runs
    ids = torch.randint(0, VOCABULARY, (TOKENS,))
    rows: dict[str, dict[str, Any]] = {}
    subjects, said = {}, {}
    for name, make in contenders(args.device).items():
        subject = make(lm, ids, max(frames, CHECKED))
        subject.begin(0.0)
        said[name] = torch.stack([subject.step() for _ in range(CHECKED)])
        subject.begin(0.3)
        subjects[name] = subject
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(frames):
        for name, subject in subjects.items():
            begin = time.perf_counter()
            subject.step()
            if args.device == "cuda":
                torch.cuda.synchronize()
            if number >= WARM_STEPS:
                times[name].append(time.perf_counter() - begin)
    exact = said["transformers, float32, eager"]
    base = {kind: np.median(times[f"transformers, {kind}, sdpa"]) for kind in ("float32", "bfloat16")}
    for name, found in times.items():
        median = float(np.median(found))
        rows[name] = {
            "step_ms": 1000 * median,
            "p90_ms": 1000 * float(np.percentile(found, 90)),
            "real_time_factor": median * config.codes.frame_rate,
            "vs_transformers_float32": float(base["float32"] / median),
            "vs_transformers_bfloat16": float(base["bfloat16"] / median),
            "same_codes": float((said[name] == exact).float().mean()),
        }
    return {"rows": rows, "parameters": sum(p.numel() for p in lm.parameters())}


def step_table(report: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        f"{report['parameters'] / 1e6:.0f} M parameters but for the text embedding, one request.\n",
        "| | step, ms | p90, ms | RTF of the LM | × transformers float32 | × its bfloat16 | codes as in float32 |",
        "|---" * 7 + "|",
    ]
    lines += [
        f"| {name} | {row['step_ms']:.1f} | {row['p90_ms']:.1f} | {row['real_time_factor']:.2f} "
        f"| {row['vs_transformers_float32']:.2f} | {row['vs_transformers_bfloat16']:.2f} | {row['same_codes']:.0%} |"
        for name, row in report["rows"].items()
    ]
    where, settings = report["environment"], report["settings"]
    lines.append(
        f"\nMedians of {settings['runs']} steps each, in turns; × is against transformers with fused attention. "
        f"{settings['device']}, {settings['threads']} thread(s), load {where['load_average']}. "
        f"Commit {where['commit']}, {where['cpu']}, {where['date']}.\n\n    {report['command']}\n"
    )
    return "\n".join(lines)
