"""Corpora on disk as people have them: what is in them, and what of it cannot be used."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipelines.corpus import manifest
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.recordings import FOREIGN_SUFFIXES, SUFFIXES
from pipelines.corpus.rejects import Reject
from pipelines.corpus.tables import read_table
from pipelines.shared.errors import UserError
from pipelines.shared.text_files import read_lines, read_text

# A reader gives utterances whose audio is a whole path, and everything else it found.
Found = Iterator[Utterance | Reject]


def files_below(root: Path) -> list[Path]:
    """Every file, also in folders that are symbolic links, each real folder once."""
    found, seen = [], set()
    for folder, names, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            names.clear()
            continue
        seen.add(real)
        found += [Path(folder) / name for name in files if not name.startswith(".")]
    return sorted(found)


def is_audio(path: Path) -> bool:
    """Whether a file is meant to be audio, whoever can read it."""
    return path.suffix.lower() in SUFFIXES + FOREIGN_SUFFIXES


def ids_of(paths: Sequence[Path], root: Path, short: Callable[[Path], str]) -> list[str]:
    """An id for each file: its short one, or its whole path below `root` where others have the same."""
    counts = Counter(map(short, paths))
    return [short(path) if counts[short(path)] == 1 else path.relative_to(root).as_posix() for path in paths]


def joined_name(root: Path) -> Callable[[Path], str]:
    """The way from `root` to a file as one word."""
    return lambda path: "_".join(path.relative_to(root).with_suffix("").parts)


def transcript(path: Path, audio: Path, name: str, speaker: str = "unknown") -> Utterance | Reject:
    """The utterance of a recording with a text file of its own."""
    try:
        text = read_text(path).strip().replace("\n", " ")
    except UserError as error:
        return Reject(name, str(error))
    return Utterance(name, str(audio), text, speaker) if text else Reject(name, f"{audio} has an empty text")


def ljspeech(root: Path, columns: str) -> Found:
    """LJSpeech and its like: metadata.csv of `id|text|normalized` beside wavs/."""
    table = root / "metadata.csv"
    if not table.is_file():
        raise UserError(f"{table} does not exist; LJSpeech is a folder with metadata.csv and wavs/")
    folder = root / "wavs" if (root / "wavs").is_dir() else root
    audio = [path for path in files_below(folder) if is_audio(path)]
    by_name: dict[str, list[Path]] = {}
    for path in audio:
        for name in {path.relative_to(folder).with_suffix("").as_posix(), path.relative_to(root).as_posix(), path.name}:
            by_name.setdefault(name, []).append(path)
    used: dict[Path, str] = {}
    for row in read_table(table, columns):
        if isinstance(row, Reject):
            yield row
            continue
        paths = by_name.get(row.id, [])
        if len(paths) != 1:
            found = f"is there as {', '.join(path.name for path in paths)}" if paths else "does not exist"
            yield Reject(row.where, f"{folder / row.id}{'' if paths or Path(row.id).suffix else '.wav'} {found}")
        elif paths[0] in used:
            yield Reject(row.where, f"{row.id} is on {used[paths[0]]} already")
        else:
            used[paths[0]] = row.where
            yield Utterance(row.id, str(paths[0]), row.text, row.speaker or "lj")
    yield from (Reject(str(path), "no line of metadata.csv has it", True) for path in audio if path not in used)


def libritts(root: Path, columns: str) -> Found:
    """LibriTTS: speaker/chapter/*.wav, each with its .normalized.txt."""
    texts = sorted(root.glob("*/*/*.normalized.txt"))
    audio = [text.with_name(text.name.replace(".normalized.txt", ".wav")) for text in texts]
    names = ids_of(audio, root, lambda path: path.stem)
    for text, path, name in zip(texts, audio, names, strict=True):
        yield transcript(text, path, name, text.parts[-3])
    others = [path for path in files_below(root) if is_audio(path) and path not in set(audio)]
    yield from (Reject(str(path), "has no .normalized.txt beside it", True) for path in others)


def folder(root: Path, columns: str) -> Found:
    """Any folder of audio files, each with a .txt of the same name."""
    files = files_below(root)
    texts = {path.with_suffix("") for path in files if path.suffix.lower() == ".txt"}
    audio = [path for path in files if is_audio(path)]
    spoken = [path for path in audio if path.with_suffix("") in texts]
    for path, name in zip(spoken, ids_of(spoken, root, joined_name(root)), strict=True):
        yield transcript(path.with_suffix(".txt"), path, name)
    yield from (Reject(str(path), "has no .txt beside it", True) for path in audio if path not in set(spoken))
    silent = sorted(texts - {path.with_suffix("") for path in audio})
    yield from (Reject(f"{text}.txt", "has no recording beside it", True) for text in silent)


def nemo(path: Path, columns: str) -> Found:
    """NeMo's manifest, lines of {"audio_filepath": ..., "duration": ..., "text": ...}."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; expected a manifest of NeMo, lines of JSON")
    ignored: Counter[str] = Counter()
    found: list[tuple[str, Utterance]] = []
    for number, line, fault in read_lines(path):
        where = f"{path}:{number}"
        if not fault and line.strip():
            try:
                values = json.loads(line)
                known = {*manifest.NEMO, *Utterance.__dataclass_fields__, "offset"}
                extra = [key for key in values if key not in known]
                ignored.update(extra)
                kept = {key: value for key, value in values.items() if key not in extra}
                found.append((where, manifest.parse(json.dumps(kept))))
            except (ValueError, TypeError, AttributeError) as error:
                fault = f"not a line of a manifest ({error})"
        if fault:
            yield Reject(where, fault)
    if ignored:
        print(f"{path}: not used: {', '.join(f'{key} of {count:,} lines' for key, count in sorted(ignored.items()))}")
    counts = Counter(utterance.id for _, utterance in found)
    for _, one in found:
        name = one.id if counts[one.id] == 1 else Path(one.audio).as_posix()
        yield Utterance(name, str(path.parent / one.audio), one.text, one.speaker, 0.0, one.phonemes)
