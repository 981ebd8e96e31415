"""Batches of examples out of code shards, in the order of a plan."""

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from speechllm.data.shards import Example, Shard
from speechllm.data.speakers import Voices
from speechllm.model.voice_prefix import Reference
from speechllm.training.collating import PADDED, Batch, Packed, Padded, collate, collate_seen, collate_voices, hide
from speechllm.training.corruption import VOICE, Corruption, Seen, random_of
from speechllm.training.plan import BatchPlan, Numbers

Pairs: TypeAlias = NDArray[np.int32]  # which utterances, by shard and number [n, 2]


class BatchDataset(Dataset[Batch]):
    """The batches of a plan, of about `tokens` positions (text and frames, padding included).

    Item i is always the same batch for a seed; item ~i is the same batch, counted nothing, for a process that has none
    left in a step.

    Args:
        shards: opened shards of one codec and tokenizer.
        indices: which utterances, pairs (shard, number) [n, 2].
        tokens: positions of a batch.
        size: number of items.
        seed: of the order, and of what is drawn for each utterance.
        first: items already used up by an earlier part of the run.
        frames_per_step: of the model.
        voices: of the utterances, for a model of many; None = the batches say nothing of voices.
        corruption: what of them is seen; None = all.
        per_step: items of an update of the weights, each of which counts by its frames.
        way: how utterances are put together.
    """

    def __init__(
        self,
        shards: list[Shard],
        indices: Pairs | list[tuple[int, int]],
        tokens: int,
        size: int,
        seed: int,
        first: int = 0,
        frames_per_step: int = 1,
        voices: Voices | None = None,
        corruption: Corruption | None = None,
        per_step: int = 1,
        way: Padded = PADDED,
    ):
        self.shards, self.size, self.seed, self.first = shards, size, seed, first
        self.frames_per_step, self.per_step = frames_per_step, per_step
        self.voices, self.corruption, self.way = voices, corruption, way
        self.indices = np.asarray(indices, np.int32)
        text, frames = (lengths_of(shards, self.indices, name) for name in ("id_offsets", "code_offsets"))
        self.steps = (-(-frames // frames_per_step)).astype(np.int32)  # of each utterance
        self.plan = BatchPlan(text + self.steps, tokens, seed, isinstance(way, Packed))

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Batch:
        counted, item = index >= 0, max(index, ~index)
        examples, (epoch, _) = self.examples(item), self.find(item)
        batch = collate(examples, self.shards[0].spec.levels, self.frames_per_step, self.way)
        batch = batch._replace(share=self.share(item) * counted)
        seen = self.seen(batch, [example.name for example in examples], epoch)
        if seen:
            batch = batch._replace(inputs=collate_seen(seen, self.way))
        reference = self.reference(item, epoch)
        return batch._replace(reference=hide(reference, seen) if reference and seen else reference)

    def seen(self, batch: Batch, names: list[str], epoch: int) -> list[Seen]:
        """What is seen of each row; empty where that is everything."""
        if self.corruption is None:
            return []
        levels = torch.tensor(self.shards[0].spec.levels).repeat(batch.codes.shape[2])
        rows = zip(self.way.rows(batch.digits, batch.frames), names, strict=True)
        return [self.corruption.of(digits, levels, self.seed, name, epoch) for digits, name in rows]

    def reference(self, item: int, epoch: int) -> Reference | None:
        """The voices of an item, for a model of many."""
        if self.voices is None:
            return None
        spec, drawn = self.shards[0].spec, []
        for s, i in self.members(item):
            drawn.append(self.voices.draw(s, i, random_of(self.seed, self.shards[s].names[i], epoch, VOICE)))
        return collate_voices(drawn, spec.levels, spec.num_codebooks, self.voices.dim)

    def find(self, item: int) -> tuple[int, Numbers]:
        """The pass over the data of an item, and its utterances.

        Raises:
            IndexError: it lies beyond the end.
        """
        if item >= self.size:
            raise IndexError(item)
        return self.plan.find(self.first + item)

    def share(self, item: int) -> float:
        """Part that an item has in the frames of its step, 0 to 1."""
        begin = item - item % self.per_step
        frames = [
            int(self.steps[self.find(each)[1]].sum(dtype=np.int64)) for each in range(begin, begin + self.per_step)
        ]
        return frames[item - begin] / sum(frames)

    def names_of(self, index: int) -> list[str]:
        """The utterances of item `index`, for messages."""
        return [example.name for example in self.examples(index)]

    def examples(self, index: int) -> list[Example]:
        """The utterances of item `index`."""
        return [self.shards[s][i] for s, i in self.members(index)]

    def members(self, index: int) -> list[tuple[int, int]]:
        """Where the utterances of item `index` are: shard and number of each."""
        return [(s, i) for s, i in self.indices[self.find(index)[1]].tolist()]


def lengths_of(shards: list[Shard], indices: Pairs, offsets: str) -> Numbers:
    """Of utterances, pairs (shard, number) [n, 2], what a shard's `offsets` say, int64 [n]."""
    lengths = [shard.tensors[offsets].diff().numpy() for shard in shards]
    begins = np.cumsum([0, *map(len, lengths)])
    found: Numbers = np.concatenate(lengths)[begins[indices[:, 0]] + indices[:, 1]]
    return found


def pairs_of(shard: int, numbers: Numbers) -> Pairs:
    """Utterances of one shard, [n, 2]."""
    return np.stack([np.full(len(numbers), shard), numbers], axis=1).astype(np.int32)


def split(shards: list[Shard], held_out: int, fitting: Pairs | None = None) -> tuple[Pairs, Pairs]:
    """Utterances for training and for validation: the first `held_out` of all are never trained on.

    Args:
        shards: of the corpus.
        held_out: how many.
        fitting: which utterances are used at all, in their order; None = all.
    """
    lengths = list(map(len, shards))
    if fitting is None:
        fitting = np.concatenate([pairs_of(shard, np.arange(length)) for shard, length in enumerate(lengths)])
    held = np.cumsum([0, *lengths])[fitting[:, 0]] + fitting[:, 1] < held_out
    return fitting[~held], fitting[held]
