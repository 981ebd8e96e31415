"""How much faster does a voice of fewer frames a second speak? Two voices side by side, stage by stage.

    python benchmarks/latency.py --voices heart heart-86fps
    python benchmarks/latency.py --voices heart heart-86fps --quick --json results.json
    python benchmarks/latency.py --random-weights --config configs/speechllm/base.yaml
    python benchmarks/latency.py --random-weights --config configs/speechllm/gepard.yaml --runs 20

Ratios are second voice : first voice, so above 1 the first is faster. Runs alternate (A B A B ...), so that a noisy
machine hurts both alike; the first of each is not counted. [low, high] is the 95 % bootstrap interval of the ratio of
medians, resampling pairs of runs. `--random-weights` times the same model at 21.5 and 86 frames a second without any
training, since the time does not depend on what the weights are; texts are then a fixed time of speech. A configuration
without a reader is that of published weights: its decoding step is timed beside a loop around transformers' model.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.report.latency_report import cer_plot, latency_plot, table  # noqa: E402
from benchmarks.timing.memory import peak_mib  # noqa: E402
from benchmarks.timing.speech_speed import (  # noqa: E402
    STAGES,
    TEXTS,
    UNTRAINED_S,
    Subject,
    Timing,
    lm_config,
    speak,
    untrained_pair,
    voice_subject,
)
from pipelines.shared.files import UserError, guard, write_atomically  # noqa: E402
from speechllm.inference.packing import PRECISIONS  # noqa: E402

QUICK_S = 25.0  # seconds after which --quick begins no further measurement
Cell = tuple[int, str]  # batch, length


def cells(args: argparse.Namespace) -> list[Cell]:
    """What is measured, the most telling first."""
    lengths = sorted(args.lengths, key=lambda name: name != "medium")
    found = [(batch, length) for batch in args.batch for length in lengths]
    if args.quick:  # other batches with the medium text only, and if there is time
        found = [cell for cell in found if cell[0] == min(args.batch) or cell[1] == "medium"]
        found.sort(key=lambda cell: cell[0] if cell[0] == min(args.batch) else 1000 - cell[0])
    return found


def measure(pair: list[Subject], cell: Cell, runs: int, args: argparse.Namespace) -> list[list[Timing]]:
    """Timings of both, alternating, after one run of each to warm up."""
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    timings: list[list[Timing]] = [[], []]
    for run in range(-1, runs):
        for subject, kept in zip(pair, timings, strict=True):
            timing = speak(subject, cell[1], cell[0], args.seed + max(run, 0), args.precision, clock)
            if run >= 0:
                kept.append(timing)
    return timings


def bootstrap_ratio(top: list[float], bottom: list[float], seed: int = 0, n: int = 2000) -> dict[str, float]:
    """Ratio of medians top : bottom and its 95 % interval, resampling pairs of runs."""
    a, b = np.asarray(top), np.asarray(bottom)
    drawn = np.random.default_rng(seed).integers(0, len(a), (n, len(a)))
    ratios = np.median(a[drawn], 1) / np.maximum(np.median(b[drawn], 1), 1e-12)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return {"median": float(np.median(a) / max(np.median(b), 1e-12)), "low": float(low), "high": float(high)}


def ratios(found: dict[Cell, list[list[Timing]]], seed: int) -> dict[str, Any]:
    """{stage: {batch_N: {length: {median, low, high}}}}, second : first."""
    tree: dict[str, Any] = {}
    for (batch, length), (first, second) in found.items():
        for stage in STAGES:
            top, bottom = ([run.seconds[stage] for run in runs] for runs in (second, first))
            if min(bottom) > 0:
                values = bootstrap_ratio(top, bottom, seed)
                tree.setdefault(stage, {}).setdefault(f"batch_{batch}", {})[length] = values
    return tree


def figures(runs: list[Timing]) -> dict[str, Any]:
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


def peak_memory_mb(name: str, args: argparse.Namespace) -> float | None:
    """Largest resident memory of a process of its own that speaks the medium text once, MB."""
    command = [sys.executable, __file__, "--probe", name, "--precision", args.precision]
    if args.random_weights:
        command += ["--random-weights", "--config", str(args.config), "--frames-per-step", str(args.frames_per_step)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(done.stdout.split()[-1]) if not done.returncode else None


def probe(args: argparse.Namespace) -> None:
    """The other end of peak_memory_mb."""
    torch.set_num_threads(1)
    if args.random_weights:
        subjects = untrained_pair(args.config, frames_per_step=args.frames_per_step)
    else:
        subjects = [voice_subject(args.probe, precision=args.precision)]
    subject = next((s for s in subjects if s.name == args.probe), subjects[0])
    speak(subject, "medium", 1, 0, args.precision)
    print(peak_mib())


def quality(voices: list[str], args: argparse.Namespace) -> dict[str, Any]:
    """CER of each voice and of its codec alone, by the parts of benchmarks/intelligibility.py."""
    from benchmarks import intelligibility
    from benchmarks.judges.asr import load_recognizer
    from benchmarks.speakers.systems import load_systems

    sentences = intelligibility.read_sentences(Path(__file__).parent / "texts/sentences.txt", args.cer)
    judges = intelligibility.Judges(load_recognizer(args.asr, args.threads), None, None)
    found = {}
    for given in voices:
        name = Path(given).name
        teacher, systems = load_systems(["codec", "voice"], given)
        rows = intelligibility.evaluate(teacher, systems, sentences, judges, args.seed)
        found[name] = {
            system: intelligibility.summarize([row for row in rows if row.system == system], args.seed)["cer"]._asdict()
            for system in systems
        }
    return found


def published(args: argparse.Namespace) -> None:
    """A configuration of published weights: its step beside that of a loop around transformers' model."""
    from benchmarks.timing.step_speed import compare, step_table

    report = compare(lm_config(args.config), args) | {
        "command": shlex.join(["python", "benchmarks/latency.py", *sys.argv[1:]]),
        "settings": {"threads": args.threads, "device": args.device, "runs": args.runs},
        "environment": environment(("transformers",)),
    }
    text = step_table(report)
    write_atomically(args.json or Path(f"{args.out}.json"), json.dumps(report, indent=2) + "\n")
    write_atomically(Path(f"{args.out}.md"), text)
    print(text)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).parent
    parser.add_argument("--voices", nargs=2, default=["heart", "heart-86fps"], help="two voices, names or folders")
    parser.add_argument("--random-weights", action="store_true", help="time --config at 21.5 and 86 fps, untrained")
    parser.add_argument("--config", type=Path, default=here.parent / "configs/speechllm/base.yaml", help="LM to time")
    parser.add_argument(
        "--frames-per-step", type=int, default=1, metavar="N", help="with --random-weights: time N against 1, 21.5 fps"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="speech of the medium text, untrained; short half")
    parser.add_argument("--runs", type=int, help="counted runs of each; default 20, untrained 3, quick 2")
    parser.add_argument("--batch", type=int, nargs="+", help="requests at once; default 1 4 16, untrained 1")
    parser.add_argument("--lengths", nargs="+", default=list(TEXTS), choices=list(TEXTS))
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="of the LM's weights in decoding; default int8, bfloat16 on a GPU"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"], help="cpu: where other work takes turns")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--cer", type=int, default=0, metavar="N", help="CER over the first N benchmark sentences too")
    parser.add_argument("--asr", default="whisper-base", help="recogniser for --cer")
    parser.add_argument("--seed", type=int, default=0, help="of synthesis and of the bootstrap")
    parser.add_argument("--quick", action="store_true", help="within about a minute: few runs, no memory, no CER")
    parser.add_argument("--json", type=Path, help="where the numbers go; default OUT.json")
    parser.add_argument("--out", type=Path, default=here / "results/latency", help="for OUT.json, .md and plots")
    parser.add_argument("--probe", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    args.precision = args.precision or ("int8" if args.device == "cpu" else "bfloat16")
    args.batch = args.batch or ([1] if args.random_weights else [1, 4, 16])
    args.runs = args.runs or (2 if args.quick else 3 if args.random_weights else 20)
    if args.quick:
        args.cer = 0
    if not 0 < args.seconds <= 20:
        raise UserError(f"got --seconds {args.seconds}; expected more than 0 and at most 20")
    if min(args.batch, default=1) < 1 or min(args.runs, args.threads, args.frames_per_step) < 1:
        raise UserError("got a --batch, --runs, --threads or --frames-per-step below 1; expected at least 1")
    if args.frames_per_step > 1 and not args.random_weights:
        raise UserError("--frames-per-step goes with --random-weights; a trained voice has its own")
    return args


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    if args.probe is not None:
        probe(args)
        return
    torch.set_num_threads(args.threads)
    if args.random_weights and not lm_config(args.config).reader_layer:
        published(args)
        return
    where = environment(("soundfile", "faster-whisper"))
    if args.random_weights:
        pair = untrained_pair(args.config, args.device, args.seconds, args.frames_per_step)
    else:
        pair = [voice_subject(name, args.device, args.precision) for name in args.voices]
        if pair[0].name == pair[1].name:  # a voice against itself shows what the machine's noise alone does
            pair[1] = replace(pair[1], name=f"{pair[1].name} again")
    found: dict[Cell, list[list[Timing]]] = {}
    begin, wanted = time.perf_counter(), cells(args)
    for cell in wanted:
        if args.quick and found and time.perf_counter() - begin > QUICK_S:
            print(f"left out for time: batch {cell[0]}, {cell[1]}")
            continue
        found[cell] = measure(pair, cell, args.runs, args)
        first, second = ({s: np.median([run.seconds[s] for run in runs]) for s in STAGES} for runs in found[cell])
        shown = " ".join(f"{s} {second[s] / first[s]:.2f}" for s in ("lm", "ttfa", "end_to_end"))
        print(f"batch {cell[0]}, {cell[1]}: {shown}", flush=True)
    names = [subject.name for subject in pair]
    report: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/latency.py", *(sys.argv[1:] if argv is None else argv)]),
        "voices": names,
        "frame_rates": [subject.codec.frame_rate for subject in pair],
        "settings": {"precision": args.precision, "threads": args.threads, "clock": args.clock, "seed": args.seed},
        "texts": {n: s * args.seconds for n, s in UNTRAINED_S.items()} if args.random_weights else TEXTS,
        "environment": where,
        "ratio": ratios(found, args.seed),
        "voice": {
            name: {f"batch_{b}": {n: figures(found[b, n][i]) for c, n in found if c == b} for b, _ in found}
            for i, name in enumerate(names)
        },
        "peak_memory_mb": {}
        if args.quick or args.device != "cpu"
        else {
            subject.name: peak_memory_mb(given, args)
            for subject, given in zip(pair, names if args.random_weights else args.voices, strict=True)
        },
        "cer": quality(args.voices, args) if args.cer and not args.random_weights else {},
        "runs": {f"batch_{b} {n}": [[asdict(run) for run in runs] for runs in both] for (b, n), both in found.items()},
    }
    text = table(report)
    write_atomically(args.json or Path(f"{args.out}.json"), json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_atomically(Path(f"{args.out}.md"), text)
    write_atomically(Path(f"{args.out}.png"), latency_plot(report))
    if report["cer"]:
        write_atomically(Path(f"{args.out}-cer.png"), cer_plot(report))
    print(text)


if __name__ == "__main__":
    guard(main)
