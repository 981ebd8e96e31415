"""Weights that a training starts from: what is said where they do not fit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.shared.errors import UserError


@contextmanager
def starting_from(flag: str, path: Path) -> Iterator[None]:
    """While weights of a folder or file are taken over; UserError if they are of networks of other sizes."""
    try:
        yield
    except RuntimeError as error:  # of load_state_dict, a line for each tensor
        first = str(error).split("\n")[1:2] or [str(error)]
        raise UserError(
            f"--{flag}={path} has networks of other sizes than this configuration ({first[0].strip()[:200]}); "
            "name one that was trained with this configuration, or train with that one's"
        ) from error
