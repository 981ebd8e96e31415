"""Does a voice know when it misspoke? Every sentence several times, and what choosing among the tries is worth.

    python benchmarks/tries.py --voice heart --sentences 50 --tries 3

A try is one seed; whatever people a voice has take turns. A voice with a recogniser of codes reads back each try and
takes the first that it reads well, and what it speaks again is freer (--again); one without chooses by how sure its
reader was. Whisper, which no choice is made by, says which tries are right. If a voice knows, the chosen try has fewer
errors than the first, and some of what the best try could have.
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
from speechllm.request import AGAIN_TEMPERATURE, Frame  # noqa: E402

PACKAGES = ("faster-whisper", "ctranslate2", "jiwer")


def measure(
    speakers: Sequence[TTS], sentences: list[str], tries: int, again: float, recognizer: Any
) -> list[dict[str, Any]]:
    """Character errors of each try of each sentence, and what a voice has to choose by.

    Where it reads back, tries after the first are spoken at the temperature `again`, at least.
    """
    rows = []
    for number, text in enumerate(track(sentences, "speaking and listening")):
        reference = normalize_transcript(text)
        row: dict[str, Any] = {"text": text, "confidence": [], "errors": [], "characters": len(reference)}
        tts = speakers[number % len(speakers)]
        check = None
        for seed in range(tries):
            freer: dict[str, float] = {"temperature": max(tts.sampling.temperature, again)} if check else {}
            speech = tts.synthesize(text, seed=seed, watermark=False, **freer)
            check = tts.voice.check(speech.sentences[0].ids) if speech.sentences else None
            if check:
                frames = [Frame(codes, 0, 1.0) for codes in speech.codes.T]
                row.setdefault("misread", []).append(round(check.misread(frames), 4))
                row["good"] = check.good
            heard = normalize_transcript(recognizer.transcribe(speech.audio, speech.sample_rate))
            row["confidence"].append(round(speech.confidence, 4))
            row["errors"].append(character_errors(reference, heard).errors)
        rows.append(row)
    return rows


def chosen(rows: list[dict[str, Any]], tries: int, how: str) -> list[int]:
    """Errors of the try of each sentence that is taken of the first `tries`: the surest, the one that is read back
    well, or the best there is."""
    return [row["errors"][index_of(row, tries, how)] for row in rows]


def index_of(row: dict[str, Any], tries: int, how: str) -> int:
    """Which try of a sentence is taken."""
    if how == "best":
        return int(np.argmin(row["errors"][:tries]))
    if how == "surest":
        return int(np.argmax(row["confidence"][:tries]))
    misread = row["misread"][:tries]
    return next((n for n, nats in enumerate(misread) if nats <= row["good"]), int(np.argmin(misread)))


def made(rows: list[dict[str, Any]], tries: int) -> float:
    """Tries a sentence that are made of so many that may be, where they are read back."""
    taken = [index_of(row, tries, "read back") for row in rows]
    ends = [row["misread"][n] <= row["good"] for row, n in zip(rows, taken, strict=True)]
    return float(np.mean([n + 1 if end else tries for n, end in zip(taken, ends, strict=True)]))


def predicts(rows: list[dict[str, Any]]) -> float:
    """How often the better of two tries of one sentence that differ in errors is the one with fewer; 0.5 is chance."""
    right, pairs = 0.0, 0
    for row in rows:
        for i in range(len(row["errors"])):
            for j in range(i):
                if row["errors"][i] != row["errors"][j]:
                    better, worse = (i, j) if row["errors"][i] < row["errors"][j] else (j, i)
                    good = [-nats for nats in row["misread"]] if "misread" in row else row["confidence"]
                    gap = good[better] - good[worse]
                    right, pairs = right + (gap > 0) + 0.5 * (gap == 0), pairs + 1
    return right / pairs if pairs else 0.5


def table(rows: list[dict[str, Any]], tries: int, seed: int = 0) -> str:
    """Error rates by number of tries, as Markdown."""
    characters = [row["characters"] for row in rows]
    reads = all("misread" in row for row in rows)
    ways = ["read back", "surest", "best"] if reads else ["surest", "best"]
    lines = []
    for count in range(1, tries + 1):
        rates = (bootstrap_interval(chosen(rows, count, how), characters, seed) for how in ways)
        lines.append([str(count), *(format_interval(rate, 100) for rate in rates)])
        if reads:
            lines[-1].append(f"{made(rows, count):.2f}")
    heads = [f"CER % of the {'one ' * (how == 'read back')}{how}" for how in ways]
    return markdown_table(("tries at most", *heads, *["tries made"] * reads), lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", default="heart", help="name or folder of a voice")
    parser.add_argument("--texts", type=Path, default=SENTENCES, help="text file, one sentence a line")
    parser.add_argument("--sentences", type=int, help="only the first N")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument(
        "--again", type=float, default=AGAIN_TEMPERATURE, help="least temperature of tries after one that was wrong"
    )
    parser.add_argument("--asr", default="whisper-base", help="as in intelligibility.py")
    parser.add_argument("--out", type=Path, default=RESULTS / "tries", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    if args.tries < 2:
        raise UserError(f"got --tries {args.tries}; expected 2 or more to choose from")
    if not 0 <= args.again <= 2:
        raise UserError(f"got --again {args.again}; expected a temperature, 0 to 2")
    torch.set_num_threads(1)
    load_jiwer()
    speakers, recognizer = list(people(args.voice, tries=1).values()), load_recognizer(args.asr, 1)
    where = environment(PACKAGES)
    rows = measure(speakers, read_sentences(args.texts, args.sentences), args.tries, args.again, recognizer)
    command, share = command_line("tries.py", argv), predicts(rows)
    said = f"Of two tries that differ, the one the voice would take has fewer errors {100 * share:.0f} % of the time."
    text = f"{table(rows, args.tries)}\n{said}\n"
    report = {"command": command, "environment": where, "predicts": share, "sentences": rows}
    write_results(args.out, report, f"{text}\n{origin(where)}\n\n    {command}\n")
    print(f"{text}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
