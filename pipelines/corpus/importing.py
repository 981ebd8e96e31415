"""A corpus on disk becomes utterances that can be used, and rejects that say why not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.progress import track

from pipelines.corpus import huggingface, layouts, manifest, public
from pipelines.corpus.layouts import Found
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.recordings import duration_of, header_duration
from pipelines.corpus.rejects import Reject
from pipelines.shared.errors import UserError

# A reader gets the place of a corpus and columns of its table; huggingface also `out`, a folder for what it unpacks.
READERS: dict[str, Callable[..., Found]] = {
    "ljspeech": layouts.ljspeech,
    "libritts": layouts.libritts,
    "folder": layouts.folder,
    "nemo": layouts.nemo,
    "mls": public.mls,
    "commonvoice": public.commonvoice,
    "emilia": public.emilia,
    "lhotse": public.lhotse,
    "huggingface": huggingface.huggingface,
}
OF_FILES = ("nemo", "commonvoice", "lhotse")  # layouts whose place is a file


def read_corpus(
    layout: str, root: Path, out: Path, columns: str = "", decode: bool = True
) -> tuple[list[Utterance], list[Reject]]:
    """Read a corpus on disk; every recording is decoded once.

    Args:
        layout: one of READERS.
        root: its folder, or file.
        out: the manifest that will be written; paths become relative to its folder.
        columns: of a table, where its own are not clear.
        decode: otherwise lengths are what headers say, and recordings are checked when they are encoded.

    Raises:
        UserError: there is no such corpus, or nothing in it.
    """
    if not root.exists() or (layout not in OF_FILES and not root.is_dir()):
        raise UserError(f"{root} is not a folder; expected a corpus in {layout} layout")
    unpacking = {"out": out.parent / "audio"} if layout == "huggingface" else {}
    found = list(READERS[layout](root, columns, **unpacking))
    rejects = [one for one in found if isinstance(one, Reject)]
    utterances: dict[str, Utterance] = {}
    for one in track([one for one in found if isinstance(one, Utterance)], "reading"):
        try:
            if one.id in utterances:
                raise ValueError(f"{one.audio}: {utterances[one.id].audio} has the same id")
            duration_s = round(checked_duration(root, Path(one.audio), decode), 4)
        except (ValueError, OSError) as error:
            rejects.append(Reject(one.id, str(error)))
        else:
            utterances[one.id] = replace(one, audio=manifest.relative(Path(one.audio), out), duration_s=duration_s)
    if not utterances and all(one.orphan for one in rejects):
        raise UserError(f"{root} holds nothing in {layout} layout; see --help for the layouts")
    return list(utterances.values()), rejects


def checked_duration(root: Path, path: Path, decode: bool) -> float:
    """Seconds of a recording for which the corpus has a text."""
    if not path.is_file():
        if not decode:
            raise ValueError(f"{path} does not exist")
        raise UserError(f"{path} does not exist, but {root} has a text for it; restore it or remove the text")
    return duration_of(path) if decode else header_duration(path)
