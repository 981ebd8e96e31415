"""Manifests: one utterance per line of JSON. Paths are relative to the manifest's folder.

{"id": "000017", "audio": "wavs/000017.wav", "text": "Hello there.", "speaker": "heart", "duration_s": 1.21}
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import soundfile

from pipelines.shared.atomic import write_atomically
from pipelines.shared.errors import UserError


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
    if not isinstance(values, dict):
        raise ValueError("expected a JSON object")
    missing = [key for key in ("audio", "text") if not isinstance(values.get(key), str) or not values[key].strip()]
    if missing:
        raise ValueError(f"missing or empty: {', '.join(missing)}")
    unknown = sorted(set(values) - set(Utterance.__dataclass_fields__))
    if unknown:
        raise ValueError(f"unknown keys {unknown}")
    values.setdefault("id", Path(values["audio"]).stem)
    for key, value in values.items():
        kind = (int, float) if key == "duration_s" else str
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{key} is {value!r}; expected {'a number' if key == 'duration_s' else 'a string'}")
    return Utterance(**values)


def read(path: Path) -> list[Utterance]:
    """Read a manifest; the first bad line is an error that names it."""
    if not path.is_file():
        raise UserError(f"{path} is not a manifest file; make one with pipelines/prepare_corpus.py")
    utterances = []
    for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):  # a text may hold other line separators
        if line.strip():
            try:
                utterances.append(parse(line))
            except (ValueError, TypeError) as error:
                hint = "`prepare_corpus.py validate` lists every bad line"
                raise UserError(f"{path}:{number}: {error}; {hint}") from None
    if not utterances:
        raise UserError(f"{path} holds no utterance")
    return utterances


def write(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write a manifest, whole or not at all."""
    lines = (json.dumps(asdict(utterance), ensure_ascii=False) for utterance in utterances)
    write_atomically(path, "".join(f"{line}\n" for line in lines))


def digest(utterances: Iterable[Utterance]) -> str:
    """SHA-256, 16 hex digits, of everything these lines say, in their order; audio counts by its path."""
    lines = (json.dumps(asdict(utterance), ensure_ascii=False) for utterance in utterances)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def problems(path: Path) -> Iterator[str]:
    """Everything wrong with a manifest: malformed lines, double ids, unreadable, empty or mislabelled audio."""
    seen: dict[str, int] = {}
    for number, line in enumerate(path.read_text("utf-8", "replace").split("\n"), 1):
        if not line.strip():
            continue
        try:
            utterance = parse(line)
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
        duration_s = soundfile.info(file).duration
    except soundfile.LibsndfileError:
        yield f"{utterance.audio} is not readable audio"
        return
    if duration_s < 0.1:
        yield f"{utterance.audio} lasts {duration_s:.2f} s"
    if utterance.duration_s and abs(duration_s - utterance.duration_s) > 0.05:
        yield f"{utterance.audio} lasts {duration_s:.2f} s, the manifest says {utterance.duration_s:.2f} s"
