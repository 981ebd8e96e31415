"""What a codec does to speech: distances, intelligibility, naturalness, likeness, and how well it uses its codes.

    python benchmarks/codec_quality.py --codec original opus:6 voices/heart/codec --manifest MANIFEST --out runs/quality
    python benchmarks/codec_quality.py --codec original --stations voices/heart/codec --manifest MANIFEST --out runs/at
    python benchmarks/codec_quality.py --codec original voices/heart/codec --degrade babble:15 --manifest MANIFEST \\
        --out runs/babble

A codec is a folder, a .nemo file, a hub id, `opus:KBPS` or `original`. `--stations` takes a codec of the lite family
apart: the envelope as analysed, its bands, the vocoder, the latents, the codes. `--degrade` spoils what the codec hears
(babble:SNR_DB, noise:SNR_DB, band:RATE_HZ, gain:DB, dc:OFFSET); it is compared with the clean recording all the same.
`--by-speaker` adds a row for each speaker.

Writes OUT.json, OUT.md and, with matplotlib, a plot, OUT.png, and spectrograms of the first utterance. Judges whose
packages are not installed are left out, and named. Means over utterances; character errors are pooled.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges.codec_panel import Judge, load_judges  # noqa: E402
from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.plots import png  # noqa: E402
from benchmarks.report.results import command_line, write_results  # noqa: E402
from benchmarks.speakers.codec_stations import load_stations  # noqa: E402
from benchmarks.speakers.codec_systems import CodecSystem, Coded, load_codec_system  # noqa: E402
from benchmarks.speakers.degradations import Degradation, load_degradation  # noqa: E402
from codec.audio.reading import load_audio  # noqa: E402
from codec.dsp.spectral import log_mel  # noqa: E402
from codec.metrics import codebook_use  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

COLUMNS = "kbps mel stft si_sdr pesq stoi estoi cer mos similarity perplexity".split()
LOWER = {"kbps", "mel", "stft", "cer"}


class Judged(NamedTuple):
    """One utterance after one codec."""

    speaker: str
    duration_s: float
    coded: Coded
    scores: dict[str, float]


class Speech:
    """The utterances of a manifest, and how what is heard of them is spoiled."""

    def __init__(self, path: Path, limit: int, rate: int, degrade: str = ""):
        self.items, self.rate, self.folder = manifest.read(path)[:limit], rate, path.parent
        if not self.items:
            raise UserError(f"--limit {limit} leaves nothing of {path}")
        loaders = [partial(self.load, item) for item in self.items]
        self.degrade: Degradation | None = load_degradation(degrade, loaders) if degrade else None

    def load(self, item: manifest.Utterance) -> np.ndarray:
        """The recording float32 [N]."""
        audio: np.ndarray = load_audio(self.folder / item.audio, self.rate)[0].numpy()
        return audio

    def judge(self, one: CodecSystem, panel: Sequence[Judge]) -> list[Judged]:
        """Every utterance after a codec."""
        found = []
        for item in track(self.items, one.name):
            real = self.load(item)
            coded = one(real if self.degrade is None else self.degrade(real, self.rate), self.rate)
            scores = {k: v for judge in panel for k, v in judge(real, coded.audio, self.rate, item.text).items()}
            found.append(Judged(item.speaker, len(real) / self.rate, coded, scores))
        return found


def summarize(name: str, judged: Sequence[Judged]) -> dict[str, Any]:
    """One row of the table."""
    bits, duration_s = sum(one.coded.bits for one in judged), sum(one.duration_s for one in judged)
    row: dict[str, Any] = {"name": name, "utterances": len(judged), "kbps": bits / duration_s / 1000}
    for key in sorted({key for one in judged for key in one.scores} - {"errors", "characters"}):
        row[key] = float(np.nanmean([one.scores[key] for one in judged]))
    characters = sum(one.scores.get("characters", 0) for one in judged)
    if characters:
        row["cer"] = sum(one.scores.get("errors", 0) for one in judged) / characters
    codes = [one.coded.codes for one in judged if one.coded.codes is not None]
    if codes:
        joined = torch.from_numpy(np.concatenate(codes, axis=1))[None]
        row["perplexities"] = [use.perplexity for use in codebook_use(joined, int(joined.max()) + 1)]
        row["perplexity"] = float(np.mean(row["perplexities"]))
    return row


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown; an arrow says which way is better."""
    columns = [c for c in COLUMNS if any(c in row for row in rows)]
    head = ["codec", *(c + (" ↓" if c in LOWER else " ↑") for c in columns)]
    return markdown_table(
        head, [[row["name"], *(f"{row[c]:.3f}" if c in row else "" for c in columns)] for row in rows]
    )


def score_plot(rows: Sequence[dict[str, Any]]) -> bytes:
    """Each score over the bitrate, a PNG."""
    from matplotlib.figure import Figure

    shown = [c for c in COLUMNS[1:] if any(c in row for row in rows)]
    figure = Figure(figsize=(4 * ((len(shown) + 1) // 2), 7), layout="constrained")
    for axes, column in zip(figure.subplots(2, (len(shown) + 1) // 2).flat, shown, strict=False):
        for row in rows:
            if column in row and row["name"] != "original":
                axes.scatter(row["kbps"], row[column], label=row["name"])
        axes.set(title=column, xlabel="kbps")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return png(figure)


def spectrogram_plot(audio: dict[str, np.ndarray], rate: int) -> bytes:
    """Mel spectrograms of one utterance after each codec, one above the other, a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.8 * len(audio)), layout="constrained")
    panels = figure.subplots(len(audio), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, samples) in zip(panels, audio.items(), strict=True):
        whole = torch.from_numpy(samples[: len(samples) // 256 * 256])[None]
        picture = log_mel(whole, rate, 1024, 256, 80)[0].T.numpy()
        axes.imshow(picture, origin="lower", aspect="auto", extent=(0, len(samples) / rate, 0, 80), vmin=-7)
        axes.set(title=name, ylabel="mel band")
    panels[-1].set_xlabel("s")
    return png(figure)


def plots(rows: Sequence[dict[str, Any]], audio: dict[str, np.ndarray], rate: int) -> dict[str, bytes]:
    """The pictures there can be."""
    try:
        return {".png": score_plot(rows), "-spectrograms.png": spectrogram_plot(audio, rate)}
    except ImportError:
        return {}


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--codec", nargs="+", default=[], help="folders, .nemo files, hub ids, opus:KBPS, original")
    parser.add_argument("--stations", type=Path, help="folder of a lite codec, judged station by station")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=100, help="utterances from its head")
    parser.add_argument("--by-speaker", action="store_true", help="a row for each speaker too")
    parser.add_argument("--degrade", default="", help="KIND:NUMBER, what the codec hears in place of the recording")
    parser.add_argument("--rate", type=int, default=22_050, help="Hz, at which everything is compared")
    parser.add_argument("--recognizer", default="whisper-base")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--out", type=Path, required=True, help="files OUT.json, OUT.md, OUT.png")
    args = parser.parse_args(argv)
    if not args.codec and not args.stations:
        raise UserError("nothing to judge; give --codec, --stations or both")
    return args


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    speech = Speech(args.manifest, args.limit, args.rate, args.degrade)
    systems = [load_codec_system(spec) for spec in args.codec]
    systems += load_stations(args.stations) if args.stations else []
    panel, absent = load_judges(args.recognizer)
    for reason in absent:
        print(f"left out: {reason}", file=sys.stderr)
    rows, first = [], {}
    for one in systems:
        judged = speech.judge(one, panel)
        rows.append(summarize(one.name, judged))
        first[one.name] = judged[0].coded.audio
        if args.by_speaker:
            for speaker in dict.fromkeys(clip.speaker for clip in judged):
                rows.append(summarize(f"{one.name}, {speaker}", [c for c in judged if c.speaker == speaker]))
    command = command_line("codec_quality.py", argv)
    where = environment(["pesq", "resemblyzer", "faster-whisper", "distillmos"])
    report: dict[str, Any] = {"command": command, "environment": where, "absent": absent, "rows": rows}
    report |= {"utterances": len(speech.items), "rate": args.rate}
    print(table(rows))
    write_results(args.out, report, f"{table(rows)}\n    {command}\n", plots(rows, first, args.rate))


if __name__ == "__main__":
    guard(main)
