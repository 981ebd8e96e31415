"""Seconds of each stage of speaking, over many runs: medians, percentiles, and the ratios of two voices."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.report.intervals import bootstrap_ratio

STAGES = ("text", "prefill", "lm", "codec", "write", "ttfa", "end_to_end")


@dataclass
class StageTimes:
    """One run: seconds of each of STAGES, and what was made in them."""

    seconds: dict[str, float]
    audio_s: float  # of all requests together
    steps: int  # of the LM


Cell = tuple[int, str]  # requests at once, and the text of LENGTHS
Runs = tuple[list[StageTimes], list[StageTimes]]  # of the first and of the second voice


def median_seconds(runs: list[StageTimes]) -> dict[str, float]:
    """Of each stage."""
    return {stage: float(np.median([run.seconds[stage] for run in runs])) for stage in STAGES}


def ratios(found: dict[Cell, Runs], seed: int) -> dict[str, Any]:
    """{stage: {batch_N: {length: {median, low, high}}}}, second : first."""
    tree: dict[str, Any] = {}
    for (batch, length), (first, second) in found.items():
        for stage in STAGES:
            top, bottom = ([run.seconds[stage] for run in runs] for runs in (second, first))
            if min(bottom) > 0:
                ratio = bootstrap_ratio(top, bottom, seed)
                values = {"median": ratio.value, "low": ratio.low, "high": ratio.high}
                tree.setdefault(stage, {}).setdefault(f"batch_{batch}", {})[length] = values
    return tree


def figures(runs: list[StageTimes]) -> dict[str, Any]:
    """What one voice did in one cell."""

    def percentiles(values: list[float]) -> dict[str, float]:
        return dict(zip(("p50", "p90", "p95"), map(float, np.percentile(values, [50, 90, 95])), strict=True))

    return {
        **{stage: percentiles([run.seconds[stage] for run in runs]) for stage in STAGES},
        "rtf": float(np.median([run.seconds["end_to_end"] / run.audio_s for run in runs])),
        "steps_per_s": float(np.median([run.steps / run.seconds["lm"] for run in runs])),
        "audio_s": float(np.median([run.audio_s for run in runs])),
        "runs": len(runs),
    }


def by_batch(found: dict[Cell, Runs], voice: int) -> dict[str, dict[str, Any]]:
    """{batch_N: {length: figures}} of the first or the second voice."""
    tree: dict[str, dict[str, Any]] = {}
    for (batch, length), runs in found.items():
        tree.setdefault(f"batch_{batch}", {})[length] = figures(runs[voice])
    return tree
