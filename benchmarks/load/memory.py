"""The memory that a process holds, while it is loaded."""

import asyncio
import time
from pathlib import Path

from benchmarks.load.playback import Load
from pipelines.shared.errors import UserError

EVERY_S = 0.5


def resident_mb(pid: int) -> float:
    """Resident memory of a process, MB.

    Raises:
        UserError: there is no such process, or no /proc.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        raise UserError(f"got --pid {pid}, of which /proc says nothing; expected a process of this machine") from None
    return next((int(line.split()[1]) * 1024 / 1e6 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


async def watch(pid: int, load: Load) -> None:
    """Note it until cancelled; of no process nothing."""
    while pid:
        load.memory_mb.append((time.monotonic() - load.begin_s, resident_mb(pid)))
        await asyncio.sleep(EVERY_S)
