"""How many listeners can one machine speak to at once without a gap in what any of them hears?

    python benchmarks/realtime_streams.py
    python benchmarks/realtime_streams.py --streams 16 32 48 64 --seconds 60
    python benchmarks/realtime_streams.py --replay 20 --streams 10 13 16 --seconds 12
    python benchmarks/realtime_streams.py --quick

Every listener plays what arrives as soon as it is due, and asks for another text when one has been heard; they begin
within the first second. An underrun is a piece that comes after the audio before it has ended. First audio is the time
from asking to the first piece. The listeners' own clocks run in the same process.

With --replay the voice waits where it would compute, as if all threads made so many seconds of audio in a second: how
much of that can be promised, measured on a busy machine too.
"""

import argparse
import itertools
import os
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.speakers.replay import Replay  # noqa: E402
from benchmarks.texts.sentence_list import read_sentences  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.speaking.scheduler import Scheduler, Stream  # noqa: E402
from pipelines.speaking.synthesis import TTS  # noqa: E402

TEXT_SENTENCES = 4  # of a text that a listener asks for; some fifteen seconds
HEAD = ("streams", "underruns", "late, s", "first audio, ms: p50 / p95 / p99", "audio, s per s")


@dataclass
class Listeners:
    """What all listeners of one measurement heard."""

    streams: int
    first_s: list[float] = field(default_factory=list)
    audio_s: float = 0.0
    underruns: int = 0
    late_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, stream: Stream, first_s: float, audio_s: float) -> None:
        """Count one text of one listener."""
        with self.lock:
            self.first_s.append(first_s)
            self.audio_s += audio_s
            self.underruns += stream.underruns
            self.late_s += stream.late_s

    def figures(self, elapsed_s: float) -> dict[str, Any]:
        """All as numbers."""
        p50, p95, p99 = (1000 * value for value in np.percentile(self.first_s, [50, 95, 99]))
        return {
            "streams": self.streams,
            "underruns": self.underruns,
            "late_s": self.late_s,
            "first_audio_ms": {"p50": p50, "p95": p95, "p99": p99},
            "audio_per_s": self.audio_s / elapsed_s,
        }


def listen(tts: Any, scheduler: Scheduler, found: Listeners, number: int, sentences: list[str], ends_s: float) -> None:
    """One listener: texts one after the other, each played to its end, until the time is over."""
    dice = random.Random(number)
    time.sleep(dice.random())
    for seed in itertools.count(number):
        if time.monotonic() >= ends_s:
            return
        asked_s, first_s, played_until_s, audio_s = time.monotonic(), 0.0, 0.0, 0.0
        stream = scheduler.submit(tts.pieces([" ".join(dice.sample(sentences, TEXT_SENTENCES))], seed), tts.sample_rate)
        for piece in stream:
            now = time.monotonic()
            first_s = first_s or now - asked_s
            length_s = len(piece.audio) / tts.sample_rate
            audio_s += length_s
            played_until_s = max(played_until_s, now) + length_s
            time.sleep(max(0.0, played_until_s - length_s - now))  # it is taken when its turn to be played has come
        time.sleep(max(0.0, played_until_s - time.monotonic()))
        found.add(stream, first_s, audio_s)


def measure(tts: Any, streams: int, seconds: float, threads: int, sentences: list[str]) -> dict[str, Any]:
    """So many listeners for so long."""
    found, begin = Listeners(streams), time.monotonic()
    with Scheduler(threads) as scheduler:
        listeners = [
            threading.Thread(target=listen, args=(tts, scheduler, found, number, sentences, begin + seconds))
            for number in range(streams)
        ]
        for one in listeners:
            one.start()
        for one in listeners:
            one.join()
    return found.figures(time.monotonic() - begin)


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each number of listeners."""
    cells = [
        [
            str(row["streams"]),
            str(row["underruns"]),
            f"{row['late_s']:.2f}",
            " / ".join(f"{row['first_audio_ms'][p]:.0f}" for p in ("p50", "p95", "p99")),
            f"{row['audio_per_s']:.1f}",
        ]
        for row in rows
    ]
    return markdown_table(HEAD, cells)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--voice", default="heart", help="shipped voice or voice folder, with its graphs")
    parser.add_argument("--streams", type=int, nargs="+", default=[8, 16, 32, 48, 64], help="listeners at once")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="that speak")
    parser.add_argument("--replay", type=float, default=0.0, help="seconds of audio that are made in a second")
    parser.add_argument("--quick", action="store_true", help="two numbers of listeners, five seconds each")
    parser.add_argument("--out", type=Path, default=RESULTS / "realtime-streams", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    if min(args.streams) < 1 or args.threads < 1 or args.seconds <= 0 or args.replay < 0:
        raise UserError("got --streams, --threads or --seconds below 1; expected at least 1 of each")
    streams, seconds = (args.streams[:2], 5.0) if args.quick else (args.streams, args.seconds)

    where = environment(("onnxruntime",))
    tts: Any = TTS.from_pretrained(args.voice, engine="onnx", threads=1)
    sentences = read_sentences()
    tts.synthesize(sentences[0])
    if args.replay:
        texts = [
            " ".join(sentences[start : start + TEXT_SENTENCES])
            for start in range(0, 12 * TEXT_SENTENCES, TEXT_SENTENCES)
        ]
        tts = Replay(tts, texts, args.replay, args.threads)
    rows: list[dict[str, Any]] = []
    for count in streams:
        rows.append(measure(tts, count, seconds, args.threads, sentences))
        print(f"{count} streams: {rows[-1]['underruns']} underruns", flush=True)
    report = {
        "command": command_line("realtime_streams.py", argv),
        "voice": args.voice,
        "threads": args.threads,
        "seconds": seconds,
        "environment": where,
        "rows": rows,
        "most_without_underrun": max((r["streams"] for r in rows if not r["underruns"]), default=0),
    }
    text = (
        f"{table(rows)}\n{args.threads} thread(s), {seconds:.0f} s each. {origin(where)}\n\n    {report['command']}\n"
    )
    write_results(args.out, report, text)
    print(text)


if __name__ == "__main__":
    guard(main)
