"""The table of benchmarks/latency.py on a configuration of published weights, out of its JSON."""

from typing import Any

from benchmarks.report.environment import origin
from benchmarks.report.markdown import markdown_table

HEAD = (
    *("", "step, ms", "p90, ms", "RTF of the LM"),
    *("× transformers float32", "× its bfloat16", "codes as in float32"),
)


def step_table(report: dict[str, Any]) -> str:
    """One Markdown row for each loop, and what was measured where."""
    rows = [
        [
            *(name, f"{row['step_ms']:.1f}", f"{row['p90_ms']:.1f}", f"{row['real_time_factor']:.2f}"),
            *(f"{row['vs_transformers_float32']:.2f}", f"{row['vs_transformers_bfloat16']:.2f}"),
            f"{row['same_codes']:.0%}",
        ]
        for name, row in report["rows"].items()
    ]
    where, settings = report["environment"], report["settings"]
    return (
        f"{report['parameters'] / 1e6:.0f} M parameters but for the text embedding, one request.\n\n"
        f"{markdown_table(HEAD, rows)}\n"
        f"Medians of {settings['runs']} steps each, in turns; × is against transformers with fused attention. "
        f"{settings['device']}, {settings['threads']} thread(s), load {where['load_average']}. {origin(where)}\n\n"
        f"    {report['command']}\n"
    )
