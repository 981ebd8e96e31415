"""Lhotse Shar as NeMo's Magpie-TTS reads it. Optional: pip install 'lfsc-tts[formats]'.

`cuts/cuts.NAME.jsonl.gz` and `codes_21fps/target_codes/codes.NAME.tar`, with the same cuts in the same order; 21 is the
frame rate. Codes are a TemporalArray int32 [K, T]. Time is counted as NeMo counts it: at 21.5 frames a second a frame
lasts 0.0465116 s there, although it is 1024 / 22050 = 0.0464399 s.

With contexts there is `codes_21fps/context_codes/codes.NAME.tar` too: for each cut the codes of another utterance of
its speaker, from which NeMo cuts the prompt that says whose voice to speak in.
"""

import glob
import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import torch

from pipelines.formats.content import Content
from speechllm import CodeSpec
from speechllm.data.shards import Example

UNKNOWN = "", "unknown"  # speakers who may be many
NEMO_SHIFT_S = {21: 0.0465116}  # by whole frames a second


def frame_shift_s(spec: CodeSpec) -> float:
    """How long NeMo says that a frame lasts."""
    return NEMO_SHIFT_S.get(int(spec.frame_rate), 1 / spec.frame_rate)


def codes_path(folder: Path, name: str, frames_per_s: int, field: str = "target_codes") -> Path:
    """The archive of codes of a shard."""
    return folder / f"codes_{frames_per_s}fps/{field}/codes.{name}.tar"


def key_of(one: Example) -> str:
    """What a cut is called, and its files in the archives."""
    return quote(one.name, safe="")


def write(folder: Path, name: str, content: Content, context: int | None = None) -> None:
    """Write cuts and codes of a shard; nothing in them depends on the time.

    Args:
        folder: of the shards.
        name: of the shard.
        content: see Content.
        context: seed by which `contexts_of` chooses; None = no contexts are written.
    """
    from lhotse import MonoCut, SupervisionSegment

    shift_s, frames_per_s = frame_shift_s(content.spec), int(content.spec.frame_rate)
    cuts = folder / f"cuts/cuts.{name}.jsonl.gz"
    cuts.parent.mkdir(parents=True, exist_ok=True)
    facts = {"spec": asdict(content.spec), "tokenizer": content.tokenizer}
    with cuts.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as lines:
        for one, text, speaker in zip(content.examples, content.texts, content.speakers, strict=True):
            key, duration_s = key_of(one), len(one.codes) * shift_s
            said = SupervisionSegment(key, key, 0.0, duration_s, text=text, speaker=speaker)
            more = {"ids": one.ids.tolist(), **facts}
            cut = MonoCut(key, 0.0, duration_s, channel=0, supervisions=[said], custom=more)
            lines.write(f"{json.dumps(cut.to_dict())}\n".encode())
    write_codes(codes_path(folder, name, frames_per_s), content.examples, content.examples, shift_s)
    if context is not None:
        path = codes_path(folder, name, frames_per_s, "context_codes")
        write_codes(path, content.examples, contexts_of(content, context), shift_s)


def write_codes(path: Path, cuts: Sequence[Example], codes: Sequence[Example | None], shift_s: float) -> None:
    """Write an archive with the codes of some utterance, or of none, for each cut."""
    from lhotse.array import Array, TemporalArray
    from lhotse.shar.writers.array import ArrayTarWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    with ArrayTarWriter(str(path), shard_size=None) as archive:
        for cut, one in zip(cuts, codes, strict=True):
            if one is None:
                archive.write_placeholder(key_of(cut))
                continue
            values = one.codes.T.contiguous().numpy().astype(np.int32)
            array = Array("shar", "", "", list(values.shape))
            archive.write(key_of(cut), values, TemporalArray(array, temporal_dim=1, frame_shift=shift_s, start=0))


def contexts_of(content: Content, seed: int) -> list[Example | None]:
    """For each utterance another one of its speaker in the same shard.

    Which one follows from the seed, its name and the names of the others. None where there is no other, or nobody knows
    the speaker.
    """
    of_speaker: dict[str, list[Example]] = {}
    for one, speaker in zip(content.examples, content.speakers, strict=True):
        of_speaker.setdefault(speaker, []).append(one)
    places: dict[str, int] = {}
    for same in of_speaker.values():
        same.sort(key=lambda one: one.name)
        places |= {one.name: place for place, one in enumerate(same)}
    found: list[Example | None] = []
    for one, speaker in zip(content.examples, content.speakers, strict=True):
        others = len(of_speaker[speaker]) - 1
        if others < 1 or speaker in UNKNOWN:
            found.append(None)
            continue
        drawn = int(hashlib.sha256(f"{seed} {one.name}".encode()).hexdigest(), 16) % others
        found.append(of_speaker[speaker][drawn + (drawn >= places[one.name])])
    return found


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
