"""Load on a server that speaks OpenAI's API: when its audio is heard, and whether it ever runs out while it is played.

    python benchmarks/serving.py --url http://127.0.0.1:8880
    python benchmarks/serving.py --streams 1 8 16 --seconds 120
    python benchmarks/serving.py --rate 0.5 2 8 --leave 0.2

Closed loop (`--streams`): so many listeners, each asks for a text, plays it to its end and asks for another. Open loop
(`--rate`): requests arrive at random (Poisson), that many a second, whatever the server does with them. Each has a
playback clock: it starts at the first audio that is not silence, and an underrun is audio that comes after its turn.
What is asked for is pcm, of which the length is known at every byte. The load runs in this process and needs a part of
the machine too.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.texts.sentence_list import read_sentences  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

BYTES = 2  # of a sample
QUIET = 64  # of 32768; below it nothing is heard
TEXT_SENTENCES = 3
SLACK_S = 0.01  # of a sound card's buffer; what comes later than that is an underrun
HEAD = ("load", "answers", "first audio, ms: p50 / p95 / p99", "underruns", "late, s", "429", "errors", "left")


@dataclass
class Load:
    """What was heard under one load."""

    name: str
    first_s: list[float] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)  # answers, underruns, refused, errors, left
    late_s: float = 0.0
    audio_s: float = 0.0

    def figures(self) -> dict[str, Any]:
        """All as numbers."""
        cuts = [1000 * float(value) for value in np.percentile(self.first_s or [np.nan], [50, 95, 99])]
        first = dict(zip(("p50", "p95", "p99"), cuts, strict=True))
        return {
            "load": self.name,
            "first_audio_ms": first,
            "late_s": self.late_s,
            "audio_s": self.audio_s,
            **{name: self.counts[name] for name in ("answers", "underruns", "refused", "errors", "left")},
        }


@dataclass
class Player:
    """The playback clock of one answer.

    Args:
        rate: Hz.
        asked_s: when it was asked for.
    """

    rate: int
    asked_s: float
    first_s: float = 0.0
    ends_s: float = 0.0  # when what has come will have been played
    samples: int = 0
    underruns: int = 0
    late_s: float = 0.0
    odd: bytes = b""

    def take(self, data: bytes, now_s: float) -> None:
        """Some bytes of audio."""
        data = self.odd + data
        whole = len(data) // BYTES * BYTES
        audio, self.odd = np.frombuffer(data[:whole], "<i2"), data[whole:]
        if not self.first_s:
            heard = np.flatnonzero(np.abs(audio.astype(np.int32)) > QUIET)
            if not len(heard):
                self.samples += len(audio)
                return
            self.first_s, self.ends_s = now_s - self.asked_s, now_s
        elif now_s > self.ends_s + SLACK_S:
            self.underruns += 1
            self.late_s += now_s - self.ends_s
            self.ends_s = now_s
        self.samples += len(audio)
        self.ends_s += len(audio) / self.rate


class Connection:
    """A request over HTTP/1.1, as little of it as is needed: a client's own work would be measured too."""

    def __init__(self, url: str, key: str):
        parts = urlsplit(url)
        self.host, self.port, self.path = parts.hostname or "", parts.port or 80, parts.path.rstrip("/")
        self.key = key

    async def ask(self, body: dict[str, Any]) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter]:
        """Status, and the answer to read."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        data = json.dumps(body).encode()
        lines = [f"POST {self.path}/v1/audio/speech HTTP/1.1", f"Host: {self.host}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(data)}", f"Authorization: Bearer {self.key}", "Connection: close", "", ""]
        writer.write("\r\n".join(lines).encode() + data)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        if b"transfer-encoding: chunked" not in head.lower() and b" 200 " in head[:20]:
            raise UserError("the server sends an answer that is not chunked; expected one that streams")
        return int(head.split(b" ", 2)[1]), reader, writer


async def chunk(reader: asyncio.StreamReader) -> bytes:
    """The next chunk of a chunked answer, empty at its end; IncompleteReadError if it was cut."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:size]


async def listen(connection: Connection, load: Load, body: dict[str, Any], rate: int, leave_s: float) -> None:
    """One answer, played to its end, or left in its middle."""
    player = Player(rate, time.monotonic())
    try:
        status, reader, writer = await connection.ask(body)
        try:
            if status != 200:
                load.counts["refused" if status == 429 else "errors"] += 1
                await asyncio.sleep(1.0)  # as it is told
                return
            while data := await chunk(reader):
                player.take(data, time.monotonic())
                if leave_s and player.samples > leave_s * rate:
                    load.counts["left"] += 1
                    return
            load.counts["answers"] += 1
        finally:
            writer.close()
            note(load, player)
    except (OSError, asyncio.IncompleteReadError):
        load.counts["errors"] += 1
        return
    await asyncio.sleep(max(0.0, player.ends_s - time.monotonic()))


def note(load: Load, player: Player) -> None:
    """Count what one listener heard."""
    if player.first_s:
        load.first_s.append(player.first_s)
    load.counts["underruns"] += player.underruns
    load.late_s += player.late_s
    load.audio_s += player.samples / player.rate


class Asker:
    """Texts, voices and those who leave, as a seed has them."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.sentences = args, read_sentences()
        self.connection = Connection(args.url, args.key)

    async def ask(self, load: Load, dice: random.Random) -> None:
        """One request."""
        text = " ".join(dice.sample(self.sentences, TEXT_SENTENCES))
        body = {"model": "tts-1", "voice": self.args.voice, "input": text, "response_format": "pcm"}
        leave_s = dice.uniform(0.5, 5.0) if dice.random() < self.args.leave else 0.0
        await listen(self.connection, load, body, self.args.sample_rate, leave_s)

    async def closed(self, streams: int) -> Load:
        """So many listeners."""
        load, until_s = Load(f"{streams} streams"), time.monotonic() + self.args.seconds

        async def one(number: int) -> None:
            dice = random.Random(self.args.seed * 1000 + number)
            await asyncio.sleep(dice.random())
            while time.monotonic() < until_s:
                await self.ask(load, dice)

        await asyncio.gather(*(one(number) for number in range(streams)))
        return load

    async def opened(self, rate: float) -> Load:
        """So many requests a second."""
        load, until_s, dice = (
            Load(f"{rate:g} requests/s"),
            time.monotonic() + self.args.seconds,
            random.Random(self.args.seed),
        )
        tasks = []
        while time.monotonic() < until_s:
            tasks.append(asyncio.ensure_future(self.ask(load, random.Random(dice.random()))))
            await asyncio.sleep(dice.expovariate(rate))
        await asyncio.gather(*tasks)
        return load


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
        ]
        for row in rows
    ]
    return markdown_table(HEAD, cells)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8880", help="of the server, without /v1")
    parser.add_argument("--key", default="none", help="of the API")
    parser.add_argument("--voice", default="alloy")
    parser.add_argument("--sample-rate", type=int, default=24_000, help="Hz, of the server's pcm")
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 4, 8, 16], help="listeners at once")
    parser.add_argument("--rate", type=float, nargs="*", default=[], help="requests a second")
    parser.add_argument("--leave", type=float, default=0.0, help="share of listeners who go in the middle")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each load")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "serving", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    if min([1, *args.streams]) < 1 or min([1.0, *args.rate]) <= 0 or args.seconds <= 0 or not 0 <= args.leave <= 1:
        raise UserError(
            "got --streams, --rate or --seconds of 0 or less, or --leave beyond 1; expected more, or 0 to 1"
        )
    return args


async def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """All loads, one after the other; after a request that warms up."""
    asker = Asker(args)
    warm = Load("warm-up")
    await asker.ask(warm, random.Random(0))
    if warm.counts["errors"]:
        raise UserError(f"no answer from {args.url}; start a server with: lfsc-tts serve")
    rows = []
    for load in [*args.streams, *args.rate]:
        found = await (asker.opened(load) if isinstance(load, float) else asker.closed(load))
        rows.append(found.figures())
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    return rows


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    where, rows = environment(("fastapi", "uvicorn", "onnxruntime")), asyncio.run(measure(args))
    report = {"command": command_line("serving.py", argv), "seconds": args.seconds, "environment": where, "rows": rows}
    text = f"{table(rows)}\n{args.seconds:.0f} s each. {origin(where)}\n\n    {report['command']}\n"
    write_results(args.out, report, text)
    print(text)


if __name__ == "__main__":
    guard(main)
