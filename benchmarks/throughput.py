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
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.report.latency_report import figure_bytes  # noqa: E402
from benchmarks.timing.speech_speed import Subject, speak, untrained_pair, voice_subject  # noqa: E402
from pipelines.shared.files import UserError, guard, write_atomically  # noqa: E402
from speechllm import SamplingConfig  # noqa: E402
from speechllm.inference.decoding import BLOCK  # noqa: E402
from speechllm.inference.engine import Engine  # noqa: E402
from speechllm.inference.packing import PRECISIONS  # noqa: E402

COPY_BYTES = 64 * 2**20  # larger than a CPU's caches, so that memory is measured
GPU_COPY_BYTES = 2**30
WARM_STEPS = 3


def streams_row(subject: Subject, count: int, args: argparse.Namespace) -> dict[str, float]:
    """Medians over the runs with `count` streams."""
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    runs = [speak(subject, args.length, count, args.seed + run, args.precision, clock) for run in range(args.runs + 1)]
    runs = runs[1:]  # the first warms up
    end = [run.seconds["end_to_end"] for run in runs]
    return {
        "streams": count,
        "rtf": float(np.median([count * e / run.audio_s for e, run in zip(end, runs, strict=True)])),
        "audio_per_s": float(np.median([run.audio_s / e for e, run in zip(end, runs, strict=True)])),
        "ttfa_s": float(np.median([run.seconds["ttfa"] for run in runs])),
        "steps_per_s": float(np.median([run.steps / run.seconds["lm"] for run in runs])),
    }


def synchronize(device: str) -> None:
    """Wait for a GPU; nothing on a CPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def copy_bandwidth(size: int, device: str, clock: Any) -> float:
    """Bytes read and written per second by a copy of `size` bytes, the best of several."""
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(8):
        synchronize(device)
        begin = clock()
        target.copy_(source)
        synchronize(device)
        best = min(best, clock() - begin)
    return 2 * size / best


class CountOperations(TorchDispatchMode):
    """Counts what torch is asked to do while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return operation(*args, **(kwargs or {}))


def operations(engine: Engine) -> int:
    """Operations of the engine's last step, made once more."""
    if engine.stepper is None:
        return 0
    with CountOperations() as counter:
        engine.stepper[1]()
    return counter.count


@torch.inference_mode()
def dispatch_time(clock: Any, count: int = 5000) -> float:
    """Seconds that an operation on next to nothing takes."""
    x, y = torch.ones(1), torch.ones(1)
    times = []
    for _ in range(5):
        begin = clock()
        for _ in range(count):
            x + y
        times.append((clock() - begin) / count)
    return min(times)


def step_time(engine: Engine, steps: int, device: str, clock: Any) -> float:
    """Median seconds of a step, bookkeeping included."""
    for _ in range(WARM_STEPS):
        engine.step()
    times = []
    for _ in range(steps):
        begin = clock()
        engine.step()
        synchronize(device)
        times.append(clock() - begin)
    return float(np.median(times))


def roofline_row(subject: Subject, count: int, bandwidth: float, args: argparse.Namespace) -> dict[str, float]:
    """Bytes a step of `count` rows must move, the time that takes at best, and the time it took."""
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    config = subject.lm.config
    engine = Engine(subject.lm, count, args.precision)
    ids = torch.arange(args.tokens) % config.vocab_size
    for row in range(count):
        engine.submit(ids, SamplingConfig(seed=row, min_frames=10**6, trailing_frames=10**6))
    measured = step_time(engine, args.steps, args.device, clock)
    positions = -(-(args.tokens + WARM_STEPS + args.steps // 2) // BLOCK) * BLOCK
    cache = (
        2
        * config.num_layers
        * config.kv_heads
        * config.head_width
        * count
        * positions
        * engine.rows.keys.element_size()
    )
    moved = engine.lm.bytes_per_step + cache
    started = operations(engine)
    limit = moved / bandwidth + started * (dispatch_time(clock) if started else 0)
    return {
        "rows": count,
        "weight_bytes": engine.lm.bytes_per_step,
        "cache_bytes": cache,
        "bandwidth_s": moved / bandwidth,
        "operations": started,
        "limit_s": limit,
        "step_s": measured,
        "share": limit / measured,
    }


def streams_table(rows: list[dict[str, float]]) -> str:
    lines = ["| streams | RTF of each | audio s per s | first audio, ms | LM steps/s |", "|---" * 5 + "|"]
    lines += [
        f"| {r['streams']} | {r['rtf']:.4f} | {r['audio_per_s']:.1f} | {r['ttfa_s'] * 1000:.0f} "
        f"| {r['steps_per_s']:.0f} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def roofline_table(rows: list[dict[str, float]], bandwidth: float) -> str:
    lines = [
        f"Copy bandwidth {bandwidth / 1e9:.1f} GB/s, read and written.\n",
        "| rows | weights, MB | cache, MB | to read them, ms | operations | limit, ms | step, ms | share |",
        "|---" * 8 + "|",
    ]
    lines += [
        f"| {r['rows']} | {r['weight_bytes'] / 1e6:.1f} | {r['cache_bytes'] / 1e6:.1f} | {r['bandwidth_s'] * 1000:.2f} "
        f"| {r['operations']} | {r['limit_s'] * 1000:.2f} | {r['step_s'] * 1000:.2f} | {r['share']:.0%} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


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
    return figure_bytes(figure)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).parent
    parser.add_argument("--voice", default="heart", help="name or folder of a voice")
    parser.add_argument("--random-weights", action="store_true", help="--config untrained, at 21.5 frames a second")
    parser.add_argument("--config", type=Path, default=here.parent / "configs/speechllm/base.yaml", help="LM to time")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 16], help="streams, or rows of a step")
    parser.add_argument("--length", default="medium", choices=["short", "medium", "long"], help="text")
    parser.add_argument("--runs", type=int, default=3, help="counted runs for each number of streams")
    parser.add_argument("--roofline", action="store_true", help="a step against the bandwidth of this machine")
    parser.add_argument("--steps", type=int, default=40, help="steps timed for --roofline")
    parser.add_argument("--tokens", type=int, default=60, help="text tokens for --roofline")
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="of the LM's weights in decoding; default int8, bfloat16 on a GPU"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"], help="cpu: where other work takes turns")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=here / "results/throughput", help="for OUT.json, .md and .png")
    args = parser.parse_args(argv)
    args.precision = args.precision or ("int8" if args.device == "cpu" else "bfloat16")
    if min(*args.streams, args.runs, args.steps, args.tokens, args.threads) < 1:
        raise UserError("got --streams, --runs, --steps, --tokens or --threads below 1; expected at least 1")
    return args


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    if args.random_weights:
        subject = untrained_pair(args.config, args.device)[0]
    else:
        subject = voice_subject(args.voice, args.device, args.precision)
    report: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/throughput.py", *(sys.argv[1:] if argv is None else argv)]),
        "subject": subject.name,
        "settings": {"precision": args.precision, "threads": args.threads, "clock": args.clock, "device": args.device},
        "environment": environment(),
    }
    if args.roofline:
        bandwidth = copy_bandwidth(COPY_BYTES if args.device == "cpu" else GPU_COPY_BYTES, args.device, clock)
        rows = [roofline_row(subject, count, bandwidth, args) for count in args.streams]
        report |= {"copy_bytes_per_s": bandwidth, "roofline": rows}
        text = roofline_table(rows, bandwidth)
    else:
        rows = [streams_row(subject, count, args) for count in args.streams]
        report["streams"] = rows
        text = streams_table(rows)
        write_atomically(Path(f"{args.out}.png"), plot(rows))
    where = report["environment"]
    text += f"\n{subject.name}, {args.precision}, {args.threads} thread(s), {args.clock} clock, load "
    text += f"{where['load_average']}. Commit {where['commit']}, {where['cpu']}.\n\n    {report['command']}\n"
    write_atomically(Path(f"{args.out}.json"), json.dumps(report, indent=2) + "\n")
    write_atomically(Path(f"{args.out}.md"), text)
    print(text)


if __name__ == "__main__":
    guard(main)
