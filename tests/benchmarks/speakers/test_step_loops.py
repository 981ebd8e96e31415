import torch

from benchmarks.speakers.step_loops import EngineLoop, untrained
from benchmarks.speakers.subject import lm_config


def test_who_begins_again_says_the_same_again(tiny_config):
    lm = untrained(lm_config(tiny_config), "cpu")
    loop = EngineLoop(lm, torch.arange(5), 8, "float32")
    said = []
    for _ in range(2):
        loop.begin(0.0)
        said.append(torch.stack([loop.step() for _ in range(3)]))
    assert said[0].equal(said[1])
    assert not said[0][0].equal(said[0][1]), "the frames of a request differ"
