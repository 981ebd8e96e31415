"""Folders of Hugging Face: audio beside a table of metadata, or parquet that holds it. Audio is never decoded here."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.corpus.layouts import Found
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.public import FOREIGN, SPEAKERS, TEXTS, rows_of
from pipelines.corpus.recordings import FOREIGN_SUFFIXES, SUFFIXES
from pipelines.corpus.rejects import Reject
from pipelines.shared.atomic import write_atomically
from pipelines.shared.errors import UserError
from pipelines.shared.text_files import HINT

BATCH = 100  # rows in memory


def huggingface(root: Path, columns: str, out: Path) -> Found:
    """A folder of Hugging Face: metadata.jsonl or .csv beside audio, or parquet with columns audio and text.

    Args:
        root: the folder.
        columns: not used; the table names its own.
        out: where recordings are written that parquet holds, byte by byte as they are.
    """
    tables = [*root.rglob("metadata.jsonl"), *root.rglob("metadata.csv")]
    for table in sorted(tables):
        yield from described(table, root)
    files = sorted(root.rglob("*.parquet"))
    if files:
        try:
            import pyarrow.parquet as pq
        except ImportError:
            raise UserError("parquet needs pyarrow; pip install 'lfsc-tts[formats]'") from None
        for path in files:
            try:
                file = pq.ParquetFile(path)
            except ValueError as error:
                raise UserError(f"{path} is not parquet ({error})") from None
            yield from unpacked(file, path.relative_to(root).with_suffix(""), path, out)
    if not tables and not files:
        raise UserError(f"{root} has neither metadata.jsonl, nor metadata.csv, nor parquet")


def described(table: Path, root: Path) -> Found:
    """Rows of a table with `file_name`, relative to it; an utterance is called as its file below `root`."""
    for number, row in enumerate(rows_of(table) if table.suffix == ".csv" else read_rows(table), 1):
        name, text = row.get("file_name"), first(row, TEXTS)
        where = f"{table}: row {number}"
        if not isinstance(name, str) or not Path(name).name or not text:
            yield Reject(where, f"has no file_name, or none of {', '.join(TEXTS)}")
        elif Path(name).is_absolute() or ".." in Path(name).parts:
            yield Reject(where, f"its file_name is {name!r}; expected a path below {table.parent}")
        elif FOREIGN in text:
            yield Reject(where, f"is not UTF-8; {HINT}")
        else:
            audio = table.parent / name
            stem = audio.relative_to(root).with_suffix("").as_posix()
            yield Utterance(stem, str(audio), text, first(row, SPEAKERS) or "unknown")


def read_rows(table: Path) -> Iterator[Mapping[str, Any]]:
    """Lines of JSON that are not empty."""
    with table.open(encoding="utf-8-sig", errors="replace") as lines:
        yield from (read_row(line) for line in lines if line.strip())


def read_row(line: str) -> Mapping[str, Any]:
    """A line of JSON; nothing, where it is none."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def first(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of some columns that says something."""
    return next((str(row[name]).strip() for name in names if row.get(name) not in (None, "")), "")


def unpacked(file: Any, name: Path, path: Path, out: Path) -> Found:
    """Rows of a parquet file, with their audio written to files named for the row."""
    columns = [one for one in file.schema_arrow.names if one in ("audio", "id", *TEXTS, *SPEAKERS)]
    if "audio" not in columns:
        raise UserError(f"{path} has no column audio; it has {', '.join(file.schema_arrow.names)}")
    rows = (row for batch in file.iter_batches(BATCH, columns=columns) for row in batch.to_pylist())
    for number, row in enumerate(rows):
        audio, text = row["audio"] or {}, first(row, TEXTS)
        data = audio.get("bytes") if isinstance(audio, dict) else None
        if not data or not text:
            yield Reject(f"{path}: row {number}", f"has no bytes in audio, or none of {', '.join(TEXTS)}")
            continue
        suffix = Path(str(audio.get("path") or "")).suffix.lower()  # of the path that a stranger wrote, nothing else
        suffix = suffix if suffix in SUFFIXES + FOREIGN_SUFFIXES else ".wav"
        target = out / name / f"{number:08d}{suffix}"
        if not (target.is_file() and target.stat().st_size == len(data)):
            write_atomically(target, data)
        yield Utterance(f"{name.as_posix()}/{number:08d}", str(target), text, first(row, SPEAKERS) or "unknown")
