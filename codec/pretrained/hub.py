"""Weights from the Hugging Face hub: which revision, which file, and whose licence."""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from codec.interface import Codec
from codec.licence import Licence
from codec.pretrained.licences import NSCL, OPEN_MODEL
from codec.pretrained.nemo import load_nemo

SCHEME = "hub:"
FILE_ENDING = re.compile(r"\.[A-Za-z]\w*$")
SHA256 = re.compile(r"[0-9a-f]{64}")
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(@[\w.-]+)?")


@dataclass(frozen=True)
class Published:
    """Published weights. Without a revision, the newest is taken and its commit recorded."""

    licence: Licence
    revision: str | None = None


PUBLISHED = {
    "nvidia/low-frame-rate-speech-codec-22khz": Published(NSCL),
    "nvidia/nemo-nano-codec-22khz-1.89kbps-21.5fps": Published(OPEN_MODEL, "3c482a402a3c4cf33690a2c0f0a7d41afea6bd6a"),
    "nvidia/nemo-nano-codec-22khz-1.78kbps-12.5fps": Published(OPEN_MODEL),
    "nvidia/nemo-nano-codec-22khz-0.6kbps-12.5fps": Published(OPEN_MODEL),
    "nvidia/audio-codec-22khz": Published(OPEN_MODEL),
    "nvidia/audio-codec-44khz": Published(OPEN_MODEL),
}


def hub_id(source: str) -> str | None:
    """The `owner/name` or `owner/name@revision` that a source means; None if it is a path.

    `hub:` before it leaves no doubt. Without, what may be a mistyped path is one: a stranger's repository must not be
    fetched for it. So is whatever begins with a folder that is here, or ends as files do.

    Raises:
        ValueError: `hub:` before something else.
    """
    bare = source.removeprefix(SCHEME)
    fits = HUB_ID.fullmatch(bare) is not None
    if source != bare:
        if not fits:
            raise ValueError(f"got {source!r}; expected {SCHEME}OWNER/NAME or {SCHEME}OWNER/NAME@REVISION")
        return bare
    like_a_path = FILE_ENDING.search(bare) or Path(bare.partition("/")[0]).exists()
    return bare if fits and not like_a_path else None


def fetch(repository: str, name: str, revision: str) -> str:
    """The path of a file of a repository, out of the cache or downloaded.

    Raises:
        ImportError: huggingface_hub is not installed.
        ConnectionError: it is neither in the cache nor can it be downloaded, or it is not what the hub says it is.
    """
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise ImportError(
            f"{repository} reads as a hub id, and downloading needs huggingface_hub: pip install huggingface_hub, "
            "or give the path of what was downloaded"
        ) from None
    try:
        path = str(hf_hub_download(repository, name, revision=revision))
    except Exception as error:  # no common base: connection, missing entry, gated, offline mode
        forget_connections()
        raise ConnectionError(
            f"{repository}: no {name} of revision {revision} in the cache, and it cannot be downloaded: "
            f"{' '.join(str(error).split())[:200]}; download it elsewhere and give its path"
        ) from error

    check_hash(Path(path), repository)
    return path


def forget_connections() -> None:
    """Close those that huggingface_hub keeps: one that broke would fail the next download too."""
    import huggingface_hub

    close = getattr(huggingface_hub, "close_session", None)  # from 1.0 on
    if close is not None:
        close()


def check_hash(path: Path, repository: str) -> None:
    """Refuse a file of the cache that is not what the hub announced, and forget it.

    The cache names large files by their SHA-256 (others have another name, or none), but nobody compares.

    Raises:
        ConnectionError: it is another file, such as one that was damaged on its way.
    """
    stored = path.resolve()
    if not SHA256.fullmatch(stored.name):
        return
    digest = hashlib.sha256()
    with stored.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    if (found := digest.hexdigest()) != stored.name:
        for wrong in {path, stored}:
            wrong.unlink(missing_ok=True)
        raise ConnectionError(
            f"{repository}: {path.name} has SHA-256 {found[:12]}..., the hub says {stored.name[:12]}...; it was "
            "deleted, try again, or download it elsewhere and give its path"
        )


def fetch_folder(repository: str, revision: str, names: Iterable[str]) -> Path:
    """The folder that holds files of a repository; raises as `fetch`."""
    return {Path(fetch(repository, name, revision)).parent for name in names}.pop()


def load_from_hub(identity: str, commercial: bool | None = None) -> Codec:
    """Download the .nemo file of `owner/name[@revision]`, or take it from the cache, and load it.

    Raises:
        ImportError, ConnectionError: see `fetch`.
        PermissionError: its licence, see `codec.load`.
    """
    repository, _, revision = identity.partition("@")
    known = PUBLISHED.get(repository)
    revision = revision or (known and known.revision) or "main"
    path = fetch(repository, f"{repository.partition('/')[2]}.nemo", revision)
    commit = re.search(r"snapshots/(\w+)", path.replace(os.sep, "/"))
    licence = replace(known.licence, source=f"{repository}@{commit[1] if commit else revision}") if known else None
    return load_nemo(path, commercial, licence)
