"""The command line of speaking: pipelines/tts.py, and `lfsc-tts say`."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.shared.errors import UserError
from pipelines.speaking.loading import ENGINES
from pipelines.speaking.outputs import FileWriter, PipeWriter, plot, write_timestamps
from pipelines.speaking.pieces import Piece, join
from pipelines.speaking.synthesis import MAX_CHARS, TTS
from speechllm.config import PRECISIONS
from speechllm.text.sentences import iter_sentences


def arguments(argv: list[str] | None, prog: str | None) -> argparse.Namespace:
    """Parse and cross-check the flags."""
    parser = argparse.ArgumentParser(prog, description="Speak a text.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", help="what to say")
    source.add_argument("--text-file", help="UTF-8 file to read aloud; - for standard input")
    parser.add_argument("--out", default="speech.wav", help="wav, flac, ogg or mp3 by suffix; - for a WAV on stdout")
    parser.add_argument("--out-dir", type=Path, help="with --text-file: one file a line, 000.wav, 001.wav, ...")
    parser.add_argument("--voice", default="heart", help="shipped voice, a voice folder, or gepard:FOLDER")
    parser.add_argument("--codec", help="codec folder, or .nemo file, to use in place of the voice's own")
    parser.add_argument("--prompt", help="with gepard: a recording of whose voice to speak in, 3 to 15 s; or none")
    parser.add_argument("--language", default="", help="with gepard: en, es, pt or nl, to mark the text as such")
    parser.add_argument("--tries", type=int, default=0, help="speak so often, keep the surest; 0 = as the voice says")
    parser.add_argument("--seed", type=int, default=0, help="same text and seed, same speech")
    parser.add_argument("--temperature", type=float, help="liveliness, 0 to 2; default as the voice says")
    parser.add_argument("--stream", action="store_true", help="with --out -: write audio as soon as it is certain")
    parser.add_argument("--timestamps", choices=["srt", "json"], help="write word times beside the audio")
    parser.add_argument("--plot", type=Path, help="draw waveform, mel spectrum and alignment to this image")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the LM's weights; default as the voice says")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="onnx or torch; auto = onnx where it can")
    parser.add_argument("--threads", type=int, default=0, help="1, or 2 for speech LM and codec beside each other")
    args = parser.parse_args(argv)
    if args.threads < 0:
        raise UserError(f"got --threads {args.threads}; expected 1 or more, or 0 to leave it to the voice")
    if args.tries < 0:
        raise UserError(f"got --tries {args.tries}; expected 1 or more, or 0 to leave it to the voice")
    if args.out_dir and (not args.text_file or args.timestamps or args.plot):
        raise UserError("--out-dir goes with --text-file, without --timestamps and --plot")
    if args.stream and args.out != "-":
        raise UserError("--stream writes to standard output: use it with --out -")
    if args.timestamps and args.out == "-":
        raise UserError("--timestamps are written beside the audio: use --out FILE")
    if args.plot and not find_spec("matplotlib"):
        raise UserError("--plot needs matplotlib; pip install 'lfsc-tts[plot]'")
    if args.seed < 0:
        raise UserError(f"got --seed {args.seed}; expected a number from 0 on")
    return args


def read_text(path: str) -> str:
    """A UTF-8 text file, or standard input for "-"."""
    if path == "-":
        data = sys.stdin.buffer.read()
    elif Path(path).is_dir():
        raise UserError(f"{path} is a folder; expected a UTF-8 text file")
    elif not Path(path).exists():
        raise UserError(f"{path} does not exist; expected a UTF-8 text file")
    else:
        data = Path(path).read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; expected a plain text file") from None
    if "\0" in text:
        raise UserError(f"{path} holds binary data; expected a plain text file")
    return text


def check(tts: TTS, text: str, where: str = "") -> int:
    """Raise now what would otherwise end a long text in its middle; returns the number of sentences."""
    sentences = [s for s in iter_sentences([text], MAX_CHARS) if any(c.isalnum() for c in s)]
    for sentence in sentences or [text]:
        try:
            tts.frontend.check(sentence)
        except ValueError as error:
            raise UserError(f"{where}{error}") from None
    return len(sentences)


class Report:
    """What is printed at the end of a text."""

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate
        self.begin, self.first = time.perf_counter(), 0.0
        self.samples = self.frames = 0
        self.confidence = 0.0

    def add(self, piece: Piece) -> None:
        """Count one piece."""
        if len(piece.audio) and not self.samples:
            self.first = time.perf_counter() - self.begin
        self.samples += len(piece.audio)
        self.frames += len(piece.confidences)
        self.confidence += float(np.sum(piece.confidences))

    def values(self, out: str, seed: int) -> dict[str, Any]:
        """The report as numbers."""
        elapsed, duration = time.perf_counter() - self.begin, self.samples / self.sample_rate
        return {
            "out": out,
            "duration_s": round(duration, 3),
            "time_to_first_audio_ms": round(self.first * 1000, 1),
            "real_time_factor": round(elapsed / duration, 4),
            "confidence": round(self.confidence / max(self.frames, 1), 3),
            "sample_rate": self.sample_rate,
            "seed": seed,
        }


@contextlib.contextmanager
def progress(count: int, shown: bool) -> Iterator[Any]:
    """A bar over `count` steps on standard error; yields a function to call after each."""
    columns = TextColumn("speaking"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True) as bar:
        task = bar.add_task("speaking", total=count)
        yield lambda: bar.advance(task)


def speak(tts: TTS, text: str, args: argparse.Namespace, report: Report, count: int) -> dict[str, Any]:
    """Speak one text to --out; returns the report."""
    rate = tts.sample_rate
    writer = PipeWriter(rate, args.stream) if args.out == "-" else FileWriter(Path(args.out), rate)
    kept, words = [], []
    with writer, progress(count, shown=count > 2) as step:
        for piece in tts.pieces([text], args.seed, **options(args)):
            report.add(piece)
            writer.write(piece.audio)
            words += piece.words
            if args.plot:
                kept.append(piece)
            if piece.sentence:
                step()
    values = report.values(args.out, args.seed) | licences(tts)
    if args.timestamps:
        write_timestamps(Path(args.out).with_suffix(f".{args.timestamps}"), words, args.timestamps)
    if args.plot:
        plot(args.plot, join(kept, tts.sample_rate), tts.codec.frame_rate)
    return values


def licences(tts: TTS) -> dict[str, Any]:
    """What a report says of weights that are not this project's."""
    return {"licences": tts.voice.card["licences"]} if "licences" in tts.voice.card else {}


def options(args: argparse.Namespace) -> dict[str, Any]:
    """Sampling settings that were given."""
    return {} if args.temperature is None else {"temperature": args.temperature}


def speak_lines(tts: TTS, lines: list[str], args: argparse.Namespace) -> Iterable[dict[str, Any]]:
    """Speak each line to its own file in --out-dir."""
    args.out_dir.mkdir(parents=True, exist_ok=True)
    width = max(3, len(str(len(lines) - 1)))
    with progress(len(lines), shown=len(lines) > 2) as step:
        for number, line in enumerate(lines):
            report, path = Report(tts.sample_rate), args.out_dir / f"{number:0{width}d}.wav"
            with FileWriter(path, tts.sample_rate) as writer:
                for piece in tts.pieces([line], args.seed, **options(args)):
                    report.add(piece)
                    writer.write(piece.audio)
            yield report.values(str(path), args.seed) | licences(tts)
            step()


def show(values: dict[str, Any], as_json: bool, to_stderr: bool) -> None:
    """Print one report."""
    line = json.dumps(values)
    if not as_json:
        line = (
            f"{values['out']}: {values['duration_s']:.2f} s of speech, first audio after "
            f"{values['time_to_first_audio_ms']:.0f} ms, real-time factor {values['real_time_factor']:.3f}, "
            f"confidence {values['confidence']:.2f}"
        )
    print(line, file=sys.stderr if to_stderr else sys.stdout, flush=True)


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    args = arguments(argv, prog)
    text = args.text if args.text is not None else read_text(args.text_file)
    given = args.voice, args.codec, args.precision, args.prompt, args.language, args.tries
    tts = TTS.from_pretrained(*given, engine=args.engine, threads=args.threads)
    if args.timestamps and not tts.voice.lm.config.reader_layer:
        raise UserError(f"--timestamps needs a voice that knows where it reads; {tts.voice.name} does not")
    for part, licence in licences(tts).get("licences", {}).items():
        print(f"{part}: {licence}", file=sys.stderr)
    if args.out_dir:
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            raise UserError(f"{args.text_file} has no text; expected a line for each file")
        for number, line in enumerate(lines, 1):
            check(tts, line, f"line {number}: ")
        for values in speak_lines(tts, lines, args):
            show(values, args.json, to_stderr=False)
        return
    tts.frontend.load()
    count = check(tts, text) if not args.stream else 0
    show(speak(tts, text, args, Report(tts.sample_rate), count), args.json, to_stderr=args.out == "-")
