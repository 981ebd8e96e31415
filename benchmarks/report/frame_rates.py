"""The table and the plot of benchmarks/frame_rates.py, out of its figures."""

from typing import Any

from benchmarks.report.markdown import markdown_table
from benchmarks.report.plots import png

ENGINES = {"torch": "torch", "onnx": "ONNX Runtime"}
HEAD = (
    *("LM", "engine", "LM steps/s", "LM, ms per s of speech: 21.5 / 86", "codec, ms per s: 21.5 / 86"),
    *("RTF: 21.5 / 86", "LM alone", "first audio", "**whole**"),
)


def table(sizes: dict[str, Any]) -> str:
    """One Markdown row for each size and engine."""
    rows = []
    for name, found in sizes.items():
        for engine, shown in ENGINES.items():
            few, many, ratio = (found[engine][key] for key in ("few", "many", "ratio"))
            rows.append(
                [
                    f"{name}, {found['parameters'] / 1e6:.3g} M",
                    shown,
                    f"{few['steps_per_s']:.0f}",
                    f"{few['lm_ms_per_s']:.1f} / {many['lm_ms_per_s']:.1f}",
                    f"{few['codec_ms_per_s']:.1f} / {many['codec_ms_per_s']:.1f}",
                    f"{few['real_time_factor']:.3f} / {many['real_time_factor']:.3f}",
                    f"{ratio['lm']['median']:.2f} ×",
                    f"{ratio['ttfa']['median']:.2f} ×",
                    "{median:.2f} [{low:.2f}, {high:.2f}] ×".format(**ratio["end_to_end"]),
                ]
            )
    return markdown_table(HEAD, rows)


def plot(sizes: dict[str, Any]) -> bytes:
    """How many times as fast few frames are, by the size of the LM; and what of that time is the codec's. A PNG."""
    from matplotlib.figure import Figure  # without pyplot, so no display and no global state

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    ratios, shares = figure.subplots(1, 2)
    millions = [found["parameters"] / 1e6 for found in sizes.values()]
    for colour, (engine, shown) in enumerate(ENGINES.items()):
        for stage, style, label in (("end_to_end", "o-", "whole"), ("lm", "s:", "LM alone")):
            values = [found[engine]["ratio"][stage]["median"] for found in sizes.values()]
            ratios.plot(millions, values, style, color=f"C{colour}", label=f"{shown}, {label}")
    ratios.axhline(4, color="grey", linewidth=0.8)
    ratios.set(xscale="log", xlabel="parameters of the LM, millions", ylabel="times as fast, 21.5 against 86 fps")
    ratios.set_ylim(bottom=0)
    ratios.legend(fontsize=7)
    bars = [(name, engine, found[engine]["few"]) for name, found in sizes.items() for engine in ENGINES]
    labels = [f"{name.split(',')[0]}\n{engine}" for name, engine, _ in bars]
    codec = [few["codec_ms_per_s"] / (10 * few["real_time_factor"]) for _, _, few in bars]
    shares.bar(labels, codec, color="C2")
    shares.set(ylabel="share of the codec at 21.5 fps, %", ylim=(0, 100))
    shares.tick_params(axis="x", labelsize=7)
    return png(figure)
