"""Does a voice know when it misspoke? Every sentence several times, and what choosing the surest try is worth.

    python benchmarks/tries.py --voice heart --sentences 50 --tries 3

A try is one seed; whatever people a voice has take turns. The reader's confidence is what `--tries` chooses by; a
recogniser says which tries are right. If confidence predicts errors, the surest try has fewer than the first, and some
of what the best try could have.
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
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.speaking.people import people  # noqa: E402
from pipelines.speaking.synthesis import TTS  # noqa: E402

PACKAGES = ("faster-whisper", "ctranslate2", "jiwer")


def measure(speakers: Sequence[TTS], sentences: list[str], tries: int, recognizer: Any) -> list[dict[str, Any]]:
    """Confidence and character errors of each try of each sentence."""
    rows = []
    for number, text in enumerate(track(sentences, "speaking and listening")):
        reference = normalize_transcript(text)
        row: dict[str, Any] = {"text": text, "confidence": [], "errors": [], "characters": len(reference)}
        for seed in range(tries):
            speech = speakers[number % len(speakers)].synthesize(text, seed=seed, watermark=False)
            heard = normalize_transcript(recognizer.transcribe(speech.audio, speech.sample_rate))
            row["confidence"].append(round(speech.confidence, 4))
            row["errors"].append(character_errors(reference, heard).errors)
        rows.append(row)
    return rows


def chosen(rows: list[dict[str, Any]], tries: int, how: str) -> list[int]:
    """Errors of the try of each sentence that is taken of the first `tries`: the surest, or the best there is."""
    found = []
    for row in rows:
        errors, confidence = row["errors"][:tries], row["confidence"][:tries]
        found.append(min(errors) if how == "best" else errors[int(np.argmax(confidence))])
    return found


def predicts(rows: list[dict[str, Any]]) -> float:
    """How often the surer of two tries of one sentence that differ in errors is the one with fewer; 0.5 is chance."""
    right, pairs = 0.0, 0
    for row in rows:
        for i in range(len(row["errors"])):
            for j in range(i):
                if row["errors"][i] != row["errors"][j]:
                    better, worse = (i, j) if row["errors"][i] < row["errors"][j] else (j, i)
                    gap = row["confidence"][better] - row["confidence"][worse]
                    right, pairs = right + (gap > 0) + 0.5 * (gap == 0), pairs + 1
    return right / pairs if pairs else 0.5


def table(rows: list[dict[str, Any]], tries: int, seed: int = 0) -> str:
    """Error rates by number of tries, as Markdown."""
    characters = [row["characters"] for row in rows]
    lines = []
    for count in range(1, tries + 1):
        rates = (bootstrap_interval(chosen(rows, count, how), characters, seed) for how in ("surest", "best"))
        lines.append([str(count), *(format_interval(rate, 100) for rate in rates)])
    return markdown_table(("tries", "CER % of the surest", "CER % of the best"), lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", default="heart", help="name or folder of a voice")
    parser.add_argument("--texts", type=Path, default=SENTENCES, help="text file, one sentence a line")
    parser.add_argument("--sentences", type=int, help="only the first N")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--asr", default="whisper-base", help="as in intelligibility.py")
    parser.add_argument("--out", type=Path, default=RESULTS / "tries", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    if args.tries < 2:
        raise UserError(f"got --tries {args.tries}; expected 2 or more to choose from")
    torch.set_num_threads(1)
    load_jiwer()
    speakers, recognizer = list(people(args.voice).values()), load_recognizer(args.asr, 1)
    where = environment(PACKAGES)
    rows = measure(speakers, read_sentences(args.texts, args.sentences), args.tries, recognizer)
    command, share = command_line("tries.py", argv), predicts(rows)
    said = f"Of two tries of a sentence that differ, the surer one has fewer errors {100 * share:.0f} % of the time."
    text = f"{table(rows, args.tries)}\n{said}\n"
    report = {"command": command, "environment": where, "predicts": share, "sentences": rows}
    write_results(args.out, report, f"{text}\n{origin(where)}\n\n    {command}\n")
    print(f"{text}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
