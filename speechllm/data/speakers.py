"""Whose voice each utterance of a shard has: a file `NAME.speakers` beside `NAME.safetensors`.

It holds a vector float16 [n, C] for each utterance, zeros where none was made, and the speakers' names in its header.
pipelines/encode_speakers.py writes it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from speechllm.data.names import Names
from speechllm.data.shards import Shard, hash_of, write_tensors

LEAST_FRAMES, MOST_FRAMES = 32, 86  # of a recording that says whose voice it is, 1.5 to 4 s at 21.5 frames a second


class ShardSpeakers(NamedTuple):
    """What the file holds."""

    names: Names
    vectors: Tensor  # float16 [n, C]


def path_of(shard: Shard) -> Path:
    """The file of a shard."""
    return shard.path.with_suffix(".speakers")


def write_speakers(shard: Shard, names: Sequence[str], vectors: Tensor) -> None:
    """Store speakers and vectors [n, C] of all utterances of a shard."""
    header = {"names": json.dumps(list(names)), "shard": shard.corpus}
    write_tensors(path_of(shard), {"vectors": vectors.half().contiguous()}, header)


def read_speakers(shard: Shard) -> ShardSpeakers | None:
    """The speakers of a shard; None before there are any.

    Raises:
        ValueError: there are some, of another shard or damaged.
    """
    path = path_of(shard)
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            header, vectors = file.metadata() or {}, file.get_tensor("vectors")
        names = Names(json.loads(header["names"]))
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no speakers ({error}); run encode_speakers.py again") from error
    if header.get("shard") != shard.corpus or not len(names) == len(vectors) == len(shard):
        raise ValueError(f"{path} belongs to another shard, or an older one; run encode_speakers.py again")
    return ShardSpeakers(names, vectors)


class Drawn(NamedTuple):
    """The voice of one example, out of other utterances of its speaker."""

    vector: Tensor | None  # float32 [C]; None where the speaker has no other utterance
    codes: Tensor | None  # int64 [T, K]


class Voices:
    """For an utterance, a vector and a recording of **other** utterances of its speaker.

    A prompt cut from the utterance itself would teach to copy what is said.

    Args:
        shards: opened, each with its speakers.
        indices: the utterances that may be drawn, pairs (shard, number) [n, 2].

    Raises:
        ValueError: a shard without speakers.
    """

    def __init__(self, shards: list[Shard], indices: NDArray[np.int32] | list[tuple[int, int]]):
        found = [read_speakers(shard) for shard in shards]
        bare = [shard.path.name for shard, speakers in zip(shards, found, strict=True) if speakers is None]
        if bare:
            raise ValueError(f"{len(bare)} shards have no speakers ({bare[0]} ...); run encode_speakers.py first")
        self.shards, self.speakers = shards, [one for one in found if one is not None]
        self.dim = self.speakers[0].vectors.shape[1]
        self.members = members_of(self.speakers, np.asarray(indices, np.int32))

    def draw(self, s: int, i: int, rng: np.random.Generator) -> Drawn:
        """A voice for utterance i of shard s."""
        same = self.members.get(self.speakers[s].names[i])
        own = np.zeros(0, np.int64) if same is None else np.flatnonzero((same == (s, i)).all(1))
        others = 0 if same is None else len(same) - len(own)
        if same is None or not others:
            return Drawn(None, None)
        drawn = rng.integers(others, size=2)
        (vs, vi), (ps, pi) = same[drawn + (drawn >= own[0] if len(own) else 0)].tolist()
        codes = self.shards[ps][pi].codes
        length = min(len(codes), int(rng.integers(LEAST_FRAMES, MOST_FRAMES + 1)))
        start = int(rng.integers(len(codes) - length + 1))
        return Drawn(self.speakers[vs].vectors[vi].float(), codes[start : start + length])

    def identity(self) -> str:
        """Hash of speakers and vectors, of what a model is trained on."""
        return hash_of(part for one in self.speakers for part in (*one.names, one.vectors.view(torch.int16)))


def members_of(speakers: list[ShardSpeakers], indices: NDArray[np.int32]) -> dict[str, NDArray[np.int32]]:
    """Of each speaker the utterances that have a vector, pairs (shard, number) [n, 2], in their order."""
    numbers: dict[str, int] = {}
    who = [np.array([numbers.setdefault(name, len(numbers)) for name in one.names], np.int32) for one in speakers]
    heard = [(one.vectors != 0).any(1).numpy() for one in speakers]
    begins = np.cumsum([0, *map(len, who)])
    places = begins[indices[:, 0]] + indices[:, 1]
    indices, places = (part[np.concatenate(heard)[places]] for part in (indices, places))
    of = np.concatenate(who)[places]
    order = np.argsort(of, kind="stable")
    found = np.split(indices[order], np.searchsorted(of[order], np.arange(1, len(numbers))))
    return {name: part for name, part in zip(numbers, found, strict=True) if len(part)}
