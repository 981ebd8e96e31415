"""Training a recogniser: it learns to tell sounds apart, and a run that goes on is one that was never interrupted."""

import numpy as np
import torch

import toys
from speechllm.config import RecogniserConfig
from speechllm.data.shards import Example, Shard, write_shard
from speechllm.model.recogniser import Recogniser
from speechllm.training.recogniser import HELD_OUT, Training, needed

SOUNDS = (1, 2, 3, 4, 5, 6)
CONFIG = RecogniserConfig(toys.TOY_SPEC, "toy", SOUNDS, dim=24, frame_blocks=1, step_blocks=1)


def shard(tmp_path, count: int = 3 * HELD_OUT) -> Shard:
    """Utterances in which each token has codes of its own; 0 is silent."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 2016, (len(SOUNDS) + 1, 8), generator=generator)
    made = []
    for number in range(count):
        ids = torch.randint(0, len(SOUNDS) + 1, (3 + number % 5,), generator=generator)
        durations = torch.randint(2, 5, (len(ids),), generator=generator)
        made.append(Example(str(number), ids, codes[ids].repeat_interleave(durations, 0)))
    write_shard(tmp_path / "000.safetensors", made, toys.TOY_SPEC, "toy")
    return Shard(tmp_path / "000.safetensors", aligned=False)


def training(shards: list[Shard], steps: int) -> Training:
    torch.manual_seed(0)
    return Training(Recogniser(CONFIG), shards, steps, batch_tokens=400, learning_rate=1e-2)


def test_it_learns_to_read(tmp_path):
    run = training([shard(tmp_path)], 120)
    before = run.read().mean()
    for _ in range(120):
        run.train()
    assert run.read().mean() < 0.3 < 1.5 < before


def test_an_interrupted_run_goes_on_to_the_bit(tmp_path):
    shards = [shard(tmp_path)]
    whole, first, second = (training(shards, 8) for _ in range(3))
    losses = [whole.train() for _ in range(8)]
    for _ in range(3):
        first.train()
    torch.save(first.state_dict(), tmp_path / "state")
    second.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    assert [second.train() for _ in range(5)] == losses[3:]
    pairs = zip(whole.model.state_dict().values(), second.model.state_dict().values(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    assert np.array_equal(whole.read(), second.read())


def test_what_cannot_be_said_in_time_is_left_out(tmp_path):
    run = training([shard(tmp_path)], 1)
    codes = torch.zeros(2, 8, dtype=torch.int64)
    texts = {"too much": [1, 2, 3, 4, 5], "two alike": [1, 1, 2, 3], "fits": [1, 2, 3, 4], "silent": [0, 0]}
    examples = [Example(name, torch.tensor(ids), codes) for name, ids in texts.items()]
    kept, sounds = run.sayable(examples)
    assert len(kept) == 1 and sounds[0].tolist() == [1, 2, 3, 4]
    assert needed(torch.tensor([1, 1, 1])) == 5
