"""Many names in little memory."""

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np


class Names(Sequence[str]):
    """Names that are letters of one string and 4 bytes each, where a string of Python takes 50 and its place 8.

    Processes that are forked share them, too: nothing in them is counted when it is looked at.
    """

    def __init__(self, names: Iterable[str]):
        parts = [name.encode("utf-8", "surrogatepass") for name in names]
        self.letters = b"".join(parts)
        self.ends = np.cumsum([0, *map(len, parts)]).astype(np.uint32)

    def __len__(self) -> int:
        return len(self.ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]  # raises IndexError, and counts from the end
        return self.letters[self.ends[number] : self.ends[number + 1]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        ends = self.ends.tolist()
        for begin, end in zip(ends, ends[1:], strict=False):
            yield self.letters[begin:end].decode("utf-8", "surrogatepass")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and not isinstance(other, str) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Names({list(self)!r})"


def first_of_two(groups: Sequence[Sequence[str]]) -> tuple[int, int, str] | None:
    """Two groups that have a name in common, or one that has it twice, and that name; None where all are different.

    It takes 16 bytes a name, less than a set of them: first numbers are compared that are the same for the same names.
    """
    counts = [len(group) for group in groups]
    hashes = np.fromiter((hash(name) for group in groups for name in group), np.int64, sum(counts))
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
    begins = np.cumsum([0, *counts])
    seen: dict[str, int] = {}
    for number in np.unique(order[np.concatenate([same, same + 1])]).tolist():
        group = int(np.searchsorted(begins, number, side="right")) - 1
        name = groups[group][number - int(begins[group])]
        if name in seen:
            return seen[name], group, name
        seen[name] = group
    return None
