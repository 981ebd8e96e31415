"""Batches of examples out of code shards.

Shapes: B batch, S text tokens, T frames, P digits of a frame; of steps where a model writes several frames in one.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from speechllm.data.shards import Example, Shard
from speechllm.data.speakers import Drawn, Voices
from speechllm.digits import codes_to_digits
from speechllm.model.voice_prefix import Reference


class Batch(NamedTuple):
    """A padded batch; padding is 0 and lies at the ends."""

    ids: Tensor  # int64 [B, S]
    text_lengths: Tensor  # int64 [B]
    codes: Tensor  # int64 [B, T, K]
    digits: Tensor  # int64 [B, T, P]
    positions: Tensor  # int64 [B, T]; all 0 for shards that are not aligned yet
    frames: Tensor  # int64 [B]
    reference: Reference | None = None  # whose voice, for a model of many


def stack(example: Example, count: int) -> Example:
    """`count` frames at a time as one of so many times the codebooks; the last frame is repeated where they end."""
    short = -len(example.codes) % count
    codes = torch.cat([example.codes, example.codes[-1:].expand(short, -1)]).view(-1, count * example.codes.shape[1])
    positions = example.positions
    if positions is not None:  # what is read at the end of the step
        positions = torch.cat([positions, positions[-1:].expand(short)])[count - 1 :: count]
    return replace(example, codes=codes, positions=positions)


def collate(examples: list[Example], levels: tuple[int, ...], frames_per_step: int = 1) -> Batch:
    """Pad examples to one batch."""
    if frames_per_step > 1:
        examples = [stack(example, frames_per_step) for example in examples]
    codes = pad_sequence([e.codes for e in examples], batch_first=True)
    positions = [torch.zeros(len(e.codes), dtype=torch.long) if e.positions is None else e.positions for e in examples]
    return Batch(
        pad_sequence([e.ids for e in examples], batch_first=True),
        torch.tensor([len(e.ids) for e in examples]),
        codes,
        codes_to_digits(codes, levels),
        pad_sequence(positions, batch_first=True),
        torch.tensor([len(e.codes) for e in examples]),
    )


def collate_voices(drawn: list[Drawn], levels: tuple[int, ...], num_codebooks: int, dim: int) -> Reference:
    """The voices of a batch; a row without a voice gets zeros, and is marked so."""
    nothing, nobody = torch.zeros(0, num_codebooks, dtype=torch.long), torch.zeros(dim)
    prompts = [nothing if one.codes is None else one.codes for one in drawn]
    codes = pad_sequence(prompts, batch_first=True)
    if codes.shape[1] == 0:
        codes = codes.new_zeros(len(drawn), 1, num_codebooks)
    return Reference(
        torch.stack([nobody if one.vector is None else one.vector for one in drawn]),
        torch.tensor([one.vector is not None for one in drawn]),
        codes_to_digits(codes, levels),
        torch.tensor([len(prompt) for prompt in prompts]),
    )


class BatchDataset(Dataset[Batch]):
    """Batches of about `tokens` positions (text and frames, padding included), utterances of one length together.

    Item i is always the same batch for a seed; every pass over the data has its own order.

    Args:
        shards: opened shards of one codec and tokenizer.
        indices: which utterances, pairs (shard, number).
        tokens: positions of a batch.
        size: number of items.
        seed: of the order.
        first: items already used up by an earlier part of the run.
        frames_per_step: of the model.
        voices: of the utterances, for a model of many; None = the batches say nothing of voices.
    """

    def __init__(
        self,
        shards: list[Shard],
        indices: list[tuple[int, int]],
        tokens: int,
        size: int,
        seed: int,
        first: int = 0,
        frames_per_step: int = 1,
        voices: Voices | None = None,
    ):
        self.voices = voices
        self.shards, self.size, self.seed, self.first = shards, size, seed, first
        self.frames_per_step = frames_per_step
        lengths = []
        for s, i in indices:
            tensors = shards[s].tensors
            text, frames = (int(tensors[name][i : i + 2].diff()) for name in ("id_offsets", "code_offsets"))
            lengths.append(text + -(-frames // frames_per_step))
        order = sorted(range(len(indices)), key=lengths.__getitem__)
        self.batches: list[list[tuple[int, int]]] = []
        current: list[tuple[int, int]] = []
        for index in order:
            if current and (len(current) + 1) * lengths[index] > tokens:
                self.batches.append(current)
                current = []
            current.append(indices[index])
        self.batches.append(current)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Batch:
        spec = self.shards[0].spec
        batch = collate(self.examples(index), spec.levels, self.frames_per_step)
        if self.voices is None:
            return batch
        rng = np.random.default_rng((self.seed, self.first + index, 1))
        drawn = [self.voices.draw(*pair, rng) for pair in self.members(index)]
        return batch._replace(reference=collate_voices(drawn, spec.levels, spec.num_codebooks, self.voices.dim))

    def names_of(self, index: int) -> list[str]:
        """The utterances of item `index`, for messages."""
        return [example.name for example in self.examples(index)]

    def examples(self, index: int) -> list[Example]:
        """The utterances of item `index`."""
        return [self.shards[s][i] for s, i in self.members(index)]

    def members(self, index: int) -> list[tuple[int, int]]:
        """Where the utterances of item `index` are: shard and number of each."""
        if index >= self.size:
            raise IndexError(index)
        epoch, number = divmod(self.first + index, len(self.batches))
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.batches))
        return self.batches[order[number]]


def split(shards: list[Shard], held_out: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Utterances for training and for validation: the first `held_out` of the first shard are never trained on."""
    indices = [(s, i) for s, shard in enumerate(shards) for i in range(len(shard))]
    return indices[held_out:], indices[:held_out]
