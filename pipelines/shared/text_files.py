"""Text files as people have them: UTF-8 with or without a byte order mark, UTF-16 with one, any ends of lines."""

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from pipelines.shared.errors import UserError

# UTF-32's little-endian mark begins with that of UTF-16.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
HINT = "expected UTF-8; convert it, for example with `iconv -f LATIN1 -t UTF-8`"


class Line(NamedTuple):
    """A line, or what is wrong with it."""

    number: int  # from 1
    text: str
    fault: str = ""


def read_lines(path: Path) -> list[Line]:
    """Lines of a text file without their ends; what is not text is a fault of its line, never a guess.

    Raises:
        UserError: a UTF-16 or UTF-32 file that is damaged.
    """
    data = path.read_bytes()
    encoding = next((encoding for mark, encoding in MARKS.items() if data.startswith(mark)), "utf-8")
    if encoding not in ("utf-8", "utf-8-sig"):
        try:
            data = data.decode(encoding).encode()
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is damaged {encoding.upper()} text at byte {error.start:,}; {HINT}") from None
    lines = re.split(rb"\r\n|\n|\r", data.removeprefix(codecs.BOM_UTF8))
    return [decoded(number, line) for number, line in enumerate(lines, 1)]


def decoded(number: int, line: bytes) -> Line:
    """One line."""
    if b"\0" in line:
        return Line(number, "", f"holds NUL, as UTF-16 without a byte order mark does; {HINT}")
    try:
        return Line(number, line.decode())
    except UnicodeDecodeError as error:
        return Line(number, "", f"byte 0x{line[error.start]:02X} at {error.start + 1} is not UTF-8; {HINT}")


def read_text(path: Path) -> str:
    """The whole of a text file; raises UserError, which names the first bad line."""
    lines = read_lines(path)
    for line in lines:
        if line.fault:
            raise UserError(f"{path}:{line.number}: {line.fault}")
    return "\n".join(line.text for line in lines)
