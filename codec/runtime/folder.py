"""Codec folders that were exported: beside config.json and model.safetensors lie graphs, of encoder and decoder."""

import hashlib
import json
from pathlib import Path

from codec.licence import Licence
from codec.runtime.hifigan import HiFiGANRuntime
from codec.runtime.interface import RuntimeCodec
from codec.runtime.lite import LiteRuntime
from codec.runtime.processor import adds_8_bits_exactly
from codec.runtime.session import Session

FAMILIES = {"hifigan": HiFiGANRuntime, "lite": LiteRuntime}
PRECISIONS = "int8", "float32"
READ_BYTES = 2**20


def load(folder: str | Path, precision: str = "int8", threads: int = 1) -> RuntimeCodec:
    """Read a codec folder written by `codec.save` and `lfsc-tts export-onnx`.

    Args:
        folder: of the codec.
        precision: of the decoder's large products, int8 or float32; a codec without a graph in int8 takes float32, and
            so does every one on a processor that adds 8-bit products wrong.
        threads: of one call.

    Raises:
        FileNotFoundError, ValueError: not a codec folder, without graphs, or with those of something else.
    """
    folder = Path(folder)
    if precision not in PRECISIONS:
        raise ValueError(f"got precision {precision!r}; without torch expected one of {', '.join(PRECISIONS)}")
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} is not a codec folder: no {name}")
    decoder = Session(decoder_path(folder, precision), threads)
    if decoder.facts.weights != digest(folder / "model.safetensors"):
        raise ValueError(f"the graphs in {folder} belong to other weights; run lfsc-tts export-onnx again")
    values = json.loads((folder / "config.json").read_text("utf-8"))
    sharpness = values.get("vocoder_sharpness", 0.0)  # what decodes depends on it, and no weight does
    if sharpness != decoder.facts.vocoder_sharpness:
        made = f"were made for vocoder_sharpness={decoder.facts.vocoder_sharpness}"
        raise ValueError(f"the graphs in {folder} {made}, config.json has {sharpness}; run lfsc-tts export-onnx again")
    licence = Licence.from_dict(values["licence"]) if "licence" in values else None
    return FAMILIES[decoder.facts.family](decoder, folder / "encode-float32.onnx", threads, licence)


def decoder_path(folder: Path, precision: str) -> Path:
    """The graph that decodes in a precision, or the one in float32.

    Raises:
        FileNotFoundError: there is none.
    """
    path = folder / f"decode-{precision}.onnx"
    if not path.is_file() or (precision == "int8" and not adds_8_bits_exactly()):
        path = folder / "decode-float32.onnx"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no {path.name}; write it with lfsc-tts export-onnx")
    return path


def has_graphs(folder: str | Path) -> bool:
    """Whether a codec folder was exported."""
    return (Path(folder) / "decode-float32.onnx").is_file()


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            found.update(piece)
    return found.hexdigest()
