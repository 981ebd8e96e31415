"""Formats by their names."""

from collections.abc import Callable
from pathlib import Path

from pipelines.formats import shards
from pipelines.formats.content import Content

# Writes files of a shard's NAME into a folder, which exists and may hold those of others; the same bytes every time.
Writer = Callable[[Path, str, Content], None]
WRITERS: dict[str, Writer] = {"safetensors": shards.write}
