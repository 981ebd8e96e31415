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
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges.evaluation import evaluate  # noqa: E402
from benchmarks.judges.panel import load_panel, summarize  # noqa: E402
from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.report.latency import cer_plot, latency_plot, latency_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.report.step_times import step_table  # noqa: E402
from benchmarks.speakers.staged_synthesis import engine_of, speak  # noqa: E402
from benchmarks.speakers.step_loops import random_text, step_loops, untrained  # noqa: E402
from benchmarks.speakers.subject import (  # noqa: E402
    UNTRAINED_S,
    Subject,
    lm_config,
    untrained_pair,
    voice_subject,
)
from benchmarks.speakers.text_to_speech import load_systems  # noqa: E402
from benchmarks.texts.lengths import LENGTHS  # noqa: E402
from benchmarks.texts.sentence_list import read_sentences  # noqa: E402
from benchmarks.timing.clocks import CLOCKS  # noqa: E402
from benchmarks.timing.memory import peak_mib  # noqa: E402
from benchmarks.timing.stage_times import Cell, Runs, by_batch, median_seconds, ratios  # noqa: E402
from benchmarks.timing.step_times import compare_steps, frames_needed  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.resources import CONFIGS  # noqa: E402
from speechllm.config import PRECISIONS  # noqa: E402

QUICK_S = 25.0  # seconds after which --quick begins no further measurement


def cells(args: argparse.Namespace) -> list[Cell]:
    """What is measured, the most telling first."""
    lengths = sorted(args.lengths, key=lambda name: name != "medium")
    found = [(batch, length) for batch in args.batch for length in lengths]
    if args.quick:  # other batches with the medium text only, and if there is time
        found = [cell for cell in found if cell[0] == min(args.batch) or cell[1] == "medium"]
        found.sort(key=lambda cell: cell[0] if cell[0] == min(args.batch) else 1000 - cell[0])
    return found


def measure(pair: list[Subject], cell: Cell, args: argparse.Namespace) -> Runs:
    """Times of both, alternating, after one run of each to warm up."""
    batch, length = cell
    runs: Runs = [], []
    engines = [engine_of(subject, batch, args.precision) for subject in pair]
    for number in range(-1, args.runs):
        for subject, engine, kept in zip(pair, engines, runs, strict=True):
            times = speak(subject, length, args.seed + max(number, 0), engine, CLOCKS[args.clock])
            if number >= 0:
                kept.append(times)
    return runs


def measure_all(pair: list[Subject], args: argparse.Namespace) -> dict[Cell, Runs]:
    """Every cell, or with --quick those that there is time for; each is told when it is done."""
    found: dict[Cell, Runs] = {}
    begin = time.perf_counter()
    for cell in cells(args):
        batch, length = cell
        if args.quick and found and time.perf_counter() - begin > QUICK_S:
            print(f"left out for time: batch {batch}, {length}")
            continue
        found[cell] = measure(pair, cell, args)
        first, second = (median_seconds(runs) for runs in found[cell])
        shown = " ".join(f"{stage} {second[stage] / first[stage]:.2f}" for stage in ("lm", "ttfa", "end_to_end"))
        print(f"batch {batch}, {length}: {shown}", flush=True)
    return found


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
    speak(subject, "medium", 0, engine_of(subject, 1, args.precision))
    print(peak_mib())


def peak_memory(pair: list[Subject], args: argparse.Namespace) -> dict[str, float | None]:
    """Of each voice by its name, MB; nothing where it is not measured."""
    if args.quick or args.device != "cpu":
        return {}
    names = [subject.name for subject in pair]
    asked = names if args.random_weights else args.voices
    return {name: peak_memory_mb(given, args) for name, given in zip(names, asked, strict=True)}


def quality(voices: list[str], args: argparse.Namespace) -> dict[str, Any]:
    """CER of each voice and of its codec alone, as in benchmarks/intelligibility.py."""
    sentences = read_sentences(limit=args.cer)
    panel = load_panel(args.asr, args.threads, mos=False, similarity=False)
    found = {}
    for voice in voices:
        teacher, systems = load_systems(["codec", "voice"], voice)
        judged = evaluate(teacher, systems, sentences, panel, args.seed)
        clips = {system: [clip for clip in judged if clip.system == system] for system in systems}
        found[Path(voice).name] = {
            system: summarize(heard, args.seed)["cer"]._asdict() for system, heard in clips.items()
        }
    return found


def compare_published(args: argparse.Namespace, argv: list[str] | None) -> None:
    """A configuration of published weights: its step beside that of a loop around transformers' model."""
    config = lm_config(args.config)
    lm, ids = untrained(config, args.device, args.seed), random_text()
    loops = {name: make(lm, ids) for name, make in step_loops(args.device, frames_needed(args.runs)).items()}
    report = {
        "rows": compare_steps(loops, args.runs, args.device, config.codes.frame_rate),
        "parameters": sum(p.numel() for p in lm.parameters()),
        "command": command_line("latency.py", argv),
        "settings": {"threads": args.threads, "device": args.device, "runs": args.runs},
        "environment": environment(("transformers",)),
    }
    text = step_table(report)
    write_results(args.out, report, text, json_path=args.json)
    print(text)


def compare_voices(args: argparse.Namespace, argv: list[str] | None) -> None:
    """Two voices, or two untrained models, side by side."""
    where = environment(("soundfile", "faster-whisper"))  # before the work, so that the load average is not our own
    pair = load_pair(args)
    found = measure_all(pair, args)
    report: dict[str, Any] = {
        "command": command_line("latency.py", argv),
        "voices": [subject.name for subject in pair],
        "frame_rates": [subject.codec.frame_rate for subject in pair],
        "settings": {"precision": args.precision, "threads": args.threads, "clock": args.clock, "seed": args.seed},
        "texts": {n: s * args.seconds for n, s in UNTRAINED_S.items()} if args.random_weights else LENGTHS,
        "environment": where,
        "ratio": ratios(found, args.seed),
        "voice": {subject.name: by_batch(found, voice) for voice, subject in enumerate(pair)},
        "peak_memory_mb": peak_memory(pair, args),
        "cer": quality(args.voices, args) if args.cer and not args.random_weights else {},
        "runs": {f"batch_{b} {n}": [[asdict(run) for run in runs] for runs in both] for (b, n), both in found.items()},
    }
    plots = {".png": latency_plot(report)} | ({"-cer.png": cer_plot(report)} if report["cer"] else {})
    text = latency_table(report)
    write_results(args.out, report, text, plots, args.json)
    print(text)


def load_pair(args: argparse.Namespace) -> list[Subject]:
    """Who is timed."""
    if args.random_weights:
        return untrained_pair(args.config, args.device, args.seconds, args.frames_per_step)
    first, second = (voice_subject(name, args.device, args.precision) for name in args.voices)
    if first.name == second.name:  # a voice against itself shows what the machine's noise alone does
        second = replace(second, name=f"{second.name} again")
    return [first, second]


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voices", nargs=2, default=["heart", "heart-86fps"], help="two voices, names or folders")
    parser.add_argument("--random-weights", action="store_true", help="time --config at 21.5 and 86 fps, untrained")
    parser.add_argument("--config", type=Path, default=CONFIGS / "speechllm/base.yaml", help="LM to time")
    parser.add_argument(
        "--frames-per-step", type=int, default=1, metavar="N", help="with --random-weights: time N against 1, 21.5 fps"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="speech of the medium text, untrained; short half")
    parser.add_argument("--runs", type=int, help="counted runs of each; default 20, untrained 3, quick 2")
    parser.add_argument("--batch", type=int, nargs="+", help="requests at once; default 1 4 16, untrained 1")
    parser.add_argument("--lengths", nargs="+", default=list(LENGTHS), choices=list(LENGTHS))
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="of the LM's weights in decoding; default int8, bfloat16 on a GPU"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--clock", default="wall", choices=list(CLOCKS), help="cpu: where other work takes turns")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--cer", type=int, default=0, metavar="N", help="CER over the first N benchmark sentences too")
    parser.add_argument("--asr", default="whisper-base", help="recogniser for --cer")
    parser.add_argument("--seed", type=int, default=0, help="of synthesis and of the bootstrap")
    parser.add_argument("--quick", action="store_true", help="within about a minute: few runs, no memory, no CER")
    parser.add_argument("--json", type=Path, help="where the numbers go; default OUT.json")
    parser.add_argument("--out", type=Path, default=RESULTS / "latency", help="for OUT.json, .md and plots")
    parser.add_argument("--probe", help=argparse.SUPPRESS)
    return completed(parser.parse_args(argv))


def completed(args: argparse.Namespace) -> argparse.Namespace:
    """Defaults that depend on other flags. Raises UserError for what does not go together."""
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
        compare_published(args, argv)
    else:
        compare_voices(args, argv)


if __name__ == "__main__":
    guard(main)
