"""The command `lfsc-tts read`, and `lfsc-tts say --dry-run`: how a text is read, without speaking it."""

import argparse
import json
import sys

from pipelines.shared.errors import UserError
from pipelines.speaking.arguments import manner_of, read_arguments
from pipelines.speaking.input_text import text_chunks
from pipelines.speaking.reading import load_frontend, read


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    print_readings(read_arguments(argv, prog))


def print_readings(args: argparse.Namespace) -> None:
    """A line of JSON for each sentence, as soon as it is read."""
    if sys.stdout is None:
        raise UserError("standard output is closed; expected somewhere to write the readings")
    frontend = load_frontend(args.voice, args.lexicon)
    for reading in read(text_chunks(args), frontend, manner_of(args)):
        line = json.dumps(reading._asdict(), ensure_ascii=False) + "\n"
        sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace"))  # UTF-8, whatever the terminal is
        sys.stdout.buffer.flush()
