"""The flags of `say` and of `read`, and which of them go together."""

import argparse
from importlib.util import find_spec
from pathlib import Path

from pipelines.shared.errors import UserError
from pipelines.shared.flags import given
from pipelines.speaking.manner import MARKUP, PAUSES_S, Manner, parse_pauses
from pipelines.speaking.voice import ENGINES
from speechllm.config import PRECISIONS

UNITS = {"srt": "phrases", "vtt": "phrases", "json": "words"}  # of time stamps, unless told otherwise


def say_arguments(argv: list[str] | None, prog: str | None) -> argparse.Namespace:
    """The flags of `say`."""
    parser = argparse.ArgumentParser(prog, description="Speak a text.")
    source = add_text_flags(parser)
    source.add_argument("--list-voices", action="store_true", help="who can speak; with --json a line of JSON each")
    parser.add_argument(
        "--dry-run", action="store_true", help="speak nothing; print how each sentence is read, as JSON"
    )
    add_output_flags(parser)
    add_voice_flags(parser)
    args = parser.parse_args(argv)
    if args.out_dir and given(parser, argv, ["out"]):
        raise UserError("got --out with --out-dir, which names its files itself; leave one of them out")
    check_flags(args)
    return args


def read_arguments(argv: list[str] | None, prog: str | None) -> argparse.Namespace:
    """The flags of `read`."""
    parser = argparse.ArgumentParser(prog, description="Print how each sentence of a text is read, as a line of JSON.")
    add_text_flags(parser)
    return parser.parse_args(argv)


def add_text_flags(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """What is said, and how it is read. Returns the group of which one is given."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", help="what to say")
    source.add_argument("--text-file", help="UTF-8 file to read aloud; - for standard input")
    parser.add_argument(
        "--voice", default="heart", help="a voice or speaker of --list-voices, a blend a+b@0.4, FOLDER or gepard:FOLDER"
    )
    parser.add_argument("--lexicon", type=Path, help="lines of a word, a tab, its phonemes or NAH-vee-uhl")
    parser.add_argument("--ssml", action="store_true", help="the text is SSML")
    parser.add_argument("--markup", choices=MARKUP, default="strip", help="of Markdown and HTML; strip says none of it")
    return source


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """What is written."""
    parser.add_argument("--out", default="speech.wav", help="wav, flac, ogg or mp3 by suffix; - for a WAV on stdout")
    parser.add_argument("--out-dir", type=Path, help="with --text-file: one file a line, 000.wav, 001.wav, ...")
    parser.add_argument("--stream", action="store_true", help="with --out -: write audio as soon as it is certain")
    parser.add_argument("--timestamps", choices=UNITS, help="write when what is said, beside the audio")
    parser.add_argument("--timestamp-unit", choices=["words", "phrases"], help="default: phrases, in json words")
    parser.add_argument("--plot", type=Path, help="draw waveform, mel spectrum and alignment to this image")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--no-watermark", dest="watermark", action="store_false", help="no inaudible mark that the speech is synthetic"
    )


def add_voice_flags(parser: argparse.ArgumentParser) -> None:
    """How it is spoken."""
    kinds = ", ".join(f"{kind} {1000 * pause_s:g}" for kind, pause_s in PAUSES_S.items())
    parser.add_argument("--speed", type=float, default=1.0, help="0.5 to 2; the pitch stays")
    parser.add_argument(
        "--pause", action="append", default=[], metavar="KIND=TIME", help=f"silence added; default, in ms: {kinds}"
    )
    parser.add_argument("--codec", help="codec folder, or .nemo file, to use in place of the voice's own")
    parser.add_argument("--prompt", help="a recording of whose voice to speak in, 3 to 15 s; with gepard also none")
    parser.add_argument(
        "--i-have-consent", action="store_true", help="of whoever speaks in the prompt; the files will say so"
    )
    parser.add_argument("--language", default="", help="with gepard: en, es, pt or nl, to mark the text as such")
    parser.add_argument(
        "--tries",
        type=int,
        default=0,
        help="speak a sentence so often at most, until it is read back right; 0 = as the voice says",
    )
    parser.add_argument("--seed", type=int, default=0, help="same text and seed, same speech")
    parser.add_argument("--temperature", type=float, help="liveliness, 0 to 2; default as the voice says")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the LM's weights; default as the voice says")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="onnx or torch; auto = onnx where it can")
    parser.add_argument("--threads", type=int, default=0, help="1, or 2 for speech LM and codec beside each other")


def check_flags(args: argparse.Namespace) -> None:
    """Raise UserError for flags that do not go together."""
    for name in ("threads", "tries"):
        if getattr(args, name) < 0:
            raise UserError(f"got --{name} {getattr(args, name)}; expected 1 or more, or 0 to leave it to the voice")
    if args.out_dir and (not args.text_file or args.timestamps or args.plot):
        raise UserError("--out-dir goes with --text-file, without --timestamps and --plot")
    if args.stream and args.out != "-":
        raise UserError("--stream writes to standard output: use it with --out -")
    if args.timestamps and args.out == "-":
        raise UserError("--timestamps are written beside the audio: use --out FILE")
    if args.timestamp_unit and not args.timestamps:
        raise UserError(f"--timestamp-unit goes with --timestamps {'|'.join(UNITS)}")
    if args.plot and not find_spec("matplotlib"):
        raise UserError("--plot needs matplotlib; pip install 'lfsc-tts[plot]'")
    if args.seed < 0:
        raise UserError(f"got --seed {args.seed}; expected a number from 0 on")


def manner_of(args: argparse.Namespace) -> Manner:
    """How the text is taken and spoken."""
    pauses = parse_pauses(getattr(args, "pause", []))
    speed, watermark = getattr(args, "speed", 1.0), getattr(args, "watermark", True)
    return Manner(speed, pauses, args.markup, args.ssml, watermark)
