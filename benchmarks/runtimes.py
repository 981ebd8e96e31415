"""How much faster a voice speaks in ONNX Runtime than in torch, and how soon after its process has started.

    python benchmarks/runtimes.py
    python benchmarks/runtimes.py --voice english --tries 1
    python benchmarks/runtimes.py --voice runs/voice --limit 5 --quick

Each sentence is spoken by every system in turn, with the same seed, so that what else the machine does strikes all
alike; ratios are of pairs. The people of a voice of many take turns. The real-time factor is the median over sentences;
where a voice speaks some of them again, look at that of all sentences together. Start and memory are those of new
processes that speak one sentence. With --quick no process is started. Every system has one thread, but `onnx` with two
has one for each of its stages.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.intervals import bootstrap_ratio  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.texts.sentence_list import read_sentences  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.speaking.people import people  # noqa: E402
from pipelines.speaking.synthesis import TTS  # noqa: E402

REFERENCE = "torch int8"
SYSTEMS: dict[str, dict[str, Any]] = {
    REFERENCE: dict(engine="torch", precision="int8", threads=1),
    "torch float32": dict(engine="torch", precision="float32", threads=1),
    "onnx float32": dict(engine="onnx", precision="float32", threads=1),
    "onnx int8": dict(engine="onnx", precision="int8", threads=1),
    "onnx int8, 2 threads": dict(engine="onnx", precision="int8", threads=2),
}
STARTS = 5  # processes
# What a new process does; prints seconds from its first line to the first audio, and its peak memory in MiB.
START = """
import time
begin = time.perf_counter()
import json, sys
from pipelines.tts import TTS
for audio in TTS.from_pretrained(sys.argv[1], **json.loads(sys.argv[2])).stream(sys.argv[3]):
    break
seconds = time.perf_counter() - begin
from benchmarks.timing.memory import peak_mib
print(seconds, peak_mib())
"""
HEAD = (
    "system", "times as fast", "real-time factor", "of all together", "first audio, ms", "start to first audio, s",
    "memory, MiB",
)  # fmt: skip


def speak(tts: TTS, text: str, seed: int) -> tuple[float, float, float]:
    """Seconds that speaking took, until the first audio, and of speech."""
    begin, first_s, samples = time.perf_counter(), 0.0, 0
    for audio in tts.stream(text, seed=seed):
        first_s = first_s or time.perf_counter() - begin
        samples += len(audio)
    return time.perf_counter() - begin, first_s, samples / tts.sample_rate


def start(voice: str, options: dict[str, Any], text: str) -> tuple[float, float]:
    """Medians over new processes: seconds to the first audio, peak memory in MiB."""
    command = [sys.executable, "-c", START, voice, json.dumps(options), text]
    root = Path(__file__).resolve().parents[1]
    found = [subprocess.run(command, capture_output=True, text=True, check=True, cwd=root) for _ in range(STARTS)]
    seconds, memory = np.median([[float(value) for value in one.stdout.split()] for one in found], axis=0)
    return float(seconds), float(memory)


def measure(voice: str, sentences: list[str], quick: bool, tries: int = 0) -> dict[str, Any]:
    """Figures of each system; `tries` of a sentence at most, 0 = as the voice says."""
    systems = {name: options | {"tries": tries} for name, options in SYSTEMS.items()}
    loaded = {name: list(people(voice, **options).values()) for name, options in systems.items()}
    for speakers in loaded.values():
        speak(speakers[0], sentences[0], 0)
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in systems}
    for seed, text in enumerate(track(sentences, "systems speak")):
        for name, speakers in loaded.items():
            taken[name].append(speak(speakers[seed % len(speakers)], text, seed))
    factors = {name: [whole / audio for whole, _, audio in runs] for name, runs in taken.items()}
    found: dict[str, Any] = {}
    for name, options in track(list(systems.items()), "processes start", disable=quick):
        ratio = bootstrap_ratio(factors[REFERENCE], factors[name])
        pairs = np.divide(factors[REFERENCE], factors[name])
        found[name] = {
            "ratio": {"median": float(np.median(pairs)), "low": ratio.low, "high": ratio.high},
            "real_time_factor": float(np.median(factors[name])),
            "real_time_factor_together": sum(run[0] for run in taken[name]) / sum(run[2] for run in taken[name]),
            "first_audio_ms": 1000 * float(np.median([first for _, first, _ in taken[name]])),
        }
        if not quick:
            found[name]["start_s"], found[name]["memory_mib"] = start(voice, options, sentences[0])
    return found


def table(systems: dict[str, Any]) -> str:
    """The systems as a Markdown table."""
    rows = []
    for name, s in systems.items():
        ratio = "{median:.2f} [{low:.2f}, {high:.2f}]".format(**s["ratio"])
        process = [f"{s['start_s']:.2f}", f"{s['memory_mib']:.0f}"] if "start_s" in s else ["–", "–"]
        factors = [f"{s[key]:.4f}" for key in ("real_time_factor", "real_time_factor_together")]
        rows.append([name, ratio, *factors, f"{s['first_audio_ms']:.1f}", *process])
    return markdown_table(HEAD, rows)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--voice", default="heart", help="shipped voice or voice folder, with its graphs")
    parser.add_argument("--tries", type=int, default=0, help="of a sentence at most; 0 = as the voice says")
    parser.add_argument("--limit", type=int, default=30, help="only the first N sentences")
    parser.add_argument("--quick", action="store_true", help="ten sentences, and no new processes")
    parser.add_argument("--out", type=Path, default=RESULTS / "runtimes", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    if args.tries < 0:
        raise UserError(f"got --tries {args.tries}; expected 0 or more")

    sentences = read_sentences(limit=min(args.limit, 10) if args.quick else args.limit)
    where = environment(("onnxruntime",))
    systems = measure(args.voice, sentences, args.quick, args.tries)
    threads = {f"threads_{n}": systems[name]["ratio"] for n, name in ((1, "onnx int8"), (2, "onnx int8, 2 threads"))}
    report = {
        "command": command_line("runtimes.py", argv),
        "voice": args.voice,
        "tries": args.tries,
        "sentences": len(sentences),
        "environment": where,
        "systems": systems,
        "ratio": threads,
    }
    text = table(systems) + f"\n{origin(where)}\n\n    {report['command']}\n"
    write_results(args.out, report, text)
    print(text)


if __name__ == "__main__":
    guard(main)
