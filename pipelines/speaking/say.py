"""Speaking as flags ask for it: one text to one file, or a file for each line."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipelines.shared.errors import UserError
from pipelines.speaking.arguments import UNITS
from pipelines.speaking.input_text import is_stream, text_chunks
from pipelines.speaking.manner import Manner
from pipelines.speaking.outputs import FileWriter, PipeWriter, plot
from pipelines.speaking.pieces import WordTime, join
from pipelines.speaking.provenance import provenance
from pipelines.speaking.reading import check
from pipelines.speaking.report import Report, progress, show
from pipelines.speaking.synthesis import TTS
from pipelines.speaking.timestamps import Sentence, write_timestamps


def say(args: argparse.Namespace, manner: Manner) -> None:
    """Speak what the flags ask for."""
    tts = load(args)
    if args.out_dir:
        speak_lines(tts, args, manner)
        return
    tts.frontend.load()
    # What cannot be read again is spoken as it comes, and only ends where it cannot be spoken.
    unchecked = args.stream or is_stream(args)
    count = 0 if unchecked else check(text_chunks(args), tts.frontend, manner, has_reader(tts))
    show(speak(tts, text_chunks(args), args, manner, count), args.json, to_stderr=args.out == "-")


def load(args: argparse.Namespace) -> TTS:
    """The voice, and what is to be known of it."""
    given = args.voice, args.codec, args.precision, args.prompt, args.language, args.tries
    tts = TTS.from_pretrained(
        *given, engine=args.engine, threads=args.threads, lexicon=args.lexicon, consent=args.i_have_consent
    )
    if tts.voice.findings:
        print(tts.voice.findings.describe(), file=sys.stderr)
    if args.timestamps and not has_reader(tts):
        raise UserError(f"--timestamps needs a voice that knows where it reads; {tts.voice.name} does not")
    for part, licence in licences(tts).get("licences", {}).items():
        print(f"{part}: {licence}", file=sys.stderr)
    return tts


def speak(tts: TTS, chunks: Iterable[str], args: argparse.Namespace, manner: Manner, count: int) -> dict[str, Any]:
    """Speak one text of `count` sentences, 0 if nobody knows, to --out; returns the report."""
    report, rate, tags = Report(tts.sample_rate), tts.sample_rate, provenance(tts.voice, manner.watermark)
    kept, sentences, words = [], [], list[WordTime]()
    with (
        open_writer(args, rate, tags) as writer,
        progress(count, shown=count > 2) as step,
    ):
        for piece in tts.pieces(chunks, args.seed, **options(args, manner)):
            report.add(piece)
            writer.write(piece.audio)
            words += piece.words
            if args.plot:
                kept.append(piece)
            if piece.sentence:
                step()
                if args.timestamps:
                    sentences.append(Sentence(piece.sentence.text, words))
                words = []
    values = report.values(args.out, args.seed) | licences(tts)
    if args.timestamps:
        unit = args.timestamp_unit or UNITS[args.timestamps]
        write_timestamps(Path(args.out).with_suffix(f".{args.timestamps}"), sentences, args.timestamps, unit)
    if args.plot:
        plot(args.plot, join(kept, tts.sample_rate))
    return values


def open_writer(args: argparse.Namespace, sample_rate: int, tags: Mapping[str, str]) -> FileWriter | PipeWriter:
    """Of --out."""
    if args.out == "-":
        return PipeWriter(sample_rate, args.stream, tags=tags)
    return FileWriter(Path(args.out), sample_rate, tags)


def speak_lines(tts: TTS, args: argparse.Namespace, manner: Manner) -> None:
    """Speak each line to its own file in --out-dir."""
    lines = [line for line in "".join(text_chunks(args)).splitlines() if line.strip()]
    if not lines:
        raise UserError(f"{args.text_file} has no text; expected a line for each file")
    for number, line in enumerate(lines, 1):
        check([line], tts.frontend, manner, has_reader(tts), f"line {number}: ")
    args.out_dir.mkdir(parents=True, exist_ok=True)
    width, tags = max(3, len(str(len(lines) - 1))), provenance(tts.voice, manner.watermark)
    with progress(len(lines), shown=len(lines) > 2) as step:
        for number, line in enumerate(lines):
            report, path = Report(tts.sample_rate), args.out_dir / f"{number:0{width}d}.wav"
            with FileWriter(path, tts.sample_rate, tags) as writer:
                for piece in tts.pieces([line], args.seed, **options(args, manner)):
                    report.add(piece)
                    writer.write(piece.audio)
            show(report.values(str(path), args.seed) | licences(tts), args.json, to_stderr=False)
            step()


def options(args: argparse.Namespace, manner: Manner) -> dict[str, Any]:
    """What `pieces` is given: all of the manner, and of sampling what was asked for."""
    return vars(manner) | ({} if args.temperature is None else {"temperature": args.temperature})


def licences(tts: TTS) -> dict[str, Any]:
    """What a report says of weights that are not this project's."""
    return {"licences": tts.voice.card["licences"]} if "licences" in tts.voice.card else {}


def has_reader(tts: TTS) -> bool:
    """Whether the voice knows where it reads."""
    return bool(tts.voice.lm.config.reader_layer)
