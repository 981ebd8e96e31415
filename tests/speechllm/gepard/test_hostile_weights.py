"""Folders that are not what they say: one clear line each, and nothing in them runs or takes the machine's memory."""

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save_file

import gepard_files
from speechllm.gepard.voice import load


@pytest.fixture
def folder(tmp_path):
    return gepard_files.write_folder(tmp_path / "voice")


def weights() -> dict[str, torch.Tensor]:
    return gepard_files.random_weights(gepard_files.configuration())


def refused(folder, message: str, kind: type[Exception] = ValueError) -> None:
    with pytest.raises(kind, match=message) as error:
        load(folder)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize("name", ["gepard_config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    refused(folder, rf"has no {name}; expected", FileNotFoundError)


def test_pickle_is_not_read(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, "no model.safetensors.*pickled weights are not read", FileNotFoundError)


def test_pickle_under_another_name_does_not_run(folder, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    refused(folder, "not a readable safetensors file")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("size", [2**63, 2**40, 100_000_001], ids=str)
def test_a_header_that_claims_to_be_huge(folder, size):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", size) + b"{}" * 100)
    refused(folder, "not a readable safetensors file")


@pytest.mark.parametrize("keep", [0, 7, 8, 5000, -1])
def test_a_truncated_file(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(folder, "not a readable safetensors file")


def test_offsets_beyond_the_file(folder):
    header = json.dumps({"x": {"dtype": "F32", "shape": [1000], "data_offsets": [0, 4000]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(100))
    refused(folder, "not a readable safetensors file")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w: w.pop("model.layers.2.mlp.up_proj.weight"),
            r"lacks 1 of \d+ tensors, such as model.layers.2.mlp.up",
        ),
        (lambda w: w.update({"model.layers.3.x": torch.zeros(1)}), "has unknown 1 of .*model.layers.3.x"),
        (lambda w: w.update({"lm_head.weight": torch.zeros(1)}), "has unknown 1 of .*lm_head"),
        (lambda w: w.update({"stop_head.bias": torch.zeros(2)}), r"stop_head.bias of shape \[2\]; expected \[1\]"),
        (lambda w: w.update({"audio_embed_scale": torch.zeros(2)}), r"audio_embed_scale of shape \[2\]; expected \[\]"),
        (lambda w: w.update({"model.norm.weight": torch.zeros(64, dtype=torch.int64)}), "tensors of type I64"),
        (
            lambda w: w.update({"model.layers.0.self_attn.q_proj.lora_A.weight": torch.zeros(1)}),
            "LoRA adapters that are not merged",
        ),
        (
            lambda w: w.update({"model.layers.0.self_attn.q_proj.base.weight": torch.zeros(1)}),
            "LoRA adapters that are not merged",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tensors_that_do_not_fit(folder, change, message):
    changed = weights()
    change(changed)
    save_file(changed, folder / "model.safetensors")
    refused(folder, message)


BODY = gepard_files.TINY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "[" * 100_000,
        json.dumps(gepard_files.configuration({**BODY, "hidden_size": 10**12})),
        json.dumps(gepard_files.configuration({**BODY, "hidden_size": "64"})),
        json.dumps(gepard_files.configuration({**BODY, "num_hidden_layers": 10**9})),
        json.dumps(gepard_files.configuration({**BODY, "num_hidden_layers": -1})),
        json.dumps(gepard_files.configuration({**BODY, "head_dim": 15})),
        json.dumps(gepard_files.configuration({**BODY, "num_key_value_heads": 3})),
        json.dumps(gepard_files.configuration({**BODY, "layer_types": ["linear_attention"]})),
        json.dumps(gepard_files.configuration({**BODY, "rope_parameters": {"partial_rotary_factor": 0.25}})),
        json.dumps(gepard_files.configuration({**BODY, "rope_parameters": {"rope_theta": "big"}})),
        json.dumps(gepard_files.configuration({**BODY, "rms_norm_eps": 1e-5})),
        json.dumps(gepard_files.configuration(backbone_config=[1])),
        json.dumps(gepard_files.configuration(audio_heads={"a": 8})),
        json.dumps(gepard_files.configuration(codec={"fsq_levels": "8766"})),
        json.dumps(gepard_files.configuration(special_tokens={"start_of_text": 10**6})),
        json.dumps(gepard_files.configuration(voice_cloning={"enabled": True, "compressor": {"num_heads": 7}})),
    ],
    ids=range(20),
)
def test_configurations_that_make_no_sense(folder, text):
    (folder / "gepard_config.json").write_text(text)
    refused(folder, "gepard_config.json is not a configuration of this model")


def test_a_configuration_of_another_size(folder):
    (folder / "gepard_config.json").write_text(json.dumps(gepard_files.configuration({**BODY, "hidden_size": 128})))
    refused(folder, r"of shape .*; expected")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"model": {"type": "BPE"}}'])
def test_a_tokenizer_that_is_none(folder, text):
    (folder / "tokenizer.json").write_text(text)
    refused(folder, "tokenizer.json is not a tokenizer")


@pytest.mark.parametrize("name", ["model.norm.weight", "model.embed_tokens.weight", "stop_head.bias"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers(folder, name, value):
    changed = weights()
    changed[name].view(-1)[-1] = value
    save_file(changed, folder / "model.safetensors")
    refused(folder, rf"model.safetensors: {name} has 1 of \d+ weights NaN or infinite")
