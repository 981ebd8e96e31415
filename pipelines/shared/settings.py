"""Configuration of the training scripts: a YAML file, then dotted flags, into a dataclass.

    python pipelines/train_codec.py --config configs/codec/debug.yaml --optim.max_steps=10 --trainer.accelerator=gpu

Precedence: defaults < file < flags. A key nobody knows is an error that names the closest one.
"""

import dataclasses
import difflib
import sys
import types
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from pipelines.shared.files import UserError

Config = TypeVar("Config")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number, as everyone expects."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    __import__("re").compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)$"),
    list("-+0123456789."),
)


def load_yaml(text: str, where: str = "the text") -> Any:
    """Parse YAML safely; `where` it is from is for the error."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506, a SafeLoader
    except yaml.YAMLError as error:
        raise UserError(f"{where} is not readable YAML: {error}") from None


def parse(config_type: type[Config], description: str, argv: list[str] | None = None) -> Config:
    """Build a config from the command line.

    Raises:
        UserError: no such file, a key that does not exist, or a value of the wrong type.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if any(argument in ("-h", "--help") for argument in arguments):
        print(description.strip() + "\n\nflags (defaults):\n" + "\n".join(describe(config_type)))
        sys.exit(0)
    values: dict[str, Any] = {}
    while arguments:
        flag = arguments.pop(0)
        if not flag.startswith("--"):
            raise UserError(f"got {flag!r}; expected --config FILE or --key=value")
        key, equals, text = flag[2:].partition("=")
        if not equals:
            if not arguments:
                raise UserError(f"--{key} has no value; write --{key}=VALUE")
            text = arguments.pop(0)
        if key == "config":
            if not Path(text).is_file():
                raise UserError(f"{text} does not exist; configurations are in configs/")
            loaded = load_yaml(Path(text).read_text("utf-8"), text)
            if not isinstance(loaded, dict):
                raise UserError(f"{text} is not a configuration: expected `key: value` lines")
            merge(values, loaded)
        else:
            nested: Any = load_yaml(text, f"--{key}") if text else None
            for part in reversed(key.split(".")):
                nested = {part: nested}
            merge(values, nested)
    return build(config_type, values)


def merge(base: dict[str, Any], update: dict[str, Any]) -> None:
    """Update nested mappings in place."""
    for key, value in update.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value


def build(config_type: type[Config], values: Any, where: str = "") -> Config:
    """A mapping -> dataclass, strictly."""
    if not isinstance(values, dict):
        raise UserError(f"{where or 'the configuration'} is {values!r}; expected `key: value` pairs")
    hints = get_type_hints(config_type)
    arguments = {}
    for key, value in values.items():
        if key not in hints:
            close = difflib.get_close_matches(str(key), hints, 1)
            hint = f"did you mean {where}{close[0]}?" if close else f"known: {', '.join(hints)}"
            raise UserError(f"unknown key {where}{key}; {hint}")
        arguments[key] = convert(hints[key], value, f"{where}{key}")
    missing = [
        f.name
        for f in dataclasses.fields(config_type)  # type: ignore[arg-type]
        if f.name not in arguments and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UserError(f"missing: {', '.join(f'--{where}{name}' for name in missing)}")
    return config_type(**arguments)


def convert(hint: Any, value: Any, where: str) -> Any:
    """One value to the type its field declares."""
    if dataclasses.is_dataclass(hint):
        return build(hint, value, f"{where}.")  # type: ignore[arg-type]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is types.UnionType:
        return None if value is None else convert(inner[0], value, where)
    if origin is tuple and isinstance(value, list | tuple):
        kinds = inner if inner[-1] is not ... else (inner[0],) * len(value)
        if len(kinds) == len(value):
            return tuple(convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif hint is Path and isinstance(value, str):
        return Path(value)
    elif origin is dict and isinstance(value, dict):  # noqa: SIM114, two cases that happen to end alike
        return value
    elif isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise UserError(f"{where} is {value!r}; expected {getattr(hint, '__name__', hint)}")


def describe(config_type: Any, where: str = "") -> list[str]:
    """One line for each flag, for --help."""
    lines = []
    hints = get_type_hints(config_type)
    for field in dataclasses.fields(config_type):
        kind = hints[field.name]
        if dataclasses.is_dataclass(kind):
            lines += describe(kind, f"{where}{field.name}.")
        else:
            default = field.default if field.default is not dataclasses.MISSING else "required"
            if field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            lines.append(f"  --{where}{field.name}={default}")
    return lines
