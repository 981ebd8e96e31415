"""Voices of training examples come from other utterances of the same speaker, always the same ones for a seed."""

import numpy as np
import pytest
import torch

import toys
from speechllm.data.shards import Example, Shard, write_shard
from speechllm.data.speakers import LEAST_FRAMES, MOST_FRAMES, Voices, path_of, read_speakers, write_speakers
from speechllm.training.batches import BatchDataset

NAMES = ["ann", "ann", "bob", "ann", "eve", "bob"]  # eve has one utterance
DIM = 12


@pytest.fixture
def shards(tmp_path):
    for number in range(2):
        examples = [
            Example(f"{number}-{i}", torch.full((5,), 4 + i), toys.random_codes(1, 40 + 30 * i, i)[0].T)
            for i in range(len(NAMES))
        ]
        write_shard(tmp_path / f"{number}.safetensors", examples, toys.TOY_SPEC, "tok")
        names = [f"{name}{number}" for name in NAMES]
        vectors = torch.eye(DIM)[: len(NAMES)].clone()
        vectors[3] = 0  # an utterance of ann without a vector
        write_speakers(Shard(tmp_path / f"{number}.safetensors"), names, vectors)
    return [Shard(path) for path in sorted(tmp_path.glob("*.safetensors"))]


EVERY = [(s, i) for s in range(2) for i in range(len(NAMES))]


def test_a_voice_comes_from_another_utterance_of_the_speaker(shards):
    voices = Voices(shards, EVERY)
    for s, i in EVERY:
        others = [k for k in range(len(NAMES)) if NAMES[k] == NAMES[i] and k not in (i, 3)]
        for seed in range(20):
            vector, codes = voices.draw(s, i, np.random.default_rng(seed))
            if not others:
                assert vector is None and codes is None
                continue
            assert int(vector.argmax()) in others
            assert LEAST_FRAMES <= len(codes) <= MOST_FRAMES
            windows = [toys.random_codes(1, 40 + 30 * k, k)[0].T.unfold(0, len(codes), 1) for k in others
                       if 40 + 30 * k >= len(codes)]  # fmt: skip
            assert any((window.transpose(1, 2) == codes).all(-1).all(-1).any() for window in windows)


def test_what_may_not_be_drawn_is_not(shards):
    voices = Voices(shards, [pair for pair in EVERY if pair != (0, 1)])
    assert voices.draw(0, 0, np.random.default_rng(0)).vector is None, "ann's others are left out or have no vector"


def test_batches_have_the_same_voices_whatever_was_read_before(shards):
    voices = Voices(shards, EVERY)
    whole = BatchDataset(shards, EVERY, 400, 20, seed=3, voices=voices)
    later = BatchDataset(shards, EVERY, 400, 12, seed=3, first=8, voices=voices)
    for item in range(12):
        one, other = whole[8 + item].reference, later[item].reference
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert one.speakers.shape[1] == DIM and len(one.frames) == len(whole[19].frames)
    assert not torch.equal(whole[0].reference.digits, whole[len(whole.plan)].reference.digits)


def test_speakers_of_another_shard_are_refused(shards):
    path_of(shards[0]).replace(path_of(shards[1]))
    write_shard(shards[1].path, [shards[0][0]], toys.TOY_SPEC, "tok")
    with pytest.raises(ValueError, match="belongs to another shard"):
        read_speakers(Shard(shards[1].path))
    with pytest.raises(ValueError, match=r"1 shards have no speakers \(0.safetensors"):
        Voices(shards[:1], EVERY[:6])
