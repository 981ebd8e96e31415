"""Two hundred texts that speech synthesisers get wrong: is what was to be said also heard?

    python benchmarks/hard_inputs.py --voice heart
    python benchmarks/hard_inputs.py --voice english --prompt somebody.wav --systems voice

Compared are the words that the voice's text front end makes of an input ("$3.50" is "three dollars fifty cents") and
what a recogniser hears, put through the same front end. The teacher reads those words too, because a recogniser fails
at single letters, at "zzz" and at the same word twelve times whoever says them: only the difference counts. Inputs of
three words and more stand apart for the same reason.
"""

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges.asr import Recognizer, load_recognizer  # noqa: E402
from benchmarks.judges.error_rates import character_errors, last_word_heard  # noqa: E402
from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.intervals import bootstrap_interval, format_interval  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.speakers.text_to_speech import System, load_systems  # noqa: E402
from benchmarks.texts.hard_texts import HARD_INPUTS  # noqa: E402
from benchmarks.texts.transcripts import normalize_transcript  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.speaking.passages import MAX_CHARS  # noqa: E402
from speechllm.text.normalizer import Normalizer  # noqa: E402
from speechllm.text.sentences import split_sentences  # noqa: E402

FEW = 3  # words; a recogniser needs about that many to go by
HEAD = (
    "system",
    "CER % of all characters",
    f"of {FEW} words and more",
    "last word of them heard",
    "inputs heard without an error",
    "n",
)


@dataclass(frozen=True)
class HeardInput:
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
    return normalize_transcript(" ".join(parts))


def judge(
    name: str, system: System, recognizer: Recognizer, normalizer: Normalizer, texts: list[str]
) -> list[HeardInput]:
    """Let a system read every text, and a recogniser listen. What has no word, such as a lone sign, is left out."""
    heard = []
    for text in track(texts, f"{name} speaks and is heard"):
        reference = spoken_form(normalizer, text)
        if not reference:
            continue
        clip = system(reference if name == "teacher" else text, 0, None)
        hypothesis = spoken_form(normalizer, recognizer.transcribe(clip.audio, clip.sample_rate))
        errors = character_errors(reference, hypothesis)
        heard.append(HeardInput(name, text, reference, hypothesis, *errors))
    return heard


def error_rate(inputs: list[HeardInput], seed: int) -> str:
    """Character error rate in per cent, with its interval; a dash where there is nothing."""
    if not inputs:
        return "–"
    rate = bootstrap_interval([one.errors for one in inputs], [one.characters for one in inputs], seed)
    return format_interval(rate, 100, 1)


def table(inputs: list[HeardInput], seed: int = 0) -> str:
    """Error rates of each system as a Markdown table."""
    rows = []
    for name in dict.fromkeys(one.system for one in inputs):
        mine = [one for one in inputs if one.system == name]
        longer = [one for one in mine if len(one.reference.split()) >= FEW]
        last = 100 * float(np.mean([last_word_heard(one.reference, one.hypothesis) for one in longer or mine]))
        right = 100 * float(np.mean([one.errors == 0 for one in mine]))
        rows.append(
            [name, error_rate(mine, seed), error_rate(longer, seed), f"{last:.0f} %", f"{right:.0f} %", len(mine)]
        )
    return markdown_table(HEAD, rows)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", default="heart", help="name or folder of a voice")
    parser.add_argument("--prompt", type=Path, help="recording of who is to speak, with their consent")
    parser.add_argument("--systems", nargs="+", default=["teacher", "voice"], choices=["teacher", "voice"])
    parser.add_argument("--asr", default="whisper-base", help="as of benchmarks/intelligibility.py")
    parser.add_argument("--limit", type=int, help="only the first N inputs")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--out", type=Path, default=RESULTS / "hard_inputs", help="for OUT.json and .md")
    args = parser.parse_args(argv)
    if args.threads < 1 or (args.limit is not None and args.limit < 1):
        raise UserError(f"got --threads {args.threads}, --limit {args.limit}; expected numbers from 1 on")
    if args.prompt and "voice" not in args.systems:
        raise UserError("got --prompt without the system voice, which alone has it; add voice to --systems")
    return args


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    _, systems = load_systems(args.systems, args.voice, threads=args.threads, prompt=args.prompt)
    recognizer, normalizer = load_recognizer(args.asr, args.threads), Normalizer()
    where = environment(("faster-whisper", "ctranslate2", "jiwer", "hibari-tts", "kaldifst"))
    heard = []
    for name, system in systems.items():
        heard += judge(name, system, recognizer, normalizer, HARD_INPUTS[: args.limit])
    command = command_line("hard_inputs.py", argv)
    report = {"command": command, "asr": args.asr, "environment": where, "inputs": [asdict(one) for one in heard]}
    caption = f"Recogniser {args.asr}. {origin(where)}\n\n    {command}\n"
    write_results(args.out, report, f"{table(heard)}\n{caption}")
    print(f"{table(heard)}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
