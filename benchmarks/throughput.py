"""How many can be spoken to at once, and how close to the machine's limit is a decoding step?

    python benchmarks/throughput.py --voice heart
    python benchmarks/throughput.py --voice heart --streams 1 4 16 --precision int8
    python benchmarks/throughput.py --voice heart --roofline
    python benchmarks/throughput.py --random-weights --config configs/speechllm/base.yaml --roofline

Streams are requests decoded side by side by one engine, codec included. Real-time factor here is time over the audio of
one stream: below 1 every listener hears the voice without a gap. `--roofline` compares a step with what this machine
needs at least: to read its weights and caches, at the bandwidth a plain copy reaches, and to start its operations
in turn, each as long as adding two numbers takes. On a GPU a captured step starts nothing.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.plots import png  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.speakers.staged_synthesis import engine_of, speak  # noqa: E402
from benchmarks.speakers.subject import Subject, untrained_pair, voice_subject  # noqa: E402
from benchmarks.texts.lengths import LENGTHS  # noqa: E402
from benchmarks.timing.clocks import CLOCKS  # noqa: E402
from benchmarks.timing.roofline import copy_bandwidth, roofline  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.resources import CONFIGS  # noqa: E402
from speechllm.config import PRECISIONS  # noqa: E402
from speechllm.inference.engine import Engine  # noqa: E402

STREAMS_HEAD = ("streams", "RTF of each", "audio s per s", "first audio, ms", "LM steps/s")
ROOFLINE_HEAD = (
    *("rows", "weights, MB", "cache, MB", "to read them, ms"),
    *("operations", "limit, ms", "step, ms", "share"),
)


def time_streams(subject: Subject, count: int, args: argparse.Namespace) -> dict[str, float]:
    """Medians over the runs with `count` streams, after one run to warm up."""
    clock, engine = CLOCKS[args.clock], engine_of(subject, count, args.precision)
    runs = [speak(subject, args.length, args.seed + run, engine, clock) for run in range(args.runs + 1)][1:]
    audio_per_s = [run.audio_s / run.seconds["end_to_end"] for run in runs]
    return {
        "streams": count,
        "rtf": float(np.median([count / rate for rate in audio_per_s])),
        "audio_per_s": float(np.median(audio_per_s)),
        "ttfa_s": float(np.median([run.seconds["ttfa"] for run in runs])),
        "steps_per_s": float(np.median([run.steps / run.seconds["lm"] for run in runs])),
    }


def streams_table(rows: list[dict[str, float]]) -> str:
    cells = (
        [
            *(r["streams"], f"{r['rtf']:.4f}", f"{r['audio_per_s']:.1f}"),
            *(f"{r['ttfa_s'] * 1000:.0f}", f"{r['steps_per_s']:.0f}"),
        ]
        for r in rows
    )
    return markdown_table(STREAMS_HEAD, cells)


def roofline_table(rows: list[dict[str, float]], bandwidth: float) -> str:
    cells = (
        [
            *(r["rows"], f"{r['weight_bytes'] / 1e6:.1f}", f"{r['cache_bytes'] / 1e6:.1f}"),
            *(f"{r['bandwidth_s'] * 1000:.2f}", r["operations"], f"{r['limit_s'] * 1000:.2f}"),
            *(f"{r['step_s'] * 1000:.2f}", f"{r['share']:.0%}"),
        ]
        for r in rows
    )
    return f"Copy bandwidth {bandwidth / 1e9:.1f} GB/s, read and written.\n\n{markdown_table(ROOFLINE_HEAD, cells)}"


def plot(rows: list[dict[str, float]]) -> bytes:
    """Real-time factor and time to first audio by number of streams, a PNG."""
    from matplotlib.figure import Figure  # without pyplot, so no display and no global state

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    shown = (("rtf", 1, "real-time factor of each stream"), ("ttfa_s", 1000, "first audio, ms"))
    for panel, (key, scale, label) in zip(figure.subplots(1, 2), shown, strict=True):
        panel.plot([r["streams"] for r in rows], [r[key] * scale for r in rows], "o-")
        panel.set(xlabel="streams", ylabel=f"{label} (lower is better)")
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    return png(figure)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", default="heart", help="name or folder of a voice")
    parser.add_argument("--random-weights", action="store_true", help="--config untrained, at 21.5 frames a second")
    parser.add_argument("--config", type=Path, default=CONFIGS / "speechllm/base.yaml", help="LM to time")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 16], help="streams, or rows of a step")
    parser.add_argument("--length", default="medium", choices=list(LENGTHS), help="text")
    parser.add_argument("--runs", type=int, default=3, help="counted runs for each number of streams")
    parser.add_argument("--roofline", action="store_true", help="a step against the bandwidth of this machine")
    parser.add_argument("--steps", type=int, default=40, help="steps timed for --roofline")
    parser.add_argument("--tokens", type=int, default=60, help="text tokens for --roofline")
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="of the LM's weights in decoding; default int8, bfloat16 on a GPU"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--clock", default="wall", choices=list(CLOCKS), help="cpu: where other work takes turns")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "throughput", help="for OUT.json, .md and .png")
    args = parser.parse_args(argv)
    args.precision = args.precision or ("int8" if args.device == "cpu" else "bfloat16")
    if min(*args.streams, args.runs, args.steps, args.tokens, args.threads) < 1:
        raise UserError("got --streams, --runs, --steps, --tokens or --threads below 1; expected at least 1")
    return args


def load_subject(args: argparse.Namespace) -> Subject:
    """Who is timed."""
    if args.random_weights:
        return untrained_pair(args.config, args.device)[0]
    return voice_subject(args.voice, args.device, args.precision)


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    subject, clock = load_subject(args), CLOCKS[args.clock]
    where = environment()
    report: dict[str, Any] = {
        "command": command_line("throughput.py", argv),
        "subject": subject.name,
        "settings": {"precision": args.precision, "threads": args.threads, "clock": args.clock, "device": args.device},
        "environment": where,
    }
    plots = {}
    if args.roofline:
        bandwidth = copy_bandwidth(args.device, clock)
        engines = (Engine(subject.lm, count, args.precision) for count in args.streams)
        rows = [roofline(engine, args.tokens, args.steps, bandwidth, clock) for engine in engines]
        report |= {"copy_bytes_per_s": bandwidth, "roofline": rows}
        text = roofline_table(rows, bandwidth)
    else:
        rows = [time_streams(subject, count, args) for count in args.streams]
        report["streams"], plots[".png"] = rows, plot(rows)
        text = streams_table(rows)
    text += (
        f"\n{subject.name}, {args.precision}, {args.threads} thread(s), {args.clock} clock, "
        f"load {where['load_average']}. {origin(where)}\n\n    {report['command']}\n"
    )
    write_results(args.out, report, text, plots)
    print(text)


if __name__ == "__main__":
    guard(main)
