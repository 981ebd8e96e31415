"""Manifests: one utterance per line of JSON. Paths are relative to the manifest's folder.

{"id": "000017", "audio": "wavs/000017.wav", "text": "Hello there.", "speaker": "heart", "duration_s": 1.21}

NeMo's manifests are read too: `audio_filepath` and `duration`.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.corpus.recordings import duration_of
from pipelines.shared.atomic import write_atomically
from pipelines.shared.errors import UserError
from pipelines.shared.text_files import read_lines

BROKEN = re.compile("[\0\ud800-\udfff]")  # what JSON can say, and neither files nor their names can hold
NEMO = {"audio_filepath": "audio", "duration": "duration_s"}


@dataclass(frozen=True)
class Utterance:
    """One recording and its transcript."""

    id: str
    audio: str  # path relative to the manifest
    text: str
    speaker: str = "unknown"
    duration_s: float = 0.0
    phonemes: str = ""  # set where the source knows them; otherwise the text front end decides


def parse(line: str) -> Utterance:
    """One line -> Utterance; raises ValueError that names what is wrong."""
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError("not a line of a manifest (brackets in brackets)") from None
    if not isinstance(values, dict):
        raise ValueError("expected a JSON object")
    if "audio_filepath" in values:
        values = from_nemo(values)
    missing = [key for key in ("audio", "text") if not isinstance(values.get(key), str) or not values[key].strip()]
    if missing:
        raise ValueError(f"missing or empty: {', '.join(missing)}")
    unknown = sorted(set(values) - set(Utterance.__dataclass_fields__))
    if unknown:
        raise ValueError(f"unknown keys {unknown}")
    if "id" not in values:
        values["id"] = Path(values["audio"]).stem
    for key, value in values.items():
        kind = (int, float) if key == "duration_s" else str
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{key} is {value!r}; expected {'a number' if key == 'duration_s' else 'a string'}")
        if isinstance(value, str) and BROKEN.search(value):
            raise ValueError(f"{key} holds NUL or half a surrogate pair: {value!r}")
    if not 0 <= values.get("duration_s", 0) <= sys.float_info.max:
        raise ValueError(f"duration_s is {values['duration_s']}; expected seconds")
    return Utterance(**values)


def from_nemo(values: dict[str, Any]) -> dict[str, Any]:
    """A line of NeMo's manifests in the names of this one."""
    values = {NEMO.get(key, key): value for key, value in values.items()}
    if values.pop("offset", None):
        raise ValueError("a segment of a longer file, by its offset; cut it out into a file of its own")
    if isinstance(values.get("speaker"), int):
        values["speaker"] = str(values["speaker"])
    return values


def read(path: Path) -> list[Utterance]:
    """Read a manifest; a malformed line, or an id that is there twice, is a UserError that names the line."""
    if not path.is_file():
        raise UserError(f"{path} is not a manifest file; make one with pipelines/prepare_corpus.py")
    utterances: list[Utterance] = []
    lines: dict[str, int] = {}
    for line in read_lines(path):  # a text may hold other line separators
        if line.fault or line.text.strip():
            try:
                if line.fault:
                    raise ValueError(line.fault)
                utterance = parse(line.text)
                if utterance.id in lines:
                    raise ValueError(f"id {utterance.id} is on line {lines[utterance.id]} already; ids must differ")
            except (ValueError, TypeError) as error:
                hint = "`prepare_corpus.py validate` lists every bad line"
                raise UserError(f"{path}:{line.number}: {error}; {hint}") from None
            lines[utterance.id] = line.number
            utterances.append(utterance)
    if not utterances:
        raise UserError(f"{path} holds no utterance")
    return utterances


def write(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write a manifest, whole or not at all; raises UserError for two utterances of one id."""
    utterances = list(utterances)
    found: dict[str, str] = {}
    for utterance in utterances:
        if utterance.id in found:
            both = f"{found[utterance.id]} and {utterance.audio}"
            raise UserError(f"{both} would both have the id {utterance.id}; rename one of them")
        found[utterance.id] = utterance.audio
    lines = (json.dumps(asdict(utterance), ensure_ascii=False) for utterance in utterances)
    write_atomically(path, "".join(f"{line}\n" for line in lines))


def digest(utterances: Iterable[Utterance], folder: Path | None = None) -> str:
    """SHA-256, 16 hex digits, of everything these lines say, in their order, and of the sizes of recordings, if the
    manifest's folder is given; their contents do not count, they would all have to be read.
    """
    found = hashlib.sha256()
    for utterance in utterances:
        found.update(json.dumps(asdict(utterance)).encode())
        if folder:
            audio = folder / utterance.audio
            found.update(f" {audio.stat().st_size if audio.is_file() else 0}".encode())
    return found.hexdigest()[:16]


def problems(path: Path) -> Iterator[str]:
    """Everything wrong with a manifest: malformed lines, double ids, unreadable, empty or mislabelled audio."""
    seen: dict[str, int] = {}
    for number, text, fault in read_lines(path):
        if fault:
            yield f"line {number}: {fault}"
        if not text.strip():
            continue
        try:
            utterance = parse(text)
        except (ValueError, TypeError) as error:
            yield f"line {number}: {error}"
            continue
        if utterance.id in seen:
            yield f"line {number}: id {utterance.id} already on line {seen[utterance.id]}"
        seen.setdefault(utterance.id, number)
        yield from (f"line {number}: {problem}" for problem in audio_problems(path.parent, utterance))


def audio_problems(folder: Path, utterance: Utterance) -> Iterator[str]:
    """What is wrong with one utterance's file."""
    file = folder / utterance.audio
    if not file.is_file():
        yield f"no file {utterance.audio}"
        return
    try:
        duration_s = duration_of(file)
    except (ValueError, OSError) as error:
        yield str(error).replace(str(file), utterance.audio)
        return
    if utterance.duration_s and abs(duration_s - utterance.duration_s) > 0.05:
        yield f"{utterance.audio} lasts {duration_s:.2f} s, the manifest says {utterance.duration_s:.2f} s"


def relative(audio: Path, manifest: Path) -> str:
    """Path of a recording for a manifest, which resolves although folders on both ways may be symbolic links."""
    return os.path.relpath(audio.parent.resolve() / audio.name, manifest.parent.resolve())
