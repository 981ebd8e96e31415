"""The speakers of code shards as those who speak with a voice know them.

Shapes: C channels of a vector, K codebooks, T codec frames.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.shared.errors import UserError
from pipelines.speaking.prompts import MOST_FRAMES
from pipelines.speaking.speakers import Speaker
from speechllm.data.shards import Shard, open_shards
from speechllm.data.speakers import read_speakers

MOST = 200  # speakers of a voice that nobody has named


def speakers_in(folder: Path, names: Sequence[str] = ()) -> dict[str, Speaker]:
    """Speakers by name: the mean of their vectors, and their most typical recording that is long enough.

    Args:
        folder: of shards with their speakers.
        names: whom to look for; none = everybody, up to MOST.

    Raises:
        UserError: the shards have no speakers, or not these.
    """
    heard: dict[str, list[tuple[np.ndarray, Shard, int]]] = defaultdict(list)
    for shard in open_shards(folder, aligned=False):
        found = read_speakers(shard)
        if found is None:
            raise UserError(f"{shard.path} has no speakers; run encode_speakers.py first")
        for i, (name, vector) in enumerate(zip(found.names, found.vectors.float().numpy(), strict=True)):
            if vector.any() and (not names or name in names):
                heard[name].append((vector, shard, i))
    missing = [name for name in names if name not in heard]
    if missing:
        raise UserError(f"{folder} has no utterance with a vector of {', '.join(missing)}")
    wanted = names or sorted(heard)
    if len(wanted) > MOST:
        raise UserError(f"{folder} has {len(wanted):,} speakers; name those of the voice in its voice.yaml")
    return {name: typical(heard[name]) for name in wanted}


def typical(utterances: list[tuple[np.ndarray, Shard, int]]) -> Speaker:
    """A speaker, out of utterances with their vectors."""
    mean = np.mean([vector for vector, _, _ in utterances], axis=0)
    mean /= np.linalg.norm(mean)
    codes = [shard[i].codes for _, shard, i in utterances]
    scores = [
        (min(len(one), MOST_FRAMES), float(vector @ mean))
        for (vector, _, _), one in zip(utterances, codes, strict=True)
    ]
    best = max(range(len(scores)), key=scores.__getitem__)
    return Speaker(mean, codes[best][:MOST_FRAMES].T.numpy())
