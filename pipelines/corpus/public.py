"""Layouts in which large public corpora are published; what is read is what their archives hold when unpacked."""

import csv
import gzip
import itertools
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipelines.corpus.layouts import Found
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.recordings import SUFFIXES
from pipelines.corpus.rejects import Reject
from pipelines.shared.errors import UserError
from pipelines.shared.text_files import HINT

TEXTS = ("text", "sentence", "transcription", "transcript", "normalized_text", "text_normalized")
SPEAKERS = ("speaker", "speaker_id", "client_id")
LONGEST_FIELD = 2**20  # characters
FOREIGN = "\ufffd"  # what stands for bytes that are not UTF-8


def mls(root: Path, columns: str) -> Found:
    """Multilingual LibriSpeech: transcripts.txt of `id TAB text` beside audio/speaker/book/id.flac, or .opus."""
    table = root / "transcripts.txt"
    if not table.is_file():
        raise UserError(f"{table} does not exist; a split of MLS is a folder with transcripts.txt and audio/")
    with table.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if FOREIGN in line:
                yield Reject(f"{table}:{number}", f"is not UTF-8; {HINT}")
                continue
            name, _, text = line.rstrip("\n").partition("\t")
            parts = name.split("_")
            if len(parts) != 3 or not all(part.isalnum() for part in parts) or not text.strip():
                yield Reject(f"{table}:{number}", "not a line of `speaker_book_number TAB text`")
                continue
            stem = root / "audio" / parts[0] / parts[1] / name
            paths = [path for suffix in SUFFIXES if (path := stem.with_name(f"{name}{suffix}")).is_file()]
            yield Utterance(name, str(paths[0] if paths else stem.with_suffix(".flac")), text.strip(), parts[0])


def commonvoice(table: Path, columns: str) -> Found:
    """Common Voice: a table such as validated.tsv with client_id, path and sentence, beside clips/."""
    if not table.is_file():
        raise UserError(f"{table} is not a file; expected a table of Common Voice, such as validated.tsv")
    rows = rows_of(table, ("client_id", "path", "sentence"), delimiter="\t", quoting=csv.QUOTE_NONE)
    for number, row in enumerate(rows, 2):
        name, text = Path(row["path"] or "").name, (row["sentence"] or "").strip()  # never out of clips/
        if not name or not text or FOREIGN in text:
            yield Reject(f"{table}:{number}", f"is not UTF-8; {HINT}" if text else "has no path, or no sentence")
            continue
        audio = table.parent / "clips" / (name if Path(name).suffix else f"{name}.mp3")
        yield Utterance(Path(name).stem, str(audio), text, row["client_id"] or "unknown")


def rows_of(table: Path, columns: Sequence[str] = (), **dialect: Any) -> Iterator[dict[str, Any]]:
    """Rows of a table by the columns that its first line names; UserError for what is no table, or has others."""
    csv.field_size_limit(LONGEST_FIELD)
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines, **dialect)
        try:
            if not set(columns) <= set(rows.fieldnames or ()):
                raise UserError(
                    f"{table} has no columns {', '.join(columns)}; it has {', '.join(rows.fieldnames or ())}"
                )
            yield from rows
        except csv.Error as error:
            raise UserError(f"{table}: after line {rows.line_num}: {error}; expected a table") from None


def emilia(root: Path, columns: str) -> Found:
    """Emilia: recordings, each with a .json of its name that holds id, text and speaker."""
    for path in sorted(root.rglob("*.json")):
        audio = [found for suffix in SUFFIXES if (found := path.with_suffix(suffix)).is_file()]
        try:
            values = json.loads(path.read_bytes())
            text, speaker = values["text"].strip(), str(values.get("speaker", "unknown"))
            name = str(values.get("id") or values.get("_id") or path.stem)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            yield Reject(str(path), f"not a description of a recording ({error!r})")
            continue
        if not audio:
            yield Reject(str(path), "has no recording beside it", orphan=True)
        elif not text:
            yield Reject(name, f"{path} has an empty text")
        else:
            yield Utterance(name, str(audio[0]), text, speaker)


def lhotse(path: Path, columns: str) -> Found:
    """Cuts of Lhotse, .jsonl or .jsonl.gz, whose recordings are files, each cut a whole one."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; expected cuts of Lhotse, lines of JSON")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        for number in itertools.count(1):
            try:
                line = lines.readline(LONGEST_FIELD)
            except (gzip.BadGzipFile, zlib.error, EOFError) as error:
                raise UserError(f"{path} is no gzip file, or damaged ({error})") from None
            if not line:
                return
            if line.strip():
                yield cut_of(f"{path}:{number}", path.parent, line)


def cut_of(where: str, folder: Path, line: bytes) -> Utterance | Reject:
    """One cut."""
    try:
        cut: dict[str, Any] = json.loads(line)
        recording, (said,) = cut["recording"], cut["supervisions"]
        (source,) = recording["sources"]
        if source["type"] != "file":
            return Reject(where, f"its recording is of type {source['type']}; expected a file")
        if cut["start"] or abs(cut["duration"] - recording["duration"]) > 0.01:
            return Reject(where, "is a segment of a longer file; save it as a file of its own, with cut.save_audio")
        text, speaker = said["text"].strip(), str(said.get("speaker") or "unknown")
        if not text:
            return Reject(where, "has an empty text")
        return Utterance(str(cut["id"]), str(folder / source["source"]), text, speaker)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Reject(where, f"not a cut with one recording and one supervision ({error!r})")
