"""The table and the plots of benchmarks/latency.py, out of its JSON."""

import io
from typing import Any

LENGTHS = ("short", "medium", "long")


def table(report: dict[str, Any]) -> str:
    """One Markdown row for each batch, text and voice; the ratio stands with the second voice."""
    names = report["voices"]
    head = "| batch | text | voice | speech, s | whole, ms: p50 / p90 / p95 | first audio, ms | LM steps/s | RTF "
    lines = [f"{head}| ratio whole | ratio LM | ratio first audio |", "|---" * 11 + "|"]
    for batch, lengths in report["voice"][names[0]].items():
        for length in (name for name in LENGTHS if name in lengths):
            for index, name in enumerate(names):
                f = report["voice"][name][batch][length]
                whole = " / ".join(f"{f['end_to_end'][p] * 1000:.0f}" for p in ("p50", "p90", "p95"))
                cells = [batch.removeprefix("batch_"), length, name, f"{f['audio_s']:.1f}", whole]
                cells += [f"{f['ttfa']['p50'] * 1000:.0f}", f"{f['steps_per_s']:.0f}", f"{f['rtf']:.4f}"]
                for stage in ("end_to_end", "lm", "ttfa"):
                    r = report["ratio"].get(stage, {}).get(batch, {}).get(length)
                    cells.append(f"{r['median']:.2f} [{r['low']:.2f}, {r['high']:.2f}]" if r and index else "1")
                lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *stage_lines(report), *quality_lines(report)]
    where, settings = report["environment"], report["settings"]
    lines += [
        f"Ratios {names[1]} : {names[0]}, [low, high] 95 % bootstrap intervals. {settings['precision']}, "
        f"{settings['threads']} thread(s), {settings['clock']} clock, load {where['load_average']}. "
        f"Commit {where['commit']}, {where['cpu']}, {where['date'][:10]}.",
        "",
        f"    {report['command']}",
    ]
    return "\n".join(lines) + "\n"


def stage_lines(report: dict[str, Any]) -> list[str]:
    """Where the time goes, at the smallest batch and the medium text, or the first there is."""
    batch = next(iter(report["voice"][report["voices"][0]]))
    lengths = report["voice"][report["voices"][0]][batch]
    length = "medium" if "medium" in lengths else next(iter(lengths))
    stages = ("text", "prefill", "lm", "codec", "write")
    lines = [f"| {batch.replace('_', ' ')}, {length}, ms | " + " | ".join(stages) + " |", "|---" * 6 + "|"]
    for name in report["voices"]:
        f = report["voice"][name][batch][length]
        lines.append(f"| {name} | " + " | ".join(f"{f[stage]['p50'] * 1000:.1f}" for stage in stages) + " |")
    return [*lines, ""]


def quality_lines(report: dict[str, Any]) -> list[str]:
    """CER and memory, where they were measured."""
    lines = []
    for name, systems in report["cer"].items():
        parts = (f"{s} {c['value']:.2%} [{c['low']:.2%}, {c['high']:.2%}]" for s, c in systems.items())
        lines.append(f"* CER of {name}: {', '.join(parts)}")
    for name, megabytes in report["peak_memory_mb"].items():
        lines.append(f"* peak memory of {name}: " + ("unknown" if megabytes is None else f"{megabytes:.0f} MB"))
    return [*lines, ""] if lines else []


def figure_bytes(figure: Any) -> bytes:
    """A figure as PNG."""
    image = io.BytesIO()
    figure.savefig(image, dpi=150, metadata={"Software": None})
    return image.getvalue()


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
    return figure_bytes(figure)


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
    return figure_bytes(figure)
