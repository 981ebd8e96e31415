"""Batches of pairs: the chosen first, the rejected in the same order, each in the voice of its speaker."""

import pytest
import torch

import toys
from speechllm.data.shards import Example, Shard, write_shard
from speechllm.data.speakers import Drawn
from speechllm.training.pairs import PairDataset, Preferred

FRAMES = {"0-0": 8, "0-1": 20, "1-0": 9, "1-1": 9, "2-0": 8, "2-1": 8, "3-0": 90, "3-1": 10}


@pytest.fixture
def shards(tmp_path):
    """Two tries of four texts in two shards; the rejected one of text 0 and 3 is the first."""
    found = []
    for number, names in enumerate((list(FRAMES)[:4], list(FRAMES)[4:])):
        examples = []
        for i, name in enumerate(names):
            frames = FRAMES[name]
            codes = toys.random_codes(1, frames, 10 * number + i)[0].T
            examples.append(Example(name, torch.full((4,), int(name[0])), codes, torch.zeros(frames).long()))
        path = tmp_path / f"{number}.safetensors"
        write_shard(path, examples, toys.TOY_SPEC, "tokens")
        Shard(path).write_positions([e.positions for e in examples])
        found.append(Shard(path))
    return found


def dataset(shards, voices=(None,) * 4, tokens: int = 120, **options) -> PairDataset:
    places = {name: (s, i) for s, shard in enumerate(shards) for i, name in enumerate(shard.names)}
    order = [("0-1", "0-0"), ("1-0", "1-1"), ("2-0", "2-1"), ("3-1", "3-0")]
    pairs = [Preferred(places[a], places[b], voice) for (a, b), voice in zip(order, voices, strict=True)]
    return PairDataset(shards, pairs, tokens, 6, 0, **options)


def test_the_partner_of_each_chosen_try_is_as_far_behind(shards):
    data = dataset(shards)
    seen = set()
    for index in range(len(data.plan)):
        names = data.names_of(index)
        half = len(names) // 2
        assert [name[0] for name in names[:half]] == [name[0] for name in names[half:]]
        assert set(names[:half]) <= {"0-1", "1-0", "2-0", "3-1"}
        assert data[index].frames.tolist() == [FRAMES[name] for name in names]
        seen |= set(names)
    assert seen == set(FRAMES)


def test_a_runaway_is_counted_with_its_length(shards):
    data = dataset(shards)
    alone = [data.names_of(index) for index in range(len(data.plan)) if "3-0" in data.names_of(index)]
    assert alone == [["3-1", "3-0"]], "90 frames fill a batch"
    assert all(
        batch.codes[..., 0].numel() <= 120 or len(batch.frames) == 2 for batch in map(data.__getitem__, range(4))
    )


def test_pairs_of_a_step_count_alike(shards):
    data = dataset(shards, tokens=60, per_step=2)
    for step in range(2):
        items = [2 * step, 2 * step + 1]
        counts = [len(data[item].frames) for item in items]
        assert [data[item].share for item in items] == [count / sum(counts) for count in counts]
        assert data[~items[1]].share == 0, "of a process that has none left"


def test_both_tries_have_the_voice_of_the_speaker(shards):
    voices = [Drawn(torch.eye(6)[i], toys.random_codes(1, 3 + i, i)[0].T) for i in range(4)]
    data = dataset(shards, voices)
    for index in range(4):
        batch, names = data[index], data.names_of(index)
        texts = [int(name[0]) for name in names]
        assert torch.equal(batch.reference.speakers, torch.eye(6)[texts])
        assert batch.reference.frames.tolist() == [3 + text for text in texts]
        assert batch.reference.speaker_known.all()
    assert dataset(shards)[0].reference is None


def test_steps_of_several_frames(shards):
    batch = dataset(shards, frames_per_step=2)[0]
    assert batch.codes.shape[2] == 16
