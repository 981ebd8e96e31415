"""What listeners hear: a playback clock for each answer, and the sum of all under one load."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BYTES = 2  # of a sample
QUIET = 64  # of 32768; below it nothing is heard
SLACK_S = 0.01  # of a sound card's buffer; what comes later than that is an underrun
QUANTILES = {"p50": 50, "p95": 95, "p99": 99}
COUNTS = ("answers", "underruns", "refused", "errors", "left")


@dataclass
class Player:
    """The playback clock of one answer. It starts at the first audio that is not silence.

    Args:
        rate: Hz.
        asked_s: when it was asked for.
    """

    rate: int
    asked_s: float
    first_s: float = 0.0
    ends_s: float = 0.0  # when what has come will have been played
    samples: int = 0
    late: list[tuple[float, float]] = field(default_factory=list)  # underruns: when, and how long
    odd: bytes = b""

    def take(self, data: bytes, now_s: float) -> None:
        """Some bytes of audio."""
        data = self.odd + data
        whole = len(data) // BYTES * BYTES
        audio, self.odd = np.frombuffer(data[:whole], "<i2"), data[whole:]
        self.samples += len(audio)
        if not self.first_s:
            if not (np.abs(audio.astype(np.int32)) > QUIET).any():
                return
            self.first_s, self.ends_s = now_s - self.asked_s, now_s
        elif now_s > self.ends_s + SLACK_S:
            self.late.append((now_s, now_s - self.ends_s))
            self.ends_s = now_s
        self.ends_s += len(audio) / self.rate


@dataclass
class Load:
    """What was heard under one load; times are seconds since it began."""

    name: str
    begin_s: float = field(default_factory=time.monotonic)
    first_s: list[tuple[float, float]] = field(default_factory=list)  # when it was asked for, how long it took
    late_s: list[tuple[float, float]] = field(default_factory=list)  # underruns: when, and how long
    memory_mb: list[tuple[float, float]] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)  # of COUNTS
    audio_s: float = 0.0

    def note(self, player: Player) -> None:
        """Count what one listener heard."""
        if player.first_s:
            self.first_s.append((player.asked_s - self.begin_s, player.first_s))
        self.late_s += [(when - self.begin_s, long) for when, long in player.late]
        self.counts["underruns"] += len(player.late)
        self.audio_s += player.samples / player.rate

    def figures(self) -> dict[str, Any]:
        """All as numbers, and the course of time."""
        firsts = [1000 * first for _, first in self.first_s] or [float("nan")]
        memory = [value for _, value in self.memory_mb]
        return {
            "load": self.name,
            "first_audio_ms": {name: float(np.percentile(firsts, share)) for name, share in QUANTILES.items()},
            "late_s": sum(late for _, late in self.late_s),
            "audio_s": self.audio_s,
            **{name: self.counts[name] for name in COUNTS},
            "memory_mb": {"first": memory[0], "last": memory[-1], "most": max(memory)} if memory else None,
            "course": {"first_s": self.first_s, "late_s": self.late_s, "memory_mb": self.memory_mb},
        }
