"""Tables of transcripts: lines of `id|text`, `id|text|normalized`, `id|text|speaker`, or whatever their header says."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines.corpus.rejects import Reject
from pipelines.shared.errors import UserError
from pipelines.shared.text_files import read_lines

COLUMNS = {  # and what headers call them
    "id": ("id", "file", "filename", "file_name", "audio", "audio_file", "path", "wav"),
    "text": ("text", "transcript", "transcription", "sentence"),
    "normalized": ("normalized", "normalised", "normalized_text", "text_normalized", "normalized_transcription"),
    "speaker": ("speaker", "speaker_id", "speaker_name", "spk", "client_id"),
}
COMMON = 0.2  # share of the lines that must have as many columns as the table is said to have


class Row(NamedTuple):
    """One recording's line."""

    where: str  # file and line
    id: str
    text: str  # normalized where the table has that
    speaker: str  # empty if the table does not say


def read_table(path: Path, columns: str = "") -> list[Row | Reject]:
    """Rows of a table, and its bad lines; prints what its columns were taken for.

    Args:
        path: lines with `|`, or tabs, between columns; a first line of known names says what they are.
        columns: what they are, `id|text|speaker`, with `-` for what is to be left out; empty = as the file suggests.

    Raises:
        UserError: it is not clear what the columns are.
    """
    lines = [line for line in read_lines(path) if line.fault or line.text.strip()]
    separator = max("|\t", key=lambda mark: sum(mark in line.text for line in lines))
    cells = {line.number: [cell.strip(" ") for cell in line.text.split(separator)] for line in lines if not line.fault}
    if lines and not cells:
        raise UserError(f"{path}:{lines[0].number}: {lines[0].fault}; the other lines are no better")
    head = next(iter(cells), 0)
    names = header(cells[head]) if head else []
    if names:
        del cells[head]
    names = checked(columns) if columns else names or guess(path, list(cells.values()))
    print(f"{path}: {len(cells):,} lines of {'|'.join(names)}")
    rows: list[Row | Reject] = [Reject(f"{path}:{line.number}", line.fault) for line in lines if line.fault]
    return rows + [row(f"{path}:{number}", found, names) for number, found in cells.items()]


def header(cells: Sequence[str]) -> list[str]:
    """Columns that a first line names; none, if it is no header."""
    known = {name: column for column, names in COLUMNS.items() for name in names}
    found = [known.get(cell.lower(), "-") for cell in cells]
    return found if "id" in found and {"text", "normalized"} & set(found) else []


def checked(columns: str) -> list[str]:
    """Columns that the user names."""
    names = [name.strip() for name in columns.split("|")]
    given = [name for name in names if name != "-"]
    if not set(given) <= set(COLUMNS) or len(set(given)) < len(given) or not {"id", "text"} <= set(given):
        raise UserError(
            f"got --columns {columns}; expected id, text, and maybe {', '.join([*COLUMNS][2:])}, - for others"
        )
    return names


def guess(path: Path, cells: Sequence[Sequence[str]]) -> list[str]:
    """What the columns of a table without a header are.

    Raises:
        UserError: that cannot be told.
    """
    how = "say what they are, for example --columns 'id|text|speaker|-'"
    counts = Counter(map(len, cells))
    width = max((count for count, lines in counts.items() if lines >= COMMON * len(cells)), default=1)
    if width == 1:
        raise UserError(f"{path} has no lines of id|text; expected at least these two columns, with | between them")
    if width == 2:
        return ["id", "text"]
    if width > 3:
        raise UserError(f"{path} has {width} columns; {how}")
    second, third = ([found[column] for found in cells if len(found) == 3] for column in (1, 2))
    for names, labels, texts in (
        (["id", "text", "speaker"], third, second),
        (["id", "speaker", "text"], second, third),
    ):
        if 2 * len(set(labels)) <= len(labels) and len(set(labels)) < len(set(texts)):
            return names
        words = [(len(a.split()), len(b.split())) for a, b in zip(labels, texts, strict=True)]
        if 2 * sum(a <= 1 < b for a, b in words) > len(words):
            example = f"{labels[0]!r} beside {texts[0]!r}"
            raise UserError(f"{path}: columns 2 and 3 may be a text and a speaker, or two texts ({example}); {how}")
    return ["id", "text", "normalized"]


def row(where: str, cells: Sequence[str], names: Sequence[str]) -> Row | Reject:
    """One line; a normalized text may be missing."""
    if not len(names) - (names[-1] == "normalized") <= len(cells) <= len(names):
        return Reject(where, f"has {len(cells)} columns; expected {'|'.join(names)}")
    values = dict(zip(names, cells, strict=False))
    text = values.get("normalized") or values.get("text", "")
    if not values["id"] or not text:
        return Reject(where, f"has an empty {'text' if values['id'] else 'id'}")
    return Row(where, values["id"], text, values.get("speaker", ""))
