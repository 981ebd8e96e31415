"""Memory of the process that asks."""

import resource
from pathlib import Path

from pipelines.shared.errors import UserError


def peak_mib() -> float:
    """The most resident memory this process has had, MiB.

    Linux counts in getrusage what the parent had before this program was started; /proc does not.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line[:6] == "VmHWM:") / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def own_bytes() -> int:
    """Resident memory that this process shares with nobody and with no file; UserError where nothing says it."""
    rollup = Path("/proc/self/smaps_rollup")
    if not rollup.is_file():
        raise UserError(f"{rollup} does not exist; expected Linux, where it says what memory is a process's own")
    return next(int(line.split()[1]) for line in rollup.read_text().splitlines() if line[:10] == "Anonymous:") * 1024
