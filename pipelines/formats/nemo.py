"""Lhotse Shar as NeMo's Magpie-TTS reads it. Optional: pip install 'lfsc-tts[formats]'.

`cuts/cuts.NAME.jsonl.gz` and `codes_21fps/target_codes/codes.NAME.tar`, with the same cuts in the same order; 21 is the
frame rate. Codes are a TemporalArray int32 [K, T]. Time is counted as NeMo counts it: at 21.5 frames a second a frame
lasts 0.0465116 s there, although it is 1024 / 22050 = 0.0464399 s.
"""

import glob
import gzip
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import torch

from pipelines.formats.content import Content
from speechllm import CodeSpec
from speechllm.data.shards import Example

NEMO_SHIFT_S = {21: 0.0465116}  # by whole frames a second


def frame_shift_s(spec: CodeSpec) -> float:
    """How long NeMo says that a frame lasts."""
    return NEMO_SHIFT_S.get(int(spec.frame_rate), 1 / spec.frame_rate)


def codes_path(folder: Path, name: str, frames_per_s: int) -> Path:
    """The archive of codes of a shard."""
    return folder / f"codes_{frames_per_s}fps/target_codes/codes.{name}.tar"


def write(folder: Path, name: str, content: Content) -> None:
    """Write cuts and codes of a shard; nothing in them depends on the time."""
    from lhotse import MonoCut, SupervisionSegment
    from lhotse.array import Array, TemporalArray
    from lhotse.shar.writers.array import ArrayTarWriter

    shift_s = frame_shift_s(content.spec)
    tar, cuts = codes_path(folder, name, int(content.spec.frame_rate)), folder / f"cuts/cuts.{name}.jsonl.gz"
    tar.parent.mkdir(parents=True, exist_ok=True)
    cuts.parent.mkdir(parents=True, exist_ok=True)
    facts = {"spec": asdict(content.spec), "tokenizer": content.tokenizer}
    with (
        cuts.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as lines,
        ArrayTarWriter(str(tar), shard_size=None) as archive,
    ):
        for one, text, speaker in zip(content.examples, content.texts, content.speakers, strict=True):
            key, frames = quote(one.name, safe=""), len(one.codes)  # the name of a file in the archive
            said = SupervisionSegment(key, key, 0.0, frames * shift_s, text=text, speaker=speaker)
            more = {"ids": one.ids.tolist(), **facts}
            cut = MonoCut(key, 0.0, frames * shift_s, channel=0, supervisions=[said], custom=more)
            codes = one.codes.T.contiguous().numpy().astype(np.int32)
            array = Array("shar", "", "", list(codes.shape))
            archive.write(key, codes, TemporalArray(array, temporal_dim=1, frame_shift=shift_s, start=0))
            lines.write(f"{json.dumps(cut.to_dict())}\n".encode())


def read(path: Path) -> Content:
    """What `write` wrote, by the path of its cuts.

    Raises:
        ValueError: cuts without the codes of this project.
    """
    from lhotse import CutSet

    folder, name = path.parents[1], path.name.removeprefix("cuts.").removesuffix(".jsonl.gz")
    found = sorted(folder.glob(f"codes_*fps/target_codes/codes.{glob.escape(name)}.tar"))
    if len(found) != 1:
        raise ValueError(f"{path} has {len(found)} archives of codes; expected one, {codes_path(folder, name, 21)}")
    examples, texts, speakers = [], [], []
    custom: dict[str, Any] = {}
    for cut in CutSet.from_shar(fields={"cuts": [str(path)], "target_codes": [str(found[0])]}):
        custom = cut.custom
        if "spec" not in custom or not cut.supervisions:
            raise ValueError(f"{path}: cut {cut.id} does not say which codec its codes are of, or what is said")
        codes = torch.from_numpy(cut.target_codes.load().astype(np.int64)).T.contiguous()
        examples.append(Example(unquote(cut.id), torch.tensor(custom["ids"]), codes))
        texts.append(cut.supervisions[0].text or "")
        speakers.append(cut.supervisions[0].speaker or "unknown")
    if not examples:
        raise ValueError(f"{path} holds no cuts")
    return Content(CodeSpec(**custom["spec"]), custom["tokenizer"], examples, texts, speakers)
