"""What the server counts, as Prometheus reads it (text format 0.0.4)."""

import threading
from collections import Counter
from collections.abc import Iterable

BOUNDS = {
    "first_audio_seconds": (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0),
    "real_time_factor": (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
}
HELP = {
    "first_audio_seconds": "From a request's arrival to its first audio, queue included",
    "real_time_factor": "From a request's admission to its last audio, over the audio's length",
    "requests_total": "Answers by status",
    "audio_seconds_total": "Audio that was sent",
    "underruns_total": "Pieces that came after what was sent before could have been played, by estimate",
    "cancelled_total": "Answers whose client went away",
    "streams": "Sessions being spoken",
    "places": "Sessions that may be spoken at once",
    "queue": "Requests that wait",
    "ready": "Whether the server is warm",
}


class Metrics:
    """Counters and histograms; for any thread.

    Args:
        label: of all of them, as Prometheus writes it.
    """

    def __init__(self, label: str = ""):
        self.label, self.lock = label, threading.Lock()
        self.counts: Counter[tuple[str, str]] = Counter()  # by name and label
        self.sums: Counter[str] = Counter()
        self.buckets = {name: [0] * (len(bounds) + 1) for name, bounds in BOUNDS.items()}

    def count(self, name: str, amount: float = 1, label: str = "") -> None:
        """Add to a counter; the label is as Prometheus writes it, such as status="200"."""
        with self.lock:
            self.counts[name, label] += amount  # type: ignore[assignment]

    def observe(self, name: str, value: float) -> None:
        """Add to a histogram of BOUNDS."""
        place = sum(value > bound for bound in BOUNDS[name])
        with self.lock:
            self.buckets[name][place] += 1
            self.sums[name] += value  # type: ignore[assignment]

    def text(self, gauges: dict[str, float]) -> str:
        """Everything, with what is measured at this moment."""
        with self.lock:
            lines = [line for name in BOUNDS for line in self.histogram(name)]
            for name in sorted({name for name, _ in self.counts}):
                found = [(label, value) for (each, label), value in self.counts.items() if each == name]
                lines += self.family(name, "counter", found)
        for name, value in gauges.items():
            lines += self.family(name, "gauge", [("", value)])
        return "\n".join(lines) + "\n"

    def histogram(self, name: str) -> list[str]:
        """One of them."""
        below, found = 0, []
        for bound, count in zip([*map(str, BOUNDS[name]), "+Inf"], self.buckets[name], strict=True):
            below += count
            found.append((f'le="{bound}"', below))
        lines = self.family(name, "histogram", found, "_bucket")
        return [*lines, self.row(f"{name}_sum", "", self.sums[name]), self.row(f"{name}_count", "", below)]

    def family(self, name: str, kind: str, values: Iterable[tuple[str, float]], suffix: str = "") -> list[str]:
        """The lines of one name."""
        rows = [self.row(f"{name}{suffix}", label, value) for label, value in values]
        return [f"# HELP lfsc_tts_{name} {HELP[name]}", f"# TYPE lfsc_tts_{name} {kind}", *rows]

    def row(self, name: str, label: str, value: float) -> str:
        """One line."""
        labels = ",".join(filter(None, [self.label, label]))
        return f"lfsc_tts_{name}{{{labels}}} {value}" if labels else f"lfsc_tts_{name} {value}"
