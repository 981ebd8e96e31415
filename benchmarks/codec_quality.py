"""What a codec does to speech: distances, intelligibility, likeness, and how well it uses its codes.

    python benchmarks/codec_quality.py --codec original opus:6 voices/heart/codec --manifest MANIFEST --out runs/quality

A codec is a folder, a .nemo file, a hub id, `opus:KBPS` or `original`. Writes OUT.json, OUT.md and, with matplotlib, a
plot, OUT.png.
Judges whose packages are not installed are left out, and named. Means over utterances; character errors are pooled.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges.asr import load_recognizer  # noqa: E402
from benchmarks.judges.scores import character_errors, normalize_transcript  # noqa: E402
from benchmarks.judges.similarity import SpeakerEncoder  # noqa: E402
from benchmarks.judges.stoi import pesq, stoi  # noqa: E402
from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.speakers.codec_systems import Coded, System, system  # noqa: E402
from codec.audio import load_audio  # noqa: E402
from codec.metrics import codebook_use, mel_distance, si_sdr, stft_distance  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.shared.files import UserError, guard, write_atomically  # noqa: E402

Judge = Callable[[np.ndarray, np.ndarray, int, str], dict[str, float]]
COLUMNS = "kbps mel stft si_sdr pesq stoi estoi cer similarity perplexity".split()
LOWER = {"kbps", "mel", "stft", "cer"}


def distances(real: np.ndarray, fake: np.ndarray, rate: int, text: str) -> dict[str, float]:
    """What needs no package."""
    a, b = (torch.from_numpy(audio)[None] for audio in (fake, real))
    plain, extended = stoi(real, fake, rate)
    spectral = {"mel": mel_distance(a, b, rate), "stft": stft_distance(a, b), "si_sdr": si_sdr(a, b)}
    return {**spectral, "stoi": plain, "estoi": extended}


def judges(recognizer: str) -> tuple[list[Judge], list[str]]:
    """The judges there are, and why others are not."""
    found: list[Judge] = [distances]
    absent = []
    for make in (make_pesq, make_similarity, lambda: make_recognition(recognizer)):
        try:
            found.append(make())
        except ImportError as error:
            absent.append(str(error))
    return found, absent


def make_pesq() -> Judge:
    """Try it once, so that its absence is known before the work begins."""
    silence = np.zeros(16_000, np.float32)
    pesq(silence + 1e-4, silence + 1e-4, 16_000)
    return lambda real, fake, rate, text: {"pesq": pesq(real, fake, rate)}


def make_similarity() -> Judge:
    """Cosine of voice embeddings of original and decoded speech."""
    encoder = SpeakerEncoder()

    def likeness(real: np.ndarray, fake: np.ndarray, rate: int, text: str) -> dict[str, float]:
        return {"similarity": encoder.similarity(encoder.embed(real, rate), encoder.embed(fake, rate))}

    return likeness


def make_recognition(name: str) -> Judge:
    """Character errors of what is recognised, against the transcript."""
    character_errors("a", "a")
    recognizer = load_recognizer(name)

    def recognition(real: np.ndarray, fake: np.ndarray, rate: int, text: str) -> dict[str, float]:
        heard = normalize_transcript(recognizer.transcribe(fake, rate))
        errors, total = character_errors(normalize_transcript(text), heard)
        return {"errors": errors, "characters": total}

    return recognition


def assess(one: System, items: list[manifest.Utterance], folder: Path, rate: int, panel: list[Judge]) -> dict[str, Any]:
    """One row of the table."""
    scores: list[dict[str, float]] = []
    coded: list[Coded] = []
    seconds = 0.0
    for item in track(items, one.name):
        real = load_audio(folder / item.audio, rate)[0].numpy()
        coded.append(one(real, rate))
        seconds += len(real) / rate
        scores.append({k: v for judge in panel for k, v in judge(real, coded[-1].audio, rate, item.text).items()})
    result: dict[str, Any] = {"name": one.name, "kbps": sum(c.bits for c in coded) / seconds / 1000}
    for key in scores[0].keys() - {"errors", "characters"}:
        result[key] = float(np.nanmean([score[key] for score in scores]))
    if "errors" in scores[0]:
        result["cer"] = sum(s["errors"] for s in scores) / max(sum(s["characters"] for s in scores), 1)
    codes = [c.codes for c in coded if c.codes is not None]
    if codes:
        joined = torch.from_numpy(np.concatenate(codes, axis=1))[None]
        result["perplexities"] = [use.perplexity for use in codebook_use(joined, int(joined.max()) + 1)]
        result["perplexity"] = float(np.mean(result["perplexities"]))
    return result


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; an arrow says which way is better."""
    columns = [c for c in COLUMNS if any(c in row for row in rows)]
    head = [c + (" ↓" if c in LOWER else " ↑") for c in columns]
    lines = [f"| codec | {' | '.join(head)} |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        cells = [f"{row[c]:.3f}" if c in row else "" for c in columns]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot(path: Path, rows: list[dict[str, Any]]) -> None:
    """Each score over the bitrate."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    shown = [c for c in COLUMNS[1:] if sum(c in row for row in rows) > 0]
    figure = Figure(figsize=(4 * ((len(shown) + 1) // 2), 7), layout="constrained")
    for axes, column in zip(figure.subplots(2, (len(shown) + 1) // 2).flat, shown, strict=False):
        for row in rows:
            if column in row and row["name"] != "original":
                axes.scatter(row["kbps"], row[column], label=row["name"])
        axes.set(title=column, xlabel="kbps")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--codec", nargs="+", required=True, help="folders, .nemo files, hub ids, opus:KBPS, original")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=100, help="utterances from its head")
    parser.add_argument("--rate", type=int, default=22_050, help="Hz, at which everything is compared")
    parser.add_argument("--recognizer", default="whisper-base")
    parser.add_argument("--out", type=Path, required=True, help="files OUT.json, OUT.md, OUT.png")
    args = parser.parse_args()
    items = manifest.read(args.manifest)[: args.limit]
    if not items:
        raise UserError(f"--limit {args.limit} leaves nothing of {args.manifest}")
    systems = [system(spec) for spec in args.codec]
    panel, absent = judges(args.recognizer)
    for reason in absent:
        print(f"left out: {reason}", file=sys.stderr)
    rows = [assess(one, items, args.manifest.parent, args.rate, panel) for one in systems]
    print(table(rows))
    judged_with = environment(["pesq", "resemblyzer", "faster-whisper"])
    record: dict[str, Any] = {"environment": judged_with, "absent": absent, "rows": rows}
    record |= {"manifest": str(args.manifest), "utterances": len(items), "rate": args.rate}
    write_atomically(args.out.with_suffix(".json"), json.dumps(record, indent=2) + "\n")
    write_atomically(args.out.with_suffix(".md"), table(rows))
    plot(args.out.with_suffix(".png"), rows)


if __name__ == "__main__":
    guard(main)
