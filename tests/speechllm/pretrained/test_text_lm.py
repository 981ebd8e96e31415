"""A text LM's body inside a speech LM against transformers' own model: the same logits over words."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import toys
from speechllm.pretrained.text_lm import take_body

transformers = pytest.importorskip("transformers", reason="needs lfsc-tts[dev]")

SIZE = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, intermediate_size=48)
SIZE |= dict(vocab_size=40, max_position_embeddings=64, rms_norm_eps=1e-5)
SHAPE = dict(num_heads=4, num_kv_heads=2, head_dim=8, mlp_dim=48, norm_eps=1e-5)
SHAPE |= dict(causal_text=True, shared_positions=True)
SCALED = dict(rope_type="llama3", rope_theta=100.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0)
FAMILIES = {
    "llama": (transformers.LlamaConfig, dict(rope_theta=500_000.0), {}),
    "llama3": (
        transformers.LlamaConfig,
        dict(rope_theta=100.0, rope_parameters=SCALED | dict(original_max_position_embeddings=16)),
        dict(rope_scaling=(8.0, 1.0, 4.0, 16.0)),
    ),
    "qwen2": (transformers.Qwen2Config, {}, dict(qkv_bias=True)),
    "qwen3": (transformers.Qwen3Config, dict(head_dim=8), dict(qk_norm=True)),
}


@pytest.fixture(params=FAMILIES)
def pair(request, tmp_path):
    """Theirs, in a folder, and a speech LM of its shape."""
    kind, options, shape = FAMILIES[request.param]
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(kind(**SIZE, **options)).float().eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    theirs.save_pretrained(tmp_path)
    theta = options.get("rope_theta", 10_000.0)
    ours = toys.toy_lm(toys.toy_lm_config(num_layers=3, rope_theta=theta, **SHAPE, **shape))
    return tmp_path, theirs, ours


@torch.no_grad()
def test_the_body_of_a_text_lm_says_what_transformers_says(pair):
    folder, theirs, ours = pair
    ids = torch.randint(0, 40, (1, 15))
    assert take_body(ours, folder) > 3 * 6
    ours.text_embedding.weight.copy_(theirs.get_input_embeddings().weight)
    states: list[torch.Tensor] = []
    ours.blocks[-1].register_forward_hook(lambda module, given, x: states.append(x[:, :15]))
    ours(ids, torch.tensor([15]), torch.zeros(1, 4, 32, dtype=torch.long), torch.zeros(1, 4, dtype=torch.long))
    logits = ours.norm(states[0]) @ theirs.get_output_embeddings().weight.T
    assert torch.allclose(logits, theirs(ids).logits, atol=1e-5)


def test_several_files_are_one(pair):
    folder, _, ours = pair
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    index = {}
    for number, names in enumerate((sorted(weights)[::2], sorted(weights)[1::2])):
        save_file({name: weights[name] for name in names}, folder / f"model-{number}.safetensors")
        index |= {name: f"model-{number}.safetensors" for name in names}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    take_body(ours, folder)
    assert torch.equal(ours.blocks[1].down.weight, weights["model.layers.1.mlp.down_proj.weight"])
    index["model.norm.weight"] = "../model-0.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    with pytest.raises(ValueError, match="expected files of the folder"):
        take_body(ours, folder)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": []}')
    with pytest.raises(ValueError, match="has no tensor model.layers.0"):
        take_body(ours, folder)


def test_what_does_not_fit_is_said_with_the_flags_that_do(pair):
    folder, _, _ = pair
    message = r"another shape than this model; use .*--model.num_heads=4 .*--model.causal_text=true"
    with pytest.raises(ValueError, match=message):
        take_body(toys.toy_lm(toys.toy_lm_config()), folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gpt2"}, "model_type 'gpt2', expected llama, qwen2, qwen3"),
        ({"hidden_act": "gelu"}, "hidden_act 'gelu'"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "rotary scaling 'yarn'"),
        ({"mlp_bias": True}, "biases in the MLP"),
        ({"rms_norm_eps": None}, "not that of a text LM"),
        ({"rope_parameters": "llama3"}, "not that of a text LM: rotary parameters 'llama3'"),
    ],
)
def test_other_models_are_refused_by_name(pair, change, message):
    folder, _, ours = pair
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | change))
    with pytest.raises(ValueError, match=message):
        take_body(ours, folder)


def test_pickles_are_not_read(pair):
    folder, _, ours = pair
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="no readable safetensors"):
        take_body(ours, folder)
