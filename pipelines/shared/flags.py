"""Flags of argparse that nothing would read beside others, and those whose numbers are out of range."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.shared.errors import UserError
from pipelines.shared.ranges import missed


def given(parser: argparse.ArgumentParser, argv: list[str] | None, names: Sequence[str]) -> str:
    """Which of some flags stand on the command line, for a message: `--format, --ray-workers`; empty for none.

    A flag counts where it says what is its default, too.

    Args:
        parser: of the command line.
        argv: arguments; None = those of this process.
        names: of the flags, as attributes of what the parser returns.
    """
    # What an attribute has already, a default does not replace.
    blank = argparse.Namespace(**dict.fromkeys(vars(parser.parse_args(argv))))
    values = vars(parser.parse_args(argv, blank))
    return ", ".join(flag(name) for name in names if values[name] is not None)


def check_ranges(args: argparse.Namespace, ranges: Mapping[str, Any]) -> None:
    """Raise UserError for a flag that is outside the range that its type states, see pipelines/shared/ranges.py."""
    for name, hint in ranges.items():
        value = getattr(args, name)
        if expected := missed(hint, value):
            raise UserError(f"got {flag(name)} {value}; expected {expected}")


def flag(name: str) -> str:
    """The flag of an attribute."""
    return f"--{name.replace('_', '-')}"
