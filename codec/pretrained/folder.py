"""Codec folders: config.json, with the licence of the weights, and model.safetensors."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from codec.interface import Codec
from codec.licence import Licence
from codec.pretrained.finite import refuse_not_finite
from codec.pretrained.licences import admit
from codec.pretrained.registry import family_of


def save(codec: Codec, folder: str | Path, dtype: torch.dtype | None = None) -> None:
    """Write a codec folder, whole files or none; the weights as `dtype`, by default that of the family.

    Raises:
        ValueError: a weight is not finite, or too large for `dtype`.
    """
    folder, dtype = Path(folder), dtype or codec.storage
    weights = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in codec.saved_weights().items()}
    refuse_not_finite(weights, f"a codec to be saved as {dtype}")
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".codec.partial"
    save_file(weights, temporary)
    temporary.replace(folder / "model.safetensors")
    values = codec.config.to_dict() | ({"licence": codec.licence.to_dict()} if codec.licence else {})
    temporary.write_text(json.dumps(values, indent=2) + "\n", "utf-8")
    temporary.replace(folder / "config.json")


def load_folder(folder: Path, commercial: bool | None = None) -> Codec:
    """Read a folder written by `save`; weights become float32.

    Raises:
        FileNotFoundError, ValueError, PermissionError: as `codec.load`.
    """
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} is not a codec folder: no {name}")
    try:
        values = json.loads((folder / "config.json").read_text("utf-8"))
        licence = Licence.from_dict(values.pop("licence")) if "licence" in values else None
        family = family_of(values)
        config = family.config_type.from_dict(values)
        admit(licence, folder, commercial)
        weights = load_file(folder / "model.safetensors")
        refuse_not_finite(weights, "model.safetensors")
        codec = family.from_weights(config, weights)
    except PermissionError:
        raise
    except Exception as error:
        raise ValueError(f"{folder} is not a readable codec: {' '.join(str(error).split())[:600]}") from error
    codec.licence = licence
    return codec.eval()
