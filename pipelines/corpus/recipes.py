"""Recipes of public corpora, configs/data/*.yaml: which layout, which parts, under which licence."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipelines.corpus.importing import READERS
from pipelines.shared.errors import UserError
from pipelines.shared.resources import find_config
from pipelines.shared.settings import build, read_file


@dataclass(frozen=True)
class Recipe:
    """How a public corpus is read."""

    layout: str  # one of importing.READERS
    licence: str  # of the recordings and texts
    source: str  # where it is published
    splits: dict  # name of a part: its place below the unpacked corpus


def read_recipe(name: str) -> Recipe:
    """A recipe by name, as `mls-english`, or by its path.

    Raises:
        UserError: there is none, or it is no recipe.
    """
    recipe = build(Recipe, read_file(find_config(name if Path(name).is_file() else f"data/{name}")))
    if recipe.layout not in READERS:
        raise UserError(f"{name}: layout is {recipe.layout!r}; expected one of: {', '.join(READERS)}")
    for split, place in recipe.splits.items():
        if not isinstance(place, str) or PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts:
            raise UserError(f"{name}: split {split} lies at {place!r}; expected a path below the corpus")
    return recipe


def place_of(recipe: Recipe, root: Path, split: str) -> Path:
    """Where a part of a corpus lies; raises UserError for a part that it has not."""
    if split not in recipe.splits:
        raise UserError(f"got --split {split}; expected one of: {', '.join(recipe.splits)}")
    return root / recipe.splits[split]
