"""A codec from wherever it is: a folder, a .nemo file, the hub."""

from pathlib import Path
from typing import TypeVar, overload

from codec.interface import Codec
from codec.pretrained.folder import load_folder
from codec.pretrained.hub import SCHEME, hub_id, load_from_hub
from codec.pretrained.nemo import load_nemo

Kind = TypeVar("Kind", bound=Codec)


@overload
def load(source: str | Path, *, commercial: bool | None = None) -> Codec: ...
@overload
def load(source: str | Path, *, kind: type[Kind], commercial: bool | None = None) -> Kind: ...
def load(source: str | Path, *, kind: type[Codec] = Codec, commercial: bool | None = None) -> Codec:
    """Read a codec; weights become float32.

    Args:
        source: a folder written by `codec.save`, a .nemo file, or a hub id such as
            `hub:nvidia/low-frame-rate-speech-codec-22khz`, with `@revision` where another than the pinned one is meant.
            `hub:` may be left out where no folder here begins so; a Path is never a hub id.
        kind: the class it has to be of, such as LiteCodec; any by default.
        commercial: refuse weights whose licence does not allow commercial use; None = if LFSC_COMMERCIAL=1.

    Raises:
        FileNotFoundError, ValueError: there is no such codec, it is of another kind, or its weights do not fit its
            configuration.
        PermissionError: the licence, see `commercial`.
        ImportError, ConnectionError: a hub id without huggingface_hub, or without a network.
    """
    codec = load_any(source, commercial)
    if not isinstance(codec, kind):
        raise ValueError(f"{source} is a {type(codec).__name__}, expected a {kind.__name__}")
    return codec


def load_any(source: str | Path, commercial: bool | None) -> Codec:
    """A codec of whatever kind; see `load`."""
    path = Path(source)
    if path.is_dir():
        return load_folder(path, commercial)
    if path.is_file():
        return load_nemo(path, commercial)
    identity = hub_id(source) if isinstance(source, str) else None
    if identity is not None:
        return load_from_hub(identity, commercial)
    raise FileNotFoundError(
        f"{source} is not a codec folder: no such folder, nor a .nemo file; {SCHEME}OWNER/NAME is a codec on the hub"
    )
