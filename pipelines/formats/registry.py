"""Formats by their names, and files by their format."""

import gzip
import tarfile
import zlib
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path, PurePath

from pipelines.formats import nemo, parquet, shards, webdataset
from pipelines.formats.content import Content
from pipelines.shared.errors import UserError
from speechllm import CodeSpec

# Writes files of a shard's NAME into a folder, which may hold those of others; the same content, the same bytes.
Writer = Callable[[Path, str, Content], None]
WRITERS: dict[str, Writer] = {
    "safetensors": shards.write,
    "webdataset": webdataset.write,
    "nemo": nemo.write,
    "parquet": parquet.write,
}
PATTERNS = {
    "safetensors": "*.safetensors",
    "webdataset": "*.tar",
    "nemo": "cuts/cuts.*.jsonl.gz",
    "parquet": "*.parquet",
}

CONTEXT = "with --format nemo: context_codes, another utterance of the speaker, chosen by a seed; default: 0"
LIBRARIES = {"webdataset": "webdataset", "nemo": "lhotse", "parquet": "pyarrow"}


def check(format: str) -> None:
    """Raise UserError where the library of a format is not there."""
    library = LIBRARIES.get(format)
    if library and not find_spec(library):
        raise UserError(f"format {format} needs {library}; pip install 'lfsc-tts[formats]'")


def writer_of(format: str, context: int | None = None) -> Writer:
    """What writes a format; `context` is as of pipelines/formats/nemo.py. UserError where a format has none."""
    if context is None:
        return WRITERS[format]
    if format != "nemo":
        raise UserError(f"got --context with --format {format}; expected --format nemo, which alone has contexts")
    return partial(nemo.write, context=context)


def find(folder: Path) -> tuple[str, list[Path]]:
    """Format and files of a folder of shards; raises UserError unless they are of one format."""
    found = {
        name: [path for path in sorted(folder.glob(pattern)) if not path.name.startswith(".")]
        for name, pattern in PATTERNS.items()
    }
    formats = [name for name, paths in found.items() if paths]
    if len(formats) != 1:
        have = " and ".join(formats) or "nothing"
        raise UserError(f"{folder} holds {have}; expected shards of one of: {', '.join(WRITERS)}")
    return formats[0], found[formats[0]]


def name_of(format: str, path: PurePath) -> str:
    """The shard's name, out of that of its file."""
    before, _, after = PurePath(PATTERNS[format]).name.partition("*")
    return path.name.removeprefix(before).removesuffix(after)


def shard_of(file: PurePath) -> str | None:
    """The shard whose file this is, by its path below a folder of shards of any format; None for other files."""
    for format, pattern in PATTERNS.items():
        if file.match(pattern) and len(file.parts) == len(PurePath(pattern).parts):
            return name_of(format, file)
    return None


def read(
    format: str, path: Path, spec: CodeSpec | None = None, read_text: Callable[[str], list[int]] | None = None
) -> Content:
    """A shard of any format.

    Args:
        format: of the file.
        path: as `find` gives it.
        spec, read_text: of codec and tokenizer, for files that do not say; see pipelines/formats/parquet.py.

    Raises:
        ValueError: it is none, or a library is not there.
    """
    check(format)
    if format == "parquet":
        return parquet.read(path, spec, read_text)
    try:
        return {"safetensors": shards.read, "webdataset": webdataset.read, "nemo": nemo.read}[format](path)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} is no shard of format {format}, or damaged ({error.args[0]})") from None
