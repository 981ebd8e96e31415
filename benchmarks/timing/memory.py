"""Peak memory of the process that asks."""

import resource
from pathlib import Path


def peak_mib() -> float:
    """The most resident memory this process has had, MiB.

    Linux counts in getrusage what the parent had before this program was started; /proc does not.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line[:6] == "VmHWM:") / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
