"""More lines than fit in memory, sorted: in runs that do, which are written and merged."""

import contextlib
import heapq
import itertools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

RUN_LINES = 250_000  # of one run, some 300 MB of Python objects
BUFFER = 2**18  # bytes read at once from each run


def sorted_lines(lines: Iterable[bytes], folder: Path, run_lines: int = RUN_LINES) -> Iterator[bytes]:
    """Lines, each with its newline, in the order of their bytes.

    Args:
        lines: to be sorted.
        folder: where temporary files may lie, as many bytes as the lines have; they are gone at the end.
        run_lines: sorted at once in memory.
    """
    with contextlib.ExitStack() as stack:
        files = []
        source = iter(lines)
        while run := sorted(itertools.islice(source, run_lines)):
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=BUFFER))
            file.writelines(run)
            file.seek(0)
            files.append(file)
        yield from heapq.merge(*files)
