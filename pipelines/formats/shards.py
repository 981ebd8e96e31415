"""Shards of this project, safetensors, that also know texts and speakers."""

import json
from pathlib import Path

from pipelines.formats.content import Content
from speechllm.data.shards import Shard, write_shard


def write(folder: Path, name: str, content: Content) -> None:
    """Write FOLDER/NAME.safetensors."""
    more = {"texts": json.dumps(list(content.texts)), "speakers": json.dumps(list(content.speakers))}
    path = folder / f"{name}.safetensors"
    write_shard(path, list(content.examples), content.spec, content.tokenizer, {**content.notes, **more})


def read(path: Path) -> Content:
    """What `write` wrote, or write_shard, then with empty texts and speakers called unknown."""
    shard = Shard(path, aligned=False)
    notes = dict(shard.notes)
    texts = json.loads(notes.pop("texts", "null")) or [""] * len(shard)
    speakers = json.loads(notes.pop("speakers", "null")) or ["unknown"] * len(shard)
    examples = [shard[number] for number in range(len(shard))]
    return Content(shard.spec, shard.tokenizer_fingerprint, examples, texts, speakers, notes)
