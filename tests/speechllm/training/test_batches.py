"""Batches out of shards: every utterance once a pass, the same order for a seed, resumable anywhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import toys
from speechllm.data.shards import Example, Shard, write_shard
from speechllm.training.batches import BatchDataset, split
from speechllm.training.collating import Batch, collate, stack
from speechllm.training.corruption import Corruption


@pytest.fixture
def shards(tmp_path):
    for number, count in enumerate((7, 5)):
        examples = [
            Example(f"{number}-{i}", torch.full((3 + i,), 4 + i), toys.random_codes(1, 6 + 3 * i)[0].T)
            for i in range(count)
        ]
        write_shard(tmp_path / f"{number}.safetensors", examples, toys.TOY_SPEC, "tok")
    return [Shard(path) for path in sorted(tmp_path.glob("*.safetensors"))]


def names(dataset: BatchDataset, items: range) -> list[list[str]]:
    return [[example.name for example in dataset.examples(i)] for i in items]


def test_every_pass_has_every_utterance_once_in_its_own_order(shards):
    every, _ = split(shards, 0)
    dataset = BatchDataset(shards, every, 60, 100, seed=0)
    count = len(dataset.plan)
    passes = [names(dataset, range(i * count, (i + 1) * count)) for i in range(3)]
    for found in passes:
        assert sorted(name for batch in found for name in batch) == sorted(n for shard in shards for n in shard.names)
    assert passes[0] != passes[1] or passes[1] != passes[2]
    assert passes[0] == names(BatchDataset(shards, every, 60, 100, seed=0), range(count))


def test_a_resumed_dataset_goes_on_where_the_first_ended(shards):
    every, _ = split(shards, 0)
    whole, rest = (BatchDataset(shards, every, 60, 20, 0, first) for first in (0, 5))
    assert names(whole, range(5, 20)) == names(rest, range(15))


def test_no_batch_is_larger_than_asked(shards):
    every, _ = split(shards, 0)
    for number in range(len(BatchDataset(shards, every, 60, 100, 0).plan)):
        batch = BatchDataset(shards, every, 60, 100, 0)[number]
        size = len(batch.ids) * (batch.ids.shape[1] + batch.positions.shape[1])
        assert size <= 60 or len(batch.ids) == 1


def test_a_dataset_ends(shards):
    dataset = BatchDataset(shards, split(shards, 0)[0], 60, 3, 0)
    assert len(list(dataset)) == len(dataset) == 3


def test_held_out_utterances_are_not_trained_on(shards):
    train, held = split(shards, 2)
    assert held.tolist() == [[0, 0], [0, 1]]
    assert train.tolist() == [[0, i] for i in range(2, 7)] + [[1, i] for i in range(5)]
    some = np.array([[0, 1], [0, 4], [1, 3]], np.int32)
    assert [part.tolist() for part in split(shards, 2, some)] == [[[0, 4], [1, 3]], [[0, 1]]]


def test_frames_are_stacked_into_steps(shards):
    example = replace(shards[0][3], positions=torch.arange(15) // 4)
    stacked = stack(example, 2)
    assert torch.equal(stacked.codes[:7], example.codes[:14].view(7, 16))
    assert torch.equal(stacked.codes[7], example.codes[14].repeat(2))  # the last frame has no other half
    assert stacked.positions.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    batch = collate([shards[0][0], shards[0][3]], toys.LEVELS, 2)
    assert batch.frames.tolist() == [3, 8] and batch.digits.shape == (2, 8, 64)
    dataset = BatchDataset(shards, split(shards, 0)[0], 60, 8, 0, frames_per_step=3)
    assert max(b.ids.shape[0] * (b.ids.shape[1] + b.codes.shape[1]) for b in dataset) <= 60
    assert dataset[0].codes.shape[2] == 24


def test_padding_lies_at_the_ends(shards):
    batch = collate([shards[0][0], shards[0][3]], toys.LEVELS)
    assert (batch.text_lengths.tolist(), batch.frames.tolist()) == ([3, 6], [6, 15])
    assert (batch.ids[0, 3:] == 0).all() and (batch.ids[0, :3] == 4).all()
    assert (batch.codes[0, 6:] == 0).all() and torch.equal(batch.codes[1], shards[0][3].codes)
    assert batch.digits.shape == (2, 15, 32)


CORRUPTION = Corruption(0.3, 0.3, 0.3, 0.3, 0.3)


def inputs(batch: Batch, row: int) -> list[torch.Tensor]:
    """What is seen of a row, without padding."""
    return [part[row, : batch.frames[row]] for part in batch.inputs[:2]] + [batch.inputs.text_known[row]]


def test_what_is_hidden_of_an_utterance_does_not_depend_on_its_batch(shards):
    every, _ = split(shards, 0)
    small, large = (BatchDataset(shards, every, n, 100, 0, corruption=CORRUPTION) for n in (60, 400))

    def seen(dataset: BatchDataset, first: int) -> dict[str, list[torch.Tensor]]:
        items = range(first, first + len(dataset.plan))
        return {name: inputs(dataset[i], row) for i in items for row, name in enumerate(dataset.names_of(i))}

    ones, others = seen(small, 0), seen(large, 0)
    assert len(small.plan) > len(large.plan) and len(ones) == 12
    assert all(torch.equal(a, b) for name in ones for a, b in zip(ones[name], others[name], strict=True))
    later = seen(large, len(large.plan))
    assert any(not torch.equal(a, b) for name in ones for a, b in zip(ones[name], later[name], strict=True))


def test_items_of_a_step_count_by_their_frames(shards):
    dataset = BatchDataset(shards, split(shards, 0)[0], 60, 9, 0, per_step=3)
    for step in range(3):
        items = [dataset[3 * step + i] for i in range(3)]
        frames = [int(item.frames.sum()) for item in items]
        assert [item.share for item in items] == [count / sum(frames) for count in frames]
    assert dataset[~4].share == 0 and torch.equal(dataset[~4].codes, dataset[4].codes)
    assert BatchDataset(shards, split(shards, 0)[0], 60, 9, 0)[4].share == 1
