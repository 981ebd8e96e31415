"""Load on a server that speaks OpenAI's API: when its audio is heard, and whether it ever runs out while it is played.

    python benchmarks/serving.py --url http://127.0.0.1:8880 --pid 4711
    python benchmarks/serving.py --streams 1 8 16 --seconds 120
    python benchmarks/serving.py --streams --rate 0.5 2 8 --leave 0.2

Closed loop (`--streams`): so many listeners, each asks for a text, plays it to its end and asks for another. Open loop
(`--rate`): requests arrive at random (Poisson), that many a second, whatever the server does with them. Each has a
playback clock: it starts at the first audio that is not silence, and an underrun is audio that comes after its turn.
What is asked for is pcm, of which the length is known at every byte. The load runs in this process and needs a part of
the machine too. With `--pid` the memory of the server is watched, on this machine.
"""

import argparse
import asyncio
import contextlib
import math
import random
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load.connection import Connection  # noqa: E402
from benchmarks.load.memory import resident_mb, watch  # noqa: E402
from benchmarks.load.playback import Load, Player  # noqa: E402
from benchmarks.load.plot import plot  # noqa: E402
from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.texts.sentence_list import read_sentences  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

TEXT_SENTENCES = 3
REFUSED_S = 1.0  # until somebody who was refused, or cut off, asks for something else
HEAD = (
    *("load", "answers", "first audio, ms: p50 / p95 / p99", "underruns", "late, s", "429", "errors", "left"),
    "memory, MB: first / last / most",
)


async def listen(connection: Connection, load: Load, body: dict[str, Any], rate: int, leave_s: float) -> float:
    """One answer, or the beginning of one. Returns when it will have been played, on the clock of time.monotonic."""
    player = Player(rate, time.monotonic())
    try:
        answer = await connection.ask(body)
        try:
            if answer.status != 200:
                load.counts["refused" if answer.status in (429, 503) else "errors"] += 1
                return player.asked_s + REFUSED_S
            async with contextlib.aclosing(answer.parts()) as parts:
                async for data in parts:
                    player.take(data, time.monotonic())
                    if leave_s and player.samples > leave_s * rate:
                        load.counts["left"] += 1
                        return 0.0
            load.counts["answers"] += 1
        finally:
            answer.close()
            load.note(player)
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        load.counts["errors"] += 1
        return max(player.ends_s, player.asked_s + REFUSED_S)
    return player.ends_s


class Asker:
    """Texts, voices and those who leave, as a seed has them."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.sentences = args, read_sentences()
        self.connection = Connection(args.url, args.key)

    async def ask(self, load: Load, dice: random.Random) -> float:
        """One request; see `listen`."""
        text = " ".join(dice.sample(self.sentences, TEXT_SENTENCES))
        body = {"model": self.args.model, "voice": self.args.voice, "input": text, "response_format": "pcm"}
        leave_s = dice.uniform(0.5, 5.0) if dice.random() < self.args.leave else 0.0
        return await listen(self.connection, load, body, self.args.sample_rate, leave_s)

    async def closed(self, streams: int, load: Load) -> None:
        """So many listeners."""

        async def one(number: int) -> None:
            dice = random.Random(self.args.seed * 1000 + number)
            await asyncio.sleep(dice.random())
            while time.monotonic() < load.begin_s + self.args.seconds:
                await asyncio.sleep(await self.ask(load, dice) - time.monotonic())

        await asyncio.gather(*(one(number) for number in range(streams)))

    async def opened(self, rate: float, load: Load) -> None:
        """So many requests a second."""
        dice, tasks = random.Random(self.args.seed), []
        while time.monotonic() < load.begin_s + self.args.seconds:
            tasks.append(asyncio.ensure_future(self.ask(load, random.Random(dice.random()))))
            await asyncio.sleep(dice.expovariate(rate))
        await asyncio.gather(*tasks)


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each load."""
    cells = [
        [
            row["load"],
            str(row["answers"]),
            " / ".join(f"{row['first_audio_ms'][p]:.0f}" for p in ("p50", "p95", "p99")),
            str(row["underruns"]),
            f"{row['late_s']:.2f}",
            *(str(row[name]) for name in ("refused", "errors", "left")),
            " / ".join(f"{value:.0f}" for value in (row["memory_mb"] or {}).values()) or "–",
        ]
        for row in rows
    ]
    return markdown_table(HEAD, cells)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8880", help="of the server")
    parser.add_argument("--key", default="none", help="of the API")
    parser.add_argument("--model", default="tts-1")
    parser.add_argument("--voice", default="alloy")
    parser.add_argument("--pid", type=int, default=0, help="of the server, whose memory is watched")
    parser.add_argument("--sample-rate", type=int, default=24_000, help="Hz, of the server's pcm")
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 4, 8, 16], help="listeners at once")
    parser.add_argument("--rate", type=float, nargs="*", default=[], help="requests a second")
    parser.add_argument("--leave", type=float, default=0.0, help="share of listeners who go in the middle")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each load")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "serving", help="for OUT.json, .md and .png")
    args = parser.parse_args(argv)
    for flag in ("streams", "rate", "seconds", "sample_rate"):
        found = getattr(args, flag)
        for value in found if isinstance(found, list) else [found]:
            if not 0 < value < math.inf:  # false for NaN
                raise UserError(f"got --{flag.replace('_', '-')} {value}; expected more than 0")
    if not 0 <= args.leave <= 1:
        raise UserError(f"got --leave {args.leave}; expected 0 to 1")
    return args


async def watched(args: argparse.Namespace, load: Load, work: Awaitable[None]) -> dict[str, Any]:
    """The figures of a load, memory among them."""
    watching = asyncio.ensure_future(watch(args.pid, load))
    try:
        await work
    finally:
        watching.cancel()
    return load.figures()


async def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """All loads, one after the other; after a request that warms up."""
    asker = Asker(args)
    warm = Load("warm-up")
    await asker.ask(warm, random.Random(0))
    if not warm.first_s:
        raise UserError(f"no speech from {args.url}; start a server with: lfsc-tts serve")
    rows = []
    for streams in args.streams:
        load = Load(f"{streams} streams")
        rows.append(await watched(args, load, asker.closed(streams, load)))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    for rate in args.rate:
        load = Load(f"{rate:g} requests/s")
        rows.append(await watched(args, load, asker.opened(rate, load)))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    return rows


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    if args.pid:
        resident_mb(args.pid)  # says so if there is none
    where, rows = environment(("fastapi", "uvicorn", "onnxruntime")), asyncio.run(measure(args))
    report = {"command": command_line("serving.py", argv), "seconds": args.seconds, "environment": where, "rows": rows}
    text = f"{table(rows)}\n{args.seconds:.0f} s each. {origin(where)}\n\n    {report['command']}\n"
    write_results(args.out, report, text, {".png": plot(rows)})
    print(text)


if __name__ == "__main__":
    guard(main)
