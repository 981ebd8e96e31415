"""YAML into a mapping; the only file of the package that knows YAML."""

from typing import Any


def parse_mapping(text: bytes, source: object) -> dict[str, Any]:
    """Parse `key: value` lines in UTF-8; `source` is what messages call them.

    Raises:
        ValueError: not YAML, or another content.
    """
    import yaml  # here, since speaking reads no YAML of a codec and starts sooner without

    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{source} is not readable YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{source} is not a configuration: expected `key: value` lines")
    return values
