"""The command `lfsc-tts say --list-voices`: who can speak, and how well it was measured."""

import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.speaking.card import read_card
from pipelines.speaking.speakers import described, shipped

COLUMNS = {"name": "name", "voice": "voice", "sex": "sex", "accent": "accent", "about": "", "cer": "CER", "mos": "MOS"}


def rows() -> Iterator[dict[str, Any]]:
    """Every shipped speaker: what the cards of the voices say."""
    for folder in shipped():
        card = read_card(folder)
        for name, facts in described(folder).items():
            yield {"name": name, "voice": folder.name, **facts}
        if not described(folder):
            figures = {key: card.get("figures", {}).get(key) for key in ("cer", "mos")}
            yield {"name": folder.name, "voice": folder.name, **card.get("speaker_facts", {}), **figures}


def print_voices(as_json: bool) -> None:
    """A table, or with `as_json` a line of JSON for each speaker."""
    if as_json:
        for row in rows():
            print(json.dumps(row, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key, title in COLUMNS.items():
        table.add_column(title, justify="right" if key in ("cer", "mos") else "left", no_wrap=key == "name")
    for row in rows():
        cer, mos = row.get("cer"), row.get("mos")
        shown = row | {"cer": "" if cer is None else f"{100 * cer:.1f} %", "mos": "" if mos is None else f"{mos:.2f}"}
        table.add_row(*(str(shown.get(key) or "") for key in COLUMNS))
    Console().print(table)
    print("Two of one voice blend: --voice a+b@0.4, with the share of b.")
