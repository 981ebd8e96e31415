"""A training of several processes on this machine (gloo, on a CPU), forked so that they have their libraries."""

import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from pipelines.shared.errors import guard

PATIENCE_S = 600


Main: TypeAlias = Callable[[list[str]], None]


def together(main: Main, arguments: list[str], count: int, said: Path, killed: bool = False) -> None:
    """Run main in `count` processes, to its end or until it kills itself; what they say goes to files beside `said`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    files = [said.with_name(f"{said.name}.{rank}") for rank in range(count)]
    args = [(main, [*arguments, f"--trainer.devices={count}"], rank, port, file) for rank, file in enumerate(files)]
    started = [context.Process(target=one, args=each) for each in args]
    for process in started:
        process.start()
    for process in started:
        process.join(PATIENCE_S)
    codes = [process.exitcode for process in started]
    for process in started:
        process.kill()
    heard = [file.read_text("utf-8", "replace")[-3000:] for file in files]
    assert codes == [-signal.SIGKILL if killed else 0] * count, (codes, *heard)


def one(main: Main, arguments: list[str], rank: int, port: int, said: Path) -> None:
    """A process of it."""
    with open(said, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
    os.environ["LFSC_TRACEBACK"] = "1"
    guard(lambda: main(arguments))
