"""How well is a voice understood, how good does it sound, how close is it to its teacher?

    python benchmarks/intelligibility.py --voice heart
    python benchmarks/intelligibility.py --voice runs/lm/voice --systems voice --limit 20 --asr whisper-tiny.en

Every sentence is spoken by up to three systems: the `teacher` whose voice was learned (hibari "heart"), the teacher's
audio through the voice's `codec`, and the `voice` itself. A recogniser, a MOS predictor and a speaker encoder judge
them, so the table shows what the codec costs and what the speech LM costs. Each figure has a 95 % interval; differences
within it mean nothing, and neither do differences below 1 point of CER or 0.1 MOS on a hundred sentences.

The fixed sentences are the Harvard sentences' first lists (IEEE, 1969) and 28 harder ones of our own; none of them is
in the training texts.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges.evaluation import evaluate  # noqa: E402
from benchmarks.judges.panel import load_panel, summarize  # noqa: E402
from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.intervals import Interval, format_interval  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.plots import png  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.speakers.text_to_speech import SYSTEMS, load_systems  # noqa: E402
from benchmarks.texts.sentence_list import SENTENCES, read_sentences  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from speechllm.config import PRECISIONS  # noqa: E402

PACKAGES = ("faster-whisper", "ctranslate2", "distillmos", "resemblyzer", "jiwer", "hibari-tts", "soxr")
HEAD = ("system", "CER %", "WER %", "DistillMOS", "similarity", "RTF", "speech, s", "n")


def table(summary: dict[str, Any]) -> str:
    """The summary as a Markdown table."""
    rows = []
    for name, s in summary.items():
        rates = [format_interval(s[key], 100) for key in ("cer", "wer")]
        rtf = "–" if s["rtf"] is None else f"{s['rtf']:.3f}"
        scores = format_interval(s["mos"]), format_interval(s["similarity"], digits=3)
        rows.append([name, *rates, *scores, rtf, f"{s['audio_s']:.0f}", s["sentences"]])
    return markdown_table(HEAD, rows)


def named(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary with intervals as {"value", "low", "high"}, for JSON."""
    return {
        name: {key: found._asdict() if isinstance(found, Interval) else found for key, found in figures.items()}
        for name, figures in summary.items()
    }


def plot(summary: dict[str, Any]) -> bytes:
    """CER and MOS of each system with their intervals, a PNG."""
    from matplotlib.figure import Figure  # without pyplot, so no display and no global state

    figure = Figure(figsize=(8, 1.2 + 0.45 * len(summary)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    axes = (("cer", 100, "character error rate, % (lower is better)"), ("mos", 1, "DistillMOS, 1-5 (higher is better)"))
    for panel, (key, scale, label) in zip(panels, axes, strict=True):
        for height, found in enumerate(s[key] for s in summary.values()):
            if found is not None:
                value, low, high = (number * scale for number in found)
                panel.plot([low, high], [height, height], color="C0", linewidth=2, alpha=0.5)
                panel.plot([value], [height], "o", color="C0")
                panel.annotate(f"{value:.2f}", (value, height), (0, 7), textcoords="offset points", ha="center")
        panel.set(xlabel=label, yticks=range(len(summary)), yticklabels=list(summary), ylim=(len(summary) - 0.4, -0.6))
        panel.grid(axis="x", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_xlim(left=0)
    return png(figure)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", default="heart", help="name or folder of a voice")
    parser.add_argument("--sentences", type=Path, default=SENTENCES, help="text file, one sentence a line")
    parser.add_argument(
        "--asr", default="whisper-base", help="whisper-base, whisper-tiny.en, FOLDER or transformers:NAME"
    )
    parser.add_argument("--limit", type=int, help="only the first N sentences")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), help=f"some of: {' '.join(SYSTEMS)}")
    parser.add_argument("--precision", default="int8", choices=PRECISIONS, help="of the LM's weights in decoding")
    parser.add_argument("--speed", type=float, default=1.0, help="of the voice alone")
    parser.add_argument("--tries", type=int, default=0, help="of a sentence at most; 0 = as the voice says")
    parser.add_argument("--seed", type=int, default=0, help="of synthesis and of the bootstrap")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads, for synthesis as for the judges")
    parser.add_argument("--out", type=Path, default=RESULTS / "intelligibility", help="for OUT.json, .md and .png")
    parser.add_argument("--wavs", type=Path, help="folder in which to keep the audio")
    args = parser.parse_args(argv)
    for name, least in (("threads", 1), ("tries", 0)):
        if getattr(args, name) < least:
            raise UserError(f"got --{name} {getattr(args, name)}; expected at least {least}")
    return args


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    sentences = read_sentences(args.sentences, args.limit)
    torch.set_num_threads(args.threads)
    told = args.precision, args.threads, args.speed
    teacher, systems = load_systems(args.systems, args.voice, *told, tries=args.tries)
    panel = load_panel(args.asr, args.threads)
    where = environment(PACKAGES)  # before the work, so that the load average is not our own
    judged = evaluate(teacher, systems, sentences, panel, args.seed, args.wavs)

    summary = {name: summarize([clip for clip in judged if clip.system == name], args.seed) for name in systems}
    command = command_line("intelligibility.py", argv)
    settings = {key: getattr(args, key) for key in ("voice", "asr", "seed", "threads", "precision", "speed", "tries")}
    report = {"command": command, **settings, "environment": where, "summary": named(summary)}
    report["sentences"] = [asdict(clip) for clip in judged]
    caption = (
        f"Recogniser {args.asr}, {args.threads} thread{'s'[: args.threads > 1]}, seed {args.seed}; [low, high] are "
        f"95 % bootstrap intervals over sentences. {origin(where)}\n\n    {command}\n"
    )
    write_results(args.out, report, f"{table(summary)}\n{caption}", {".png": plot(summary)})
    print(f"{table(summary)}{args.out}.json, .md, .png")


if __name__ == "__main__":
    guard(main)
