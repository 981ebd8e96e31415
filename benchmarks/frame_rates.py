"""What is a low frame rate worth at each size of the LM? 21.5 beside 86 frames a second, in torch and ONNX Runtime.

    python benchmarks/frame_rates.py
    python benchmarks/frame_rates.py --configs configs/speechllm/medium.yaml --runs 10
    python benchmarks/frame_rates.py --quick

A trained pair of voices, and models with random weights, whose time does not depend on what the weights are; these
speak for a fixed time. One listener, one thread, weights in int8. All speak in turn, so that what else the machine does
strikes all alike; ratios are 86 : 21.5, so above 1 few frames are faster. [low, high] is the 95 % bootstrap interval of
the ratio of medians.
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.frame_rates import plot, table  # noqa: E402
from benchmarks.report.intervals import bootstrap_ratio  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.speakers.exported import exported  # noqa: E402
from benchmarks.speakers.staged_synthesis import engine_of, speak  # noqa: E402
from benchmarks.speakers.subject import Subject, untrained_pair, voice_subject  # noqa: E402
from benchmarks.timing.stage_times import StageTimes, median_seconds  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.resources import CONFIGS  # noqa: E402

ENGINES = ("torch", "onnx")
RATIOS = ("lm", "codec", "ttfa", "end_to_end")
LENGTH = "medium"
Speaker = Callable[[int], StageTimes]  # of a seed


def speakers(in_torch: list[Subject], to_export: list[Subject], stack: ExitStack) -> dict[str, list[Speaker]]:
    """Both of a pair, by engine."""
    graphs = [stack.enter_context(exported(subject, [LENGTH], "int8")) for subject in to_export]
    return {
        "torch": [partial(speak, subject, LENGTH, engine=engine_of(subject, 1, "int8")) for subject in in_torch],
        "onnx": [partial(one.speak, LENGTH) for one in graphs],
    }


def measure(in_torch: list[Subject], to_export: list[Subject], runs: int, seed: int) -> dict[str, Any]:
    """Figures of one pair with both engines."""
    with ExitStack() as stack:
        found = speakers(in_torch, to_export, stack)
        taken: dict[str, list[list[StageTimes]]] = {engine: [[], []] for engine in ENGINES}
        for number in track(range(-1, runs), in_torch[0].name):
            for engine, both in found.items():
                for kept, one in zip(taken[engine], both, strict=True):
                    times = one(seed + max(number, 0))
                    if number >= 0:  # the first run warms up
                        kept.append(times)
    return {
        "parameters": sum(parameter.numel() for parameter in in_torch[0].lm.parameters()),
        **{engine: figures(*both) for engine, both in taken.items()},
    }


def figures(few: list[StageTimes], many: list[StageTimes]) -> dict[str, Any]:
    """Of one engine: milliseconds a second of speech by stage for both, and ratios."""
    rates = {}
    for name, runs in (("few", few), ("many", many)):
        medians, audio_s = median_seconds(runs), runs[0].audio_s
        rates[name] = {
            **{f"{stage}_ms_per_s": 1000 * medians[stage] / audio_s for stage in ("prefill", "lm", "codec")},
            "real_time_factor": medians["end_to_end"] / audio_s,
            "first_audio_ms": 1000 * medians["ttfa"],
            "steps_per_s": runs[0].steps / medians["lm"],
        }
    ratios = {}
    for stage in RATIOS:
        top, bottom = ([run.seconds[stage] / run.audio_s ** (stage != "ttfa") for run in runs] for runs in (many, few))
        ratios[stage] = dict(zip(("median", "low", "high"), bootstrap_ratio(top, bottom), strict=True))
    return {**rates, "ratio": ratios}


def trained(voices: list[str]) -> tuple[list[Subject], list[Subject]]:
    """Two voices for torch, and with exact codecs for exporting."""
    as_they_speak, exact = ([voice_subject(name, precision=p) for name in voices] for p in ("int8", "float32"))
    return as_they_speak, exact


def untrained(config: Path, seconds: float) -> tuple[list[Subject], list[Subject]]:
    """Two models with random weights, which both engines take as they are."""
    pair = untrained_pair(config, pace=seconds)
    return pair, pair


def pairs(args: argparse.Namespace) -> dict[str, Callable[[], tuple[list[Subject], list[Subject]]]]:
    """Who is measured, by name; loaded when it is their turn, for they are large."""
    names: dict[str, Any] = {} if args.no_voices else {args.voices[0]: partial(trained, args.voices)}
    return names | {f"{config.stem}, untrained": partial(untrained, config, args.seconds) for config in args.configs}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--voices", nargs=2, default=["heart", "heart-86fps"], help="a voice of few frames, of many")
    parser.add_argument("--no-voices", action="store_true", help="untrained models alone")
    sizes = [CONFIGS / f"speechllm/{name}.yaml" for name in ("medium", "base")]
    parser.add_argument("--configs", type=Path, nargs="*", default=sizes, help="of the LMs with random weights")
    parser.add_argument("--seconds", type=float, default=2.0, help="of speech of an untrained model")
    parser.add_argument("--runs", type=int, default=10, help="counted runs of each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="the voices alone, three runs")
    parser.add_argument("--out", type=Path, default=RESULTS / "frame-rates", help="for OUT.json, .md and .png")
    args = parser.parse_args(argv)
    if args.runs < 1 or not 0 < args.seconds <= 20:
        raise UserError(f"got --runs {args.runs}, --seconds {args.seconds}; expected 1 or more, and up to 20")
    if args.quick:
        args.runs, args.configs = 3, []

    torch.set_num_threads(1)
    where = environment(("onnxruntime",))
    sizes_found = {name: measure(*load(), args.runs, args.seed) for name, load in pairs(args).items()}
    report = {"command": command_line("frame_rates.py", argv), "environment": where, "sizes": sizes_found}
    text = f"{table(sizes_found)}\nRatios 86 : 21.5. {origin(where)}\n\n    {report['command']}\n"
    write_results(args.out, report, text, {".png": plot(sizes_found)})
    print(text)


if __name__ == "__main__":
    guard(main)
