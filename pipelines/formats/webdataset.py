"""Tar archives as webdataset reads them. Optional: pip install 'lfsc-tts[formats]'.

A sample is `KEY.codes.npy` int16 [T, K], `KEY.ids.npy` int16 [S], phonemes by the tokenizer, and `KEY.json` with id,
text, speaker and what the codes are of. Keys are the shard's name and a number, without dots, where webdataset would
cut them.
"""

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.formats.content import Content
from speechllm import CodeSpec
from speechllm.data.shards import Example


def write(folder: Path, name: str, content: Content) -> None:
    """Write FOLDER/NAME.tar."""
    from webdataset import TarWriter

    facts = {"spec": asdict(content.spec), "tokenizer": content.tokenizer}
    # By default webdataset writes the present time, and no two files would be the same.
    with (folder / f"{name}.tar").open("wb") as file, TarWriter(file, mtime=0, encoder=False) as tar:
        for number, (one, text, speaker) in enumerate(
            zip(content.examples, content.texts, content.speakers, strict=True)
        ):
            said = {"id": one.name, "text": text, "speaker": speaker, **facts}
            sample = {"codes.npy": array(one.codes), "ids.npy": array(one.ids), "json": json.dumps(said).encode()}
            tar.write({"__key__": f"{name.replace('.', '_')}_{number:06d}", **sample})


def read(path: Path) -> Content:
    """What `write` wrote; ValueError for anything else."""
    from webdataset import WebDataset

    examples, texts, speakers = [], [], []
    facts: dict[str, Any] = {}
    for sample in WebDataset(str(path), shardshuffle=False, empty_check=False):
        try:
            facts = json.loads(sample["json"])
            codes, ids = tensor(sample["codes.npy"]), tensor(sample["ids.npy"])
            examples.append(Example(facts["id"], ids, codes))
            texts.append(facts["text"])
            speakers.append(facts["speaker"])
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path}: {sample['__key__']} is no utterance with codes ({error})") from None
    if not facts:
        raise ValueError(f"{path} holds no utterance")
    return Content(CodeSpec(**facts["spec"]), facts["tokenizer"], examples, texts, speakers)


def array(values: Tensor) -> bytes:
    """Whole numbers as a file of numpy."""
    stream = io.BytesIO()
    np.save(stream, values.numpy().astype(np.int16), allow_pickle=False)
    return stream.getvalue()


def tensor(data: bytes) -> Tensor:
    """What `array` wrote, int64."""
    return torch.from_numpy(np.load(io.BytesIO(data), allow_pickle=False).astype(np.int64))
