"""Parquet with the columns that public sets of codes have. Optional: pip install 'lfsc-tts[formats]'.

`nano_layer_1` to `nano_layer_K`, lists of whole numbers, one for each codebook; `encoded_len`, their length; `text`,
`speaker`; and of this project `id` and `ids`, the phonemes. The schema's metadata says what the codes are of.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

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
    texts = [text or "" for text in rows["text"]]
    if "ids" not in rows and read_text is None:
        raise ValueError(f"{path} has no column ids; name a tokenizer with --tokenizer")
    names = [str(one) for one in rows.get("id") or (f"{path.stem}_{number:06d}" for number in range(len(texts)))]
    speakers = [str(one) for one in rows.get("speaker") or ["unknown"] * len(texts)]
    examples = []
    for number, (name, text) in enumerate(zip(names, texts, strict=True)):
        try:
            ids = rows["ids"][number] if read_text is None or "ids" in rows else read_text(text)
            codes = codes_of([rows[layer][number] for layer in layers])
        except ValueError as error:
            raise ValueError(f"{path}: row {number}: {error}") from None
        examples.append(Example(name, torch.tensor(ids), codes))
    return Content(spec, facts.get("tokenizer", ""), examples, texts, speakers)


def codes_of(layers: list[Any]) -> Tensor:
    """Codes int64 [T, K] of K lists of whole numbers; ValueError for anything else."""
    try:
        codes = np.array(layers)
    except ValueError:  # of lists of different lengths
        codes = np.array(None)
    if codes.ndim != 2 or codes.dtype.kind != "i":
        raise ValueError("expected lists of whole numbers, of one length in all layers, and one at least")
    return torch.from_numpy(codes.astype(np.int64).T.copy())
