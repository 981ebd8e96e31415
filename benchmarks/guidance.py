"""What is guidance on the text worth, and what does it cost? Whatever people a voice has take turns.

    python benchmarks/guidance.py --voice english --weights 1 2 --sentences 100

Of each weight: characters misheard, sentences of which a tenth or more is wrong, and seconds of one core for a second
of speech. The sentences are texts/tuning.txt, for choosing settings: no corpus here has them, and no other benchmark.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges.asr import load_recognizer  # noqa: E402
from benchmarks.judges.error_rates import character_errors, load_jiwer  # noqa: E402
from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.intervals import bootstrap_interval, format_interval  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.texts.sentence_list import SENTENCES, read_sentences  # noqa: E402
from benchmarks.texts.transcripts import normalize_transcript  # noqa: E402
from benchmarks.timing.clocks import CLOCKS  # noqa: E402
from pipelines.shared.errors import guard  # noqa: E402
from pipelines.speaking.people import people  # noqa: E402
from pipelines.speaking.synthesis import TTS  # noqa: E402

PACKAGES = ("faster-whisper", "ctranslate2", "jiwer")
TUNING = SENTENCES.with_name("tuning.txt")
BAD = 0.1  # of a sentence's characters
HEADER = ("guidance", "CER %", f"sentences with {100 * BAD:.0f} % or more wrong", "core seconds a second of speech")


def measure(speakers: Sequence[TTS], sentences: Sequence[str], weight: float, recognizer: Any) -> list[dict[str, Any]]:
    """What is heard of every sentence, and what it cost."""
    rows, clock = [], CLOCKS["cpu"]
    for number, text in enumerate(track(sentences, f"guidance {weight:g}")):
        begin_s = clock()
        speech = speakers[number % len(speakers)].synthesize(text, guidance=weight, watermark=False)
        core_s, reference = clock() - begin_s, normalize_transcript(text)
        heard = normalize_transcript(recognizer.transcribe(speech.audio, speech.sample_rate))
        errors = character_errors(reference, heard)
        rows.append({"text": text, "heard": heard, **errors._asdict(), "core_s": core_s, "speech_s": speech.duration_s})
    return rows


def line(weight: float, rows: Sequence[dict[str, Any]], seed: int = 0) -> list[str]:
    """One line of the table."""
    errors, totals = ([row[key] for row in rows] for key in ("errors", "total"))
    bad = sum(row["errors"] >= BAD * row["total"] for row in rows)
    cost = np.sum([row["core_s"] for row in rows]) / np.sum([row["speech_s"] for row in rows])
    rate = format_interval(bootstrap_interval(errors, totals, seed), 100)
    return [f"{weight:g}", rate, f"{bad} of {len(rows)}", f"{cost:.3f}"]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", default="english", help="name or folder of a voice that was trained for guidance")
    parser.add_argument("--weights", type=float, nargs="+", default=[1.0, 2.0], help="1 = no guidance")
    parser.add_argument("--texts", type=Path, default=TUNING, help="text file, one sentence a line")
    parser.add_argument("--sentences", type=int, help="only the first N")
    parser.add_argument("--asr", default="whisper-base", help="as in intelligibility.py")
    parser.add_argument("--out", type=Path, default=RESULTS / "guidance", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    load_jiwer()
    sentences, recognizer = read_sentences(args.texts, args.sentences), load_recognizer(args.asr, 1)
    speakers = list(people(args.voice, tries=1, threads=1).values())
    where, command = environment(PACKAGES), command_line("guidance.py", argv)
    for weight in args.weights:  # what loads at the first use is no cost of speaking
        speakers[0].synthesize(sentences[0], guidance=weight)
    found = {weight: measure(speakers, sentences, weight, recognizer) for weight in args.weights}
    text = markdown_table(HEADER, [line(weight, rows) for weight, rows in found.items()])
    report = {"command": command, "environment": where, "sentences": {f"{w:g}": rows for w, rows in found.items()}}
    write_results(args.out, report, f"{text}\n{origin(where)}\n\n    {command}\n")
    print(f"{text}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
