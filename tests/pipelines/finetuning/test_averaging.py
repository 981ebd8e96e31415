"""Weights between a base and what was made of it."""

import pytest
import torch

import toys
from pipelines.finetuning.averaging import average
from speechllm import SpeechLM


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_each_weight_lies_between_the_two(tmp_path, share):
    models = {}
    for seed, name in enumerate(("base", "tuned")):
        torch.manual_seed(seed)
        models[name] = SpeechLM(toys.toy_lm_config())
        models[name].save_pretrained(tmp_path / name, torch.float32)
    average(tmp_path / "base", tmp_path / "tuned", tmp_path / "mean", share)
    base, tuned = (model.state_dict() for model in models.values())
    found = SpeechLM.from_pretrained(tmp_path / "mean").state_dict()
    for name, tensor in found.items():
        wanted = base[name] + share * (tuned[name] - base[name])
        assert torch.allclose(tensor, wanted, atol=2e-3), name
    assert any(not torch.equal(base[name], tuned[name]) for name in base)
