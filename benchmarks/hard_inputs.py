"""Two hundred texts that speech synthesisers get wrong: is what was to be said also heard?

    python benchmarks/hard_inputs.py --voice heart

Compared are the words that the voice's text front end makes of an input ("$3.50" is "three dollars fifty cents") and
what a recogniser hears, put through the same front end. The teacher reads those words too, because a recogniser fails
at single letters, at "zzz" and at the same word twelve times whoever says them: only the difference counts. Inputs of
three words and more stand apart for the same reason.
"""

import argparse
import json
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges import scores  # noqa: E402
from benchmarks.judges.asr import Recognizer, load_recognizer  # noqa: E402
from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.speakers.systems import System, load_systems  # noqa: E402
from benchmarks.texts.hard_texts import HARD_INPUTS  # noqa: E402
from pipelines.shared.files import UserError, guard, write_atomically  # noqa: E402
from pipelines.tts import MAX_CHARS  # noqa: E402
from speechllm.text.normalizer import Normalizer  # noqa: E402
from speechllm.text.sentences import split_sentences  # noqa: E402

FEW = 3  # words; a recogniser needs about that many to go by


@dataclass(frozen=True)
class Row:
    """One input by one system."""

    system: str
    text: str
    reference: str
    hypothesis: str
    errors: int
    characters: int


def spoken_form(normalizer: Normalizer, text: str) -> str:
    """The words of a text, as it is read aloud, in letters a-z."""
    parts = []
    for sentence in split_sentences(text, MAX_CHARS):
        try:
            parts.append(normalizer.normalize(sentence))
        except ValueError:  # a recogniser may write signs that nobody could read
            parts.append(sentence)
    return scores.normalize_transcript(" ".join(parts))


def judge(name: str, system: System, recognizer: Recognizer, normalizer: Normalizer, texts: list[str]) -> list[Row]:
    """Let a system read every text, and a recogniser listen. What has no word, such as a lone sign, is left out."""
    rows = []
    for text in track(texts, f"{name} speaks and is heard"):
        reference = spoken_form(normalizer, text)
        if not reference:
            continue
        clip = system(reference if name == "teacher" else text, 0, None)
        hypothesis = spoken_form(normalizer, recognizer.transcribe(clip.audio, clip.sample_rate))
        rows.append(Row(name, text, reference, hypothesis, *scores.character_errors(reference, hypothesis)))
    return rows


def table(rows: list[Row], seed: int = 0) -> str:
    """Error rates of each system as a Markdown table."""
    lines = [
        f"| system | CER % of all characters | of {FEW} words and more | inputs heard without an error | n |",
        "|---" * 5 + "|",
    ]
    for name in dict.fromkeys(row.system for row in rows):
        mine = [row for row in rows if row.system == name]
        cells = []
        for group in (mine, [row for row in mine if len(row.reference.split()) >= FEW]):
            if not group:
                cells.append("–")
                continue
            found = scores.bootstrap_interval([r.errors for r in group], [r.characters for r in group], seed)
            cells.append("{:.1f} [{:.1f}, {:.1f}]".format(*(100 * number for number in found)))
        right = 100 * float(np.mean([row.errors == 0 for row in mine]))
        lines.append(f"| {name} | {' | '.join(cells)} | {right:.0f} % | {len(mine)} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).parent
    parser.add_argument("--voice", default="heart", help="name or folder of a voice")
    parser.add_argument("--systems", nargs="+", default=["teacher", "voice"], choices=["teacher", "voice"])
    parser.add_argument("--asr", default="whisper-base", help="as of benchmarks/intelligibility.py")
    parser.add_argument("--limit", type=int, help="only the first N inputs")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--out", type=Path, default=here / "results/hard_inputs", help="for OUT.json and .md")
    args = parser.parse_args(argv)
    if args.threads < 1 or (args.limit is not None and args.limit < 1):
        raise UserError(f"got --threads {args.threads}, --limit {args.limit}; expected numbers from 1 on")
    torch.set_num_threads(args.threads)
    _, systems = load_systems(args.systems, args.voice)
    recognizer, normalizer = load_recognizer(args.asr, args.threads), Normalizer()
    where = environment(("faster-whisper", "ctranslate2", "jiwer", "hibari-tts", "nemo-text-processing"))
    rows = []
    for name, system in systems.items():
        rows += judge(name, system, recognizer, normalizer, HARD_INPUTS[: args.limit])
    command = shlex.join(["python", "benchmarks/hard_inputs.py", *(sys.argv[1:] if argv is None else argv)])
    report = {"command": command, "asr": args.asr, "environment": where, "inputs": [asdict(row) for row in rows]}
    caption = (
        f"Recogniser {args.asr}. Commit {where['commit']}, {where['cpu']}, {where['date'][:10]}.\n\n    {command}\n"
    )
    write_atomically(Path(f"{args.out}.json"), json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_atomically(Path(f"{args.out}.md"), f"{table(rows)}\n{caption}")
    print(f"{table(rows)}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
