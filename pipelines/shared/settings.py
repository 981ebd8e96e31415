"""Configuration of the training scripts: a YAML file, then dotted flags, into a dataclass.

    python pipelines/train_codec.py --config codec/debug --optim.max_steps=10 --trainer.accelerator=gpu

Precedence: defaults < file < flags. A key nobody knows is an error that names the closest one, and so is a number
outside the range that the type of its field states, see pipelines/shared/ranges.py.
"""

import dataclasses
import difflib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from pipelines.shared.errors import UserError
from pipelines.shared.ranges import UNIONS, missed
from pipelines.shared.resources import find_config

Config = TypeVar("Config")
HELP = ("-h", "--help")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number, as everyone expects."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)$"),
    list("-+0123456789."),
)


def load_yaml(text: str, where: str = "the text") -> Any:
    """Parse YAML safely; `where` it is from is for the error."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506, a SafeLoader
    except yaml.YAMLError as error:
        raise UserError(f"{where} is not readable YAML: {error}") from None


def parse(
    config_type: type[Config], description: str, argv: list[str] | None = None, prog: str | None = None
) -> Config:
    """Build a config from the command line.

    Args:
        config_type: dataclass of the config.
        description: shown by --help.
        argv: arguments; None = those of this process.
        prog: how the command is called; None = as this process was.

    Raises:
        UserError: no such file, a key that does not exist, or a value of the wrong type or out of range.
    """
    return parse_chosen(lambda values: config_type, description, argv, prog)


def parse_chosen(
    choose: Callable[[dict[str, Any]], type[Config]],
    description: str,
    argv: list[str] | None = None,
    prog: str | None = None,
) -> Config:
    """`parse` where the type of the config depends on what is in it: `choose` gets the merged file and flags."""
    arguments = sys.argv[1:] if argv is None else argv
    values = read([argument for argument in arguments if argument not in HELP])
    config_type = choose(values)
    if any(argument in HELP for argument in arguments):
        print(f"usage: {prog or Path(sys.argv[0]).name} [--config FILE or shipped name] [--key=value ...]\n")
        print(description.strip() + "\n\nflags (defaults):\n" + "\n".join(describe(config_type)))
        sys.exit(0)
    return build(config_type, values)


def read(arguments: list[str]) -> dict[str, Any]:
    """Files and flags as one nested mapping, later ones over earlier ones."""
    values: dict[str, Any] = {}
    remaining = iter(arguments)
    for flag in remaining:
        if not flag.startswith("--"):
            raise UserError(f"got {flag!r}; expected --config FILE or --key=value")
        key, equals, text = flag[2:].partition("=")
        if not equals:
            given = next(remaining, None)
            if given is None:
                raise UserError(f"--{key} has no value; write --{key}=VALUE")
            text = given
        merge(values, read_file(find_config(text)) if key == "config" else read_flag(key, text))
    return values


def read_file(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    loaded = load_yaml(path.read_text("utf-8"), str(path))
    if not isinstance(loaded, dict):
        raise UserError(f"{path} is not a configuration: expected `key: value` lines")
    return loaded


def read_flag(key: str, text: str) -> dict[str, Any]:
    """`optim.max_steps`, `10` -> {"optim": {"max_steps": 10}}; no text is no value."""
    nested: Any = load_yaml(text, f"--{key}") if text else None
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return nested


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
    hints = get_type_hints(config_type, include_extras=True)
    arguments = {}
    for key, value in values.items():
        if key not in hints:
            close = difflib.get_close_matches(str(key), hints, 1)
            hint = f"did you mean {where}{close[0]}?" if close else f"known: {', '.join(hints)}"
            raise UserError(f"unknown key {where}{key}; {hint}")
        arguments[key] = convert(hints[key], value, f"{where}{key}")
        if expected := missed(hints[key], arguments[key]):
            raise UserError(f"got --{where}{key}={value}; expected {expected}")
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
    if origin is Annotated:
        return convert(inner[0], value, where)
    if origin in UNIONS:
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
