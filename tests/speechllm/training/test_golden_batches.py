"""What a training learns from, batch by batch, is what it was in earlier versions: runs go on with newer ones."""

import hashlib
import json

import numpy as np
import pytest
import torch

import toys
from speechllm.data.shards import Example, Shard, identity, open_shards, write_shard
from speechllm.data.speakers import Voices, write_speakers
from speechllm.training.batches import BatchDataset, split
from speechllm.training.collating import PADDED, Packed
from speechllm.training.corruption import Corruption


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    for number, count in enumerate((40, 1, 59)):
        lengths = np.random.default_rng(number).integers(4, 30, (count, 2)).tolist()
        examples = [
            Example(f"{number}-ü{i}", torch.full((ids,), 4 + i % 30), toys.random_codes(1, frames, i)[0].T)
            for i, (ids, frames) in enumerate(lengths)
        ]
        path = folder / f"{number}.safetensors"
        write_shard(path, examples, toys.TOY_SPEC, "tok")
        vectors = torch.rand(count, 6, generator=torch.Generator().manual_seed(number))
        vectors *= (torch.arange(count) % 7 > 0)[:, None]  # some have none
        write_speakers(Shard(path), [f"speaker {i % 9}" for i in range(count)], vectors)
    return open_shards(folder)


@pytest.mark.parametrize(("way", "digest"), [(PADDED, "0c2f68d715eb3c3e"), (Packed(), "1c24068abd4a7557")])
def test_batches_are_those_of_earlier_versions(shards, way, digest):
    """Utterances, shares, inputs, voices, of every item; the digests were made with lists of Python's tuples."""
    train, _ = split(shards, 5)
    voices, corruption = Voices(shards, train), Corruption(0.2, 0.1, 0.2, 0.2, 0.2)
    data = BatchDataset(shards, train, 200, 60, 3, 2, 1, voices, corruption, 4, way)
    found = hashlib.sha256()
    for item in range(60):
        batch = data[item]
        found.update(json.dumps([data.names_of(item), round(batch.share, 9)]).encode())
        for tensor in (batch.ids, batch.codes, batch.reference.frames, batch.inputs.digits, batch.reference.speakers):
            found.update(tensor.numpy().tobytes())
    assert found.hexdigest()[:16] == digest
    assert voices.identity() == "eb1c1d3b0fef1978" and identity(shards)["corpus"] == "983b72545f3530fd"
