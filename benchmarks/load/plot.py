"""A picture of loads: when the first audio came, how that is distributed, memory, underruns."""

from typing import Any

import numpy as np

from benchmarks.report.plots import png


def plot(rows: list[dict[str, Any]]) -> bytes:
    """Rows of Load.figures as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ((course, shares), (memory, late)) = plt.subplots(2, 2, figsize=(12, 7), layout="constrained")
    for row in rows:
        times = row["course"]
        asked, first = (np.array([pair[i] for pair in times["first_s"]] or [np.nan]) for i in (0, 1))
        course.plot(asked, 1000 * first, ".", alpha=0.6, label=row["load"])
        shares.plot(np.linspace(0, 100, len(first)), np.sort(1000 * first), label=row["load"])
        memory.plot(*np.array(times["memory_mb"] or [(np.nan, np.nan)]).T, label=row["load"])
        when = sorted(pair[0] for pair in times["late_s"])
        late.step([0, *when], range(len(when) + 1), where="post", label=row["load"])
    course.set(xlabel="asked for at, s", ylabel="first audio after, ms", yscale="log")
    shares.set(xlabel="share of answers, %", ylabel="first audio within, ms", yscale="log")
    memory.set(xlabel="s", ylabel="memory of the server, MB")
    late.set(xlabel="s", ylabel="underruns so far")
    course.legend(fontsize=8)
    for axis in (course, shares, memory, late):
        axis.grid(alpha=0.3)
    image = png(figure)
    plt.close(figure)
    return image
