"""The text of a command: from a flag, a file, or standard input as it comes."""

import argparse
import codecs
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.shared.errors import UserError

BLOCK = 65_536  # bytes read at once, at most


def is_stream(args: argparse.Namespace) -> bool:
    """Whether the text can be read only once, and may not be complete yet: standard input, or a pipe."""
    path = args.text_file
    return path is not None and (path == "-" or (Path(path).exists() and not Path(path).is_file()))


def text_chunks(args: argparse.Namespace) -> Iterator[str]:
    """The text in chunks, as it comes.

    Raises:
        UserError: no such file, or no text.
    """
    if args.text is not None:
        yield args.text
        return
    decoder, read = codecs.getincrementaldecoder("utf-8-sig")(), 0
    for data in byte_blocks(args.text_file):
        try:
            chunk = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            place = f"the byte 0x{error.object[error.start]:02x} near byte {max(read + error.start, 0)}"
            raise UserError(f"{args.text_file} is not UTF-8 text, see {place}; expected a plain text file") from None
        if "\0" in chunk:
            raise UserError(f"{args.text_file} holds binary data; expected a plain text file")
        read += len(data)
        yield chunk


def byte_blocks(path: str) -> Iterator[bytes]:
    """The bytes of a file, or of standard input for "-", as they come; an empty block at the end."""
    if path == "-":
        if sys.stdin is None:
            raise UserError("standard input is closed; expected a text on it, or --text-file FILE")
        # Not through sys.stdin: a thread that waits in it would keep the process from ending.
        descriptor, close = sys.stdin.fileno(), False
    else:
        descriptor, close = open_file(path), True
    try:
        while data := os.read(descriptor, BLOCK):
            yield data
        yield b""
    finally:
        if close:
            os.close(descriptor)


def open_file(path: str) -> int:
    """A file's descriptor."""
    if Path(path).is_dir():
        raise UserError(f"{path} is a folder; expected a UTF-8 text file")
    if not Path(path).exists():
        raise UserError(f"{path} does not exist; expected a UTF-8 text file")
    return os.open(path, os.O_RDONLY)
