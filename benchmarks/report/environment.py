"""Where a measurement was made: commit, machine and versions, the same record in every benchmark's JSON."""

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def environment(packages: Iterable[str] = ()) -> dict[str, Any]:
    """Describe this machine and checkout.

    Args:
        packages: distributions to list beside numpy and torch.

    Returns:
        A mapping ready for JSON. `commit` ends in "+changes" when tracked files differ from it and is "unknown"
        outside a checkout; `load_average` (processes, last minute) tells whether timings had the machine to themselves.
    """
    return {
        "commit": commit(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: installed(name) for name in sorted({"numpy", "torch", *packages})},
    }


def origin(found: dict[str, Any]) -> str:
    """One sentence of an `environment`, for below a table: "Commit 0123456789ab, AMD EPYC 9B14, 2026-01-31."."""
    return f"Commit {found['commit']}, {found['cpu']}, {found['date'][:10]}."


def commit() -> str:
    """Commit of this checkout."""
    try:
        found = _git("rev-parse", "--short=12", "HEAD")
        return found + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def cpu_model() -> str:
    """Name of the processor; Linux keeps it in /proc, other systems tell `platform` something coarser."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def installed(package: str) -> str:
    """Version of a distribution, or "absent"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
