"""What a voice of many carries so that others can be made from it: some of its corpus, and its aligner.

VOICE/base/base.safetensors, .positions, .speakers    utterances of many speakers, as shards are
VOICE/aligner.safetensors                             which token each frame speaks, for its codec and tokenizer
"""

import shutil
from pathlib import Path

import numpy as np
import torch

from pipelines.shared.errors import UserError
from speechllm.data.shards import Shard, open_shards, write_shard
from speechllm.data.speakers import read_speakers, write_speakers

FOLDER, ALIGNER = "base", "aligner.safetensors"
UTTERANCES = 400


def write_subset(shards: list[Shard], pairs: list[tuple[int, int]], path: Path) -> None:
    """Write utterances, pairs (shard, number), with their alignment and their speakers as one shard."""
    speakers = [read_speakers(shard) for shard in shards]
    examples = [shards[s][i] for s, i in pairs]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_shard(path, examples, shards[0].spec, shards[0].tokenizer_fingerprint)
    shard = Shard(path, aligned=False)
    shard.write_positions([one.positions for one in examples if one.positions is not None])
    names = [speakers[s].names[i] for s, i in pairs]  # type: ignore[union-attr]
    write_speakers(shard, names, torch.stack([speakers[s].vectors[i] for s, i in pairs]))  # type: ignore[union-attr]


def keep_base(folder: Path, aligner: Path, voice: Path, seed: int = 0) -> None:
    """Put some utterances of shards in `folder`, whole speakers as far as there is room, and the aligner into a voice.

    Raises:
        UserError: shards that are not aligned or have no speakers.
    """
    shards = open_shards(folder)
    found = [read_speakers(shard) for shard in shards]
    if any(shard.positions is None for shard in shards) or any(one is None for one in found):
        raise UserError(
            f"{folder} has shards without alignment or speakers; run align_corpus.py and encode_speakers.py"
        )
    members: dict[str, list[tuple[int, int]]] = {}
    for s, speakers in enumerate(found):
        for i, name in enumerate(speakers.names if speakers else []):
            members.setdefault(name, []).append((s, i))
    order = np.random.default_rng(seed).permutation(sorted(members))
    pairs = [pair for name in order for pair in members[str(name)][:4]][:UTTERANCES]
    write_subset(shards, pairs, voice / FOLDER / "base.safetensors")
    shutil.copyfile(aligner, voice / ALIGNER)


def check_base(voice: Path) -> None:
    """Raise UserError for a voice that carries nothing to make others from."""
    if not (voice / FOLDER).is_dir() or not (voice / ALIGNER).is_file():
        raise UserError(f"{voice} carries nothing to make other voices from; start from english")


def mix_base(voice: Path, count: int, share: float, out: Path) -> int:
    """Write so many of the base's utterances beside `count` new ones that they are `share` of all; returns how many."""
    shards = open_shards(voice / FOLDER)
    every = [(s, i) for s, shard in enumerate(shards) for i in range(len(shard))]
    wanted = min(len(every), round(count * share / (1 - share)))
    write_subset(shards, every[:wanted], out)
    return wanted
