"""Parquet with the columns that public sets of codes have. Optional: pip install 'lfsc-tts[formats]'.

`nano_layer_1` to `nano_layer_K`, lists of whole numbers, one for each codebook; `encoded_len`, their length; `text`,
`speaker`; and of this project `id` and `ids`, the phonemes. The schema's metadata says what the codes are of.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from pipelines.formats.content import Content
from speechllm import CodeSpec
from speechllm.data.shards import Example

FACTS = b"lfsc"


def write(folder: Path, name: str, content: Content) -> None:
    """Write FOLDER/NAME.parquet; the same bytes for one version of pyarrow, which writes its own into the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole, examples = pa.list_(pa.int16()), content.examples
    columns = {
        "id": pa.array([one.name for one in examples], pa.string()),
        "text": pa.array(list(content.texts), pa.string()),
        "speaker": pa.array(list(content.speakers), pa.string()),
        "encoded_len": pa.array([len(one.codes) for one in examples], pa.int32()),
        "ids": pa.array([one.ids.tolist() for one in examples], whole),
    }
    for layer in range(content.spec.num_codebooks):
        columns[f"nano_layer_{layer + 1}"] = pa.array([one.codes[:, layer].tolist() for one in examples], whole)
    facts = json.dumps({"spec": asdict(content.spec), "tokenizer": content.tokenizer})
    table = pa.table(columns).replace_schema_metadata({FACTS: facts.encode()})
    pq.write_table(table, folder / f"{name}.parquet", compression="zstd")


def read(path: Path, spec: CodeSpec | None = None, read_text: Callable[[str], list[int]] | None = None) -> Content:
    """What `write` wrote, or a set of another's codes.

    Args:
        path: of the file.
        spec: of the codec, where the file does not say.
        read_text: text -> ids, where the file has no ids.

    Raises:
        ValueError: it says neither, or has other columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is not parquet ({error})") from None
    facts: dict[str, Any] = json.loads((table.schema.metadata or {}).get(FACTS, b"{}"))
    spec = CodeSpec(**facts["spec"]) if facts else spec
    if spec is None:
        raise ValueError(f"{path} does not say which codec its codes are of; name it with --codec")
    layers = [f"nano_layer_{layer + 1}" for layer in range(spec.num_codebooks)]
    missing = [name for name in (*layers, "text") if name not in table.column_names]
    if missing:
        raise ValueError(f"{path} has no column {missing[0]}; it has {', '.join(table.column_names)}")
    rows = table.to_pydict()
    texts = rows["text"]
    if "ids" not in rows and read_text is None:
        raise ValueError(f"{path} has no column ids; name a tokenizer with --tokenizer")
    ids = rows["ids"] if "ids" in rows else [read_text(text) for text in texts] if read_text else []
    names = rows.get("id") or [f"{path.stem}_{number:06d}" for number in range(len(texts))]
    speakers = [str(one) for one in rows.get("speaker") or ["unknown"] * len(texts)]
    codes = [torch.tensor([rows[name][number] for name in layers]).T.contiguous() for number in range(len(texts))]
    examples = [Example(*parts) for parts in zip(names, map(torch.tensor, ids), codes, strict=True)]
    return Content(spec, facts.get("tokenizer", ""), examples, texts, speakers)
