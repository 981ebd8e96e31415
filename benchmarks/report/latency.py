"""The table and the plots of benchmarks/latency.py, out of its JSON."""

from typing import Any

from benchmarks.report.environment import origin
from benchmarks.report.markdown import markdown_table
from benchmarks.report.plots import png

LENGTHS = ("short", "medium", "long")
SHOWN_STAGES = ("text", "prefill", "lm", "codec", "write")
RATIOS = ("end_to_end", "lm", "ttfa")
HEAD = (
    *("batch", "text", "voice", "speech, s", "whole, ms: p50 / p90 / p95", "first audio, ms", "LM steps/s", "RTF"),
    *("ratio whole", "ratio LM", "ratio first audio"),
)


def latency_table(report: dict[str, Any]) -> str:
    """One Markdown row for each batch, text and voice; the ratio stands with the second voice."""
    names, settings = report["voices"], report["settings"]
    rows = [
        row_cells(report, batch, length, name)
        for batch, lengths in report["voice"][names[0]].items()
        for length in (length for length in LENGTHS if length in lengths)
        for name in names
    ]
    return (
        f"{markdown_table(HEAD, rows)}\n{stage_table(report)}\n{quality_list(report)}"
        f"Ratios {names[1]} : {names[0]}, [low, high] 95 % bootstrap intervals. {settings['precision']}, "
        f"{settings['threads']} thread(s), {settings['clock']} clock, load {report['environment']['load_average']}. "
        f"{origin(report['environment'])}\n\n    {report['command']}\n"
    )


def row_cells(report: dict[str, Any], batch: str, length: str, name: str) -> list[str]:
    """One voice in one cell of the measurement."""
    found = report["voice"][name][batch][length]
    whole = " / ".join(f"{found['end_to_end'][p] * 1000:.0f}" for p in ("p50", "p90", "p95"))
    cells = [batch.removeprefix("batch_"), length, name, f"{found['audio_s']:.1f}", whole]
    cells += [f"{found['ttfa']['p50'] * 1000:.0f}", f"{found['steps_per_s']:.0f}", f"{found['rtf']:.4f}"]
    for stage in RATIOS:
        ratio = report["ratio"].get(stage, {}).get(batch, {}).get(length)
        second = ratio and name != report["voices"][0]
        cells.append("{median:.2f} [{low:.2f}, {high:.2f}]".format(**ratio) if second else "1")
    return cells


def stage_table(report: dict[str, Any]) -> str:
    """Where the time goes, at the smallest batch and the medium text, or the first there is."""
    batch = next(iter(report["voice"][report["voices"][0]]))
    lengths = report["voice"][report["voices"][0]][batch]
    length = "medium" if "medium" in lengths else next(iter(lengths))
    found = {name: report["voice"][name][batch][length] for name in report["voices"]}
    rows = [[name, *(f"{f[stage]['p50'] * 1000:.1f}" for stage in SHOWN_STAGES)] for name, f in found.items()]
    return markdown_table((f"{batch.replace('_', ' ')}, {length}, ms", *SHOWN_STAGES), rows)


def quality_list(report: dict[str, Any]) -> str:
    """CER and memory, where they were measured."""
    lines = []
    for name, systems in report["cer"].items():
        parts = (f"{s} {c['value']:.2%} [{c['low']:.2%}, {c['high']:.2%}]" for s, c in systems.items())
        lines.append(f"* CER of {name}: {', '.join(parts)}\n")
    for name, megabytes in report["peak_memory_mb"].items():
        lines.append(f"* peak memory of {name}: " + ("unknown" if megabytes is None else f"{megabytes:.0f} MB") + "\n")
    return "".join([*lines, "\n"] if lines else [])


def latency_plot(report: dict[str, Any]) -> bytes:
    """End-to-end latency and time to first audio by length of speech, batch by batch, a PNG."""
    from matplotlib.figure import Figure  # without pyplot, so no display and no global state

    batches = list(report["voice"][report["voices"][0]])
    figure = Figure(figsize=(3.4 * len(batches) + 0.6, 3.4), layout="constrained")
    panels = figure.subplots(1, len(batches), squeeze=False)[0]
    for panel, batch in zip(panels, batches, strict=True):
        for colour, name in enumerate(report["voices"]):
            cells = sorted(report["voice"][name][batch].values(), key=lambda f: f["audio_s"])
            speech = [f["audio_s"] for f in cells]
            for stage, style in (("end_to_end", "o-"), ("ttfa", "s:")):
                label = f"{name}, {'whole' if stage == 'end_to_end' else 'first audio'}"
                panel.plot(speech, [f[stage]["p50"] for f in cells], style, color=f"C{colour}", label=label)
        panel.set(title=batch.replace("_", " "), xlabel="speech, s", ylabel="latency, s (lower is better)")
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=7)
    return png(figure)


def cer_plot(report: dict[str, Any]) -> bytes:
    """CER against real-time factor of both voices at batch 1 and the medium text, a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.4), layout="constrained")
    panel = figure.subplots()
    for colour, name in enumerate(report["voices"]):
        cell = next(iter(report["voice"][name].values()))
        speed = (cell.get("medium") or next(iter(cell.values())))["rtf"]
        for system, marker in (("voice", "o"), ("codec", "^")):
            if cer := report["cer"].get(name, {}).get(system):
                low, high = cer["value"] - cer["low"], cer["high"] - cer["value"]
                error = [[100 * max(low, 0)], [100 * max(high, 0)]]
                panel.errorbar(
                    speed, 100 * cer["value"], error, fmt=marker, color=f"C{colour}", label=f"{name} {system}"
                )
    panel.set(xlabel="real-time factor (lower is faster)", ylabel="character error rate, %")
    panel.set_ylim(bottom=0)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=7)
    return png(figure)
