"""Text files that hold a sentence a line."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.corpus.hearing import plain
from pipelines.shared.errors import UserError
from pipelines.shared.text_files import read_text


def sentences_of(texts: Path, exclude: Sequence[Path]) -> list[str]:
    """The lines of a file, each once, without those of other files; how a line is spelt does not count."""
    for path in (texts, *exclude):
        if not path.is_file():
            raise UserError(f"{path} does not exist; expected a text file, one sentence a line")
    known = {plain(line) for path in exclude for line in read_text(path).split("\n")} | {""}
    found: dict[str, str] = {}
    for line in read_text(texts).split("\n"):
        if plain(line) not in known:
            found.setdefault(plain(line), line.strip())
    if not found:
        raise UserError(f"{texts} has no sentence that is not excluded")
    return list(found.values())
