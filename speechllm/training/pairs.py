"""Batches of pairs: two utterances of one text, of which the first is to be preferred."""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from speechllm.data.shards import Shard
from speechllm.data.speakers import Drawn
from speechllm.model.voice_prefix import Reference
from speechllm.training.batches import BatchDataset, lengths_of
from speechllm.training.collating import collate_voices
from speechllm.training.plan import BatchPlan

Place: TypeAlias = tuple[int, int]  # of an utterance: shard and number


class Preferred(NamedTuple):
    """A pair, and whose voice it has."""

    chosen: Place
    rejected: Place
    voice: Drawn | None  # None for a model of one voice


class PairDataset(BatchDataset):
    """Batches of pairs, first all chosen utterances, then the rejected ones in the same order.

    Args:
        shards: opened, aligned.
        pairs: of utterances in them, one at most for each chosen one.
        tokens, size, seed, first, frames_per_step, per_step: see BatchDataset; the longer one of a pair counts twice.
    """

    def __init__(
        self,
        shards: list[Shard],
        pairs: list[Preferred],
        tokens: int,
        size: int,
        seed: int,
        first: int = 0,
        frames_per_step: int = 1,
        per_step: int = 1,
    ):
        self.pairs: Mapping[Place, Preferred] = {pair.chosen: pair for pair in pairs}
        chosen = list(self.pairs)
        super().__init__(shards, chosen, tokens, size, seed, first, frames_per_step, per_step=per_step)
        rejected = np.asarray([self.pairs[place].rejected for place in chosen])
        text = lengths_of(shards, self.indices, "id_offsets")
        frames = np.maximum(*(lengths_of(shards, part, "code_offsets") for part in (self.indices, rejected)))
        self.plan = BatchPlan(2 * (text - (-frames // frames_per_step)), tokens, seed)
        self.steps = np.ones_like(self.steps)  # pairs count alike, however long they are

    def members(self, index: int) -> list[Place]:
        """See BatchDataset."""
        chosen = super().members(index)
        return [*chosen, *(self.pairs[place].rejected for place in chosen)]

    def reference(self, item: int, epoch: int) -> Reference | None:
        """The voices of an item, always those of the speakers: no draw."""
        chosen, spec = super().members(item), self.shards[0].spec
        drawn = [voice for place in chosen if (voice := self.pairs[place].voice) is not None]
        vector = next((voice.vector for voice in drawn if voice.vector is not None), None)
        if vector is None:
            return None
        return collate_voices(2 * drawn, spec.levels, spec.num_codebooks, len(vector))
