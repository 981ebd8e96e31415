"""The families of codecs by name, and an untrained codec out of a configuration."""

from pathlib import Path
from typing import Any

from codec.hifigan.codec import HiFiGANCodec
from codec.interface import Codec
from codec.lite.codec import LiteCodec
from codec.pretrained.yaml_text import parse_mapping

FAMILIES: dict[str, type[Codec]] = {"lite": LiteCodec, "hifigan": HiFiGANCodec}
UNNAMED = "lite"  # the family of a configuration that names none


def family_of(values: dict[str, Any]) -> type[Codec]:
    """The class that a configuration is for.

    Raises:
        ValueError: no such family.
    """
    name = values.get("family", UNNAMED)
    if name not in FAMILIES:
        raise ValueError(f"got codec family {name!r}; expected one of {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]


def from_config(path: str | Path) -> Codec:
    """An untrained codec from the `codec:` section (or the whole) of a YAML file.

    Raises:
        FileNotFoundError, ValueError: no such file, or not the configuration of a codec.
    """
    values = parse_mapping(Path(path).read_bytes(), path)
    values = values.get("codec", values)
    family = family_of(values)
    return family(family.config_type.from_dict(values))
