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
import io
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges import scores  # noqa: E402
from benchmarks.judges.asr import Recognizer, load_recognizer  # noqa: E402
from benchmarks.judges.mos import MosPredictor  # noqa: E402
from benchmarks.judges.scores import Interval  # noqa: E402
from benchmarks.judges.similarity import SpeakerEncoder, mean_embedding  # noqa: E402
from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.speakers.systems import SYSTEMS, Clip, System, load_systems, optional, record  # noqa: E402
from pipelines.shared.files import UserError, guard, write_atomically  # noqa: E402
from speechllm.inference.packing import PRECISIONS  # noqa: E402

PACKAGES = ("faster-whisper", "ctranslate2", "distillmos", "resemblyzer", "jiwer", "hibari-tts", "soxr")


class Scorer(Protocol):
    """What is asked of MosPredictor."""

    def score(self, audio: np.ndarray, sample_rate: int) -> float: ...


class Embedder(Protocol):
    """What is asked of SpeakerEncoder."""

    def embed(self, audio: np.ndarray, sample_rate: int) -> np.ndarray: ...

    def similarity(self, a: np.ndarray, b: np.ndarray) -> float: ...


@dataclass(frozen=True)
class Judges:
    """Those who listen; None where the package is not installed."""

    recognizer: Recognizer
    mos: Scorer | None
    speaker: Embedder | None


@dataclass(frozen=True)
class Row:
    """One sentence by one system."""

    system: str
    text: str
    hypothesis: str  # as the recogniser wrote it
    character_errors: int
    characters: int
    word_errors: int
    words: int
    mos: float | None
    similarity: float | None  # to the mean of the teacher's other sentences
    audio_s: float
    compute_s: float


def judge(
    name: str, sentences: Sequence[str], clips: Sequence[Clip], judges: Judges, teacher: np.ndarray | None
) -> list[Row]:
    """Score a system's clips.

    Args:
        name: of the system.
        sentences: what was to be said.
        clips: what was said, one for each sentence.
        judges: who listens.
        teacher: embeddings [sentences, 256] of the teacher's clips, or None. The reference for a sentence leaves
            out the teacher's clip of the same words, which would be closer than the voice alone explains.
    """
    rows = []
    for index, (text, clip) in enumerate(track(list(zip(sentences, clips, strict=True)), f"{name} is judged")):
        hypothesis = judges.recognizer.transcribe(clip.audio, clip.sample_rate)
        sides = scores.normalize_transcript(text), scores.normalize_transcript(hypothesis)
        likeness = None
        if judges.speaker and teacher is not None and len(teacher) > 1:
            reference = mean_embedding(np.delete(teacher, index, axis=0))
            likeness = judges.speaker.similarity(judges.speaker.embed(clip.audio, clip.sample_rate), reference)
        mos = judges.mos.score(clip.audio, clip.sample_rate) if judges.mos else None
        counts = *scores.character_errors(*sides), *scores.word_errors(*sides)
        rows.append(Row(name, text, hypothesis, *counts, mos, likeness, clip.audio_s, clip.compute_s))
    return rows


def summarize(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    """Figures of one system over its sentences; rates are ratios, an interval is (value, low, high)."""

    def mean(values: list[float | None]) -> Interval | None:
        return scores.bootstrap_mean([v for v in values if v is not None], seed) if None not in values else None

    audio_s = sum(row.audio_s for row in rows)
    return {
        "cer": scores.bootstrap_interval([r.character_errors for r in rows], [r.characters for r in rows], seed),
        "wer": scores.bootstrap_interval([r.word_errors for r in rows], [r.words for r in rows], seed),
        "mos": mean([row.mos for row in rows]),
        "similarity": mean([row.similarity for row in rows]),
        "audio_s": audio_s,
        "rtf": sum(row.compute_s for row in rows) / audio_s if audio_s else None,
        "sentences": len(rows),
    }


def table(summary: dict[str, Any]) -> str:
    """The summary as a Markdown table."""

    def cell(found: Interval | None, scale: float, digits: int) -> str:
        if found is None:
            return "–"
        value, low, high = (f"{number * scale:.{digits}f}" for number in found)
        return f"{value} [{low}, {high}]"

    lines = ["| system | CER % | WER % | DistillMOS | similarity | RTF | speech, s | n |", "|---" * 8 + "|"]
    for name, s in summary.items():
        cells = [cell(s["cer"], 100, 2), cell(s["wer"], 100, 2), cell(s["mos"], 1, 2), cell(s["similarity"], 1, 3)]
        rtf = "–" if s["rtf"] is None else f"{s['rtf']:.3f}"
        lines.append(f"| {name} | {' | '.join(cells)} | {rtf} | {s['audio_s']:.0f} | {s['sentences']} |")
    return "\n".join(lines) + "\n"


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
    image = io.BytesIO()
    figure.savefig(image, dpi=150, metadata={"Software": None})
    return image.getvalue()


def read_sentences(path: Path, limit: int | None) -> list[str]:
    """Lines of a text file. Raises UserError if there are none, or one of them has nothing to say."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; expected a text file with one sentence a line")
    sentences = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    if limit is not None and limit < 1:
        raise UserError(f"got --limit {limit}; expected at least 1 sentence")
    if not sentences:
        raise UserError(f"{path} is empty; expected one sentence a line")
    for sentence in sentences:
        if not scores.normalize_transcript(sentence):
            raise UserError(f"{path} has the line {sentence!r}, which has no word to recognise; remove it")
    return sentences[:limit]


def evaluate(
    teacher: System | None,
    systems: dict[str, System],
    sentences: Sequence[str],
    judges: Judges,
    seed: int = 0,
    wavs: Path | None = None,
) -> list[Row]:
    """Record and judge every system.

    Args:
        teacher: needed by the codec system and for similarity, judged only if it is among the systems.
        systems: by name.
        sentences: what to say.
        judges: who listens.
        seed: of synthesis.
        wavs: folder in which to keep the audio as SYSTEM/000.wav.
    """
    spoken = record("teacher", teacher, sentences, seed) if teacher else None
    voice = None
    if spoken and judges.speaker:
        voice = np.stack([judges.speaker.embed(clip.audio, clip.sample_rate) for clip in spoken])
    rows = []
    for name, system in systems.items():
        clips = spoken if name == "teacher" and spoken else record(name, system, sentences, seed, spoken)
        if wavs:
            (wavs / name).mkdir(parents=True, exist_ok=True)
            for index, clip in enumerate(clips):
                soundfile.write(wavs / name / f"{index:03d}.wav", clip.audio, clip.sample_rate, subtype="PCM_16")
        rows += judge(name, sentences, clips, judges, voice)
    return rows


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).parent
    parser.add_argument("--voice", default="heart", help="name or folder of a voice")
    parser.add_argument(
        "--sentences", type=Path, default=here / "texts/sentences.txt", help="text file, one sentence a line"
    )
    parser.add_argument(
        "--asr", default="whisper-base", help="whisper-base, whisper-tiny.en, FOLDER or transformers:NAME"
    )
    parser.add_argument("--limit", type=int, help="only the first N sentences")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), help=f"some of: {' '.join(SYSTEMS)}")
    parser.add_argument("--precision", default="int8", choices=PRECISIONS, help="of the LM's weights in decoding")
    parser.add_argument("--seed", type=int, default=0, help="of synthesis and of the bootstrap")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads, for synthesis as for the judges")
    parser.add_argument("--out", type=Path, default=here / "results/intelligibility", help="for OUT.json, .md and .png")
    parser.add_argument("--wavs", type=Path, help="folder in which to keep the audio")
    args = parser.parse_args(argv)

    sentences = read_sentences(args.sentences, args.limit)
    if args.threads < 1:
        raise UserError(f"got --threads {args.threads}; expected at least 1")
    scores.character_errors("a", "a")  # complains now, not after all the work, if jiwer is missing
    torch.set_num_threads(args.threads)
    teacher, systems = load_systems(args.systems, args.voice, args.precision)
    recognizer = load_recognizer(args.asr, args.threads)
    judges = Judges(recognizer, optional("MOS", MosPredictor), optional("similarity", SpeakerEncoder))
    where = environment(PACKAGES)  # before the work, so that the load average is not our own
    rows = evaluate(teacher, systems, sentences, judges, args.seed, args.wavs)

    summary = {name: summarize([row for row in rows if row.system == name], args.seed) for name in systems}
    command = shlex.join(["python", "benchmarks/intelligibility.py", *(sys.argv[1:] if argv is None else argv)])
    report = {"command": command, "voice": args.voice, "asr": args.asr, "seed": args.seed, "threads": args.threads}
    report |= {"precision": args.precision}
    report |= {"environment": where, "summary": named(summary), "sentences": [asdict(row) for row in rows]}
    caption = (
        f"Recogniser {args.asr}, {args.threads} thread{'s'[: args.threads > 1]}, seed {args.seed}; [low, high] are "
        f"95 % bootstrap intervals over sentences. Commit {where['commit']}, {where['cpu']}, {where['date'][:10]}.\n\n"
        f"    {command}\n"
    )
    write_atomically(Path(f"{args.out}.json"), json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    write_atomically(Path(f"{args.out}.md"), f"{table(summary)}\n{caption}")
    write_atomically(Path(f"{args.out}.png"), plot(summary))
    print(f"{table(summary)}{args.out}.json, .md, .png")


if __name__ == "__main__":
    guard(main)
