"""Codecs on disk: folders of config.json and model.safetensors, and what else Codec.from_pretrained takes."""

import json
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file, save_file

from codec.interface import Codec
from codec.pretrained.hub import is_hub_id, load_from_hub
from codec.pretrained.licences import Licence, admit
from codec.pretrained.nemo import load_nemo


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of `key: value` lines.

    Raises:
        FileNotFoundError, ValueError: no such file, or another content.
    """
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} is not a configuration: expected `key: value` lines")
    return values


def family_of(values: dict[str, Any]) -> type[Codec]:
    """The class that a configuration is for."""
    name = values.get("family", "lite")
    if name not in Codec.families:
        raise ValueError(f"got codec family {name!r}; expected one of {', '.join(sorted(Codec.families))}")
    return Codec.families[name]


def build(values: dict[str, Any]) -> Codec:
    """An untrained codec of a configuration."""
    family = family_of(values)
    return family(family.config_type.from_dict(values))


def save_folder(codec: Codec, folder: Path, dtype: torch.dtype) -> None:
    """Write config.json and model.safetensors, whole files or none."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in codec.saved_weights().items()}
    temporary = folder / ".codec.partial"
    save_file(weights, temporary)
    temporary.replace(folder / "model.safetensors")
    values = codec.config.to_dict() | ({"licence": codec.licence.to_dict()} if codec.licence else {})
    temporary.write_text(json.dumps(values, indent=2) + "\n", "utf-8")
    temporary.replace(folder / "config.json")


def load(source: str | Path, commercial: bool | None = None) -> Codec:
    """Read a folder, a .nemo file or a hub id; see Codec.from_pretrained."""
    path = Path(source)
    if path.is_dir():
        return load_folder(path, commercial)
    if path.is_file():
        return load_nemo(path, commercial)
    if is_hub_id(str(source)):
        return load_from_hub(str(source), commercial)
    raise FileNotFoundError(f"{source} is not a codec folder: no such folder, nor a .nemo file, nor a hub id")


def load_folder(folder: Path, commercial: bool | None = None) -> Codec:
    """Read a folder written by save_folder; weights become float32."""
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} is not a codec folder: no {name}")
    try:
        values = json.loads((folder / "config.json").read_text("utf-8"))
        licence = Licence.from_dict(values.pop("licence")) if "licence" in values else None
        family = family_of(values)
        config = family.config_type.from_dict(values)
        admit(licence, folder, commercial)
        codec = family.from_weights(config, load_file(folder / "model.safetensors"))
    except PermissionError:
        raise
    except Exception as error:
        raise ValueError(f"{folder} is not a readable codec: {' '.join(str(error).split())[:600]}") from error
    codec.licence = licence
    return codec.eval()
