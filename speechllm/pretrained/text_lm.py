"""The body of a text LM in transformers' format, Llama, Qwen2 or Qwen3, as the body of a speech LM.

Blocks and the last norm are taken over. Embeddings and the head over words stay behind: a speech LM reads phonemes and
writes codes. Only safetensors are read, and no code of the folder is run.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from speechllm.model.finite import refuse_not_finite
from speechllm.model.speech_lm import SpeechLM

FAMILIES = ("llama", "qwen2", "qwen3")
INDEX = "model.safetensors.index.json"
SCALING = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
FIXED = dict(causal_text=True, shared_positions=True, gated_attention=False, rope_rounded=False)


def take_body(model: SpeechLM, folder: Path) -> int:
    """Start a speech LM from a text LM's body; returns how many of its tensors were taken.

    Raises:
        ValueError: the folder is no such LM, or its body has another shape; the message says which flags it needs.
    """
    values = read_json(folder / "config.json")
    wanted = shape_of(values, folder)
    mine = model.config
    found = {name: getattr(mine, name) for name in wanted}
    found |= dict(num_kv_heads=mine.kv_heads, head_dim=mine.head_width)
    if different := {name: value for name, value in wanted.items() if found[name] != value}:
        flags = " ".join(f"--model.{name}={flag_of(value)}" for name, value in different.items())
        raise ValueError(f"the body of {folder} has another shape than this model; use {flags}")
    read = Weights(folder)
    body = {name: tensor for layer in range(mine.num_layers) for name, tensor in block_of(read, layer, wanted).items()}
    body["norm.weight"] = read("model.norm.weight")
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    if wrong := [name for name, tensor in body.items() if shapes[name] != tensor.shape]:
        raise ValueError(f"{folder}: {wrong[0]} is {list(body[wrong[0]].shape)}; expected {list(shapes[wrong[0]])}")
    refuse_not_finite(body, folder)
    model.load_state_dict(body, strict=False)
    return len(body)


def flag_of(value: Any) -> str:
    """A value as one types it after a flag."""
    return str(list(value) if isinstance(value, tuple) else value).lower().replace(" ", "")


def shape_of(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The fields of LMShape that a body asks for, out of its config.json."""
    family = values.get("model_type")
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise ValueError(f"{folder}/config.json is not that of a text LM: rotary parameters {rope!r}")
    kind = rope.get("rope_type", rope.get("type", "default"))
    refused = {
        f"model_type {family!r}, expected {', '.join(FAMILIES)}": family not in FAMILIES,
        f"hidden_act {values.get('hidden_act')!r}, expected 'silu'": values.get("hidden_act") != "silu",
        f"rotary scaling {kind!r}, expected 'llama3' or none": kind not in ("default", "llama3"),
        "biases in attention": bool(values.get("attention_bias")),
        "biases in the MLP": bool(values.get("mlp_bias")),
        "a sliding window": bool(values.get("use_sliding_window")),
    }
    if wrong := [what for what, is_so in refused.items() if is_so]:
        raise ValueError(f"{folder} cannot be started from: it has {wrong[0]}")
    try:
        heads, dim = values["num_attention_heads"], values["hidden_size"]
        return dict(
            dim=dim,
            num_layers=values["num_hidden_layers"],
            num_heads=heads,
            mlp_dim=values["intermediate_size"],
            num_kv_heads=values.get("num_key_value_heads") or heads,
            head_dim=values.get("head_dim") or dim // heads,
            rope_theta=float(rope.get("rope_theta", values.get("rope_theta", 10_000.0))),
            rope_scaling=tuple(float(rope[name]) for name in SCALING) if kind == "llama3" else (),
            norm_eps=float(values["rms_norm_eps"]),
            qk_norm=family == "qwen3",
            qkv_bias=family == "qwen2",
            **FIXED,
        )
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise ValueError(f"{folder}/config.json is not that of a text LM: {type(error).__name__} {error}") from None


def block_of(read: "Weights", layer: int, shape: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors of one of our blocks, by our names."""
    theirs, ours = f"model.layers.{layer}", f"blocks.{layer}"
    block = {
        "attention_norm.weight": read(f"{theirs}.input_layernorm.weight"),
        "attention.qkv.weight": torch.cat([read(f"{theirs}.self_attn.{name}_proj.weight") for name in "qkv"]),
        "attention.output.weight": read(f"{theirs}.self_attn.o_proj.weight"),
        "mlp_norm.weight": read(f"{theirs}.post_attention_layernorm.weight"),
        "gate_up.weight": torch.cat([read(f"{theirs}.mlp.{name}_proj.weight") for name in ("gate", "up")]),
        "down.weight": read(f"{theirs}.mlp.down_proj.weight"),
    }
    if shape["qkv_bias"]:
        block["attention.qkv.bias"] = torch.cat([read(f"{theirs}.self_attn.{name}_proj.bias") for name in "qkv"])
    if shape["qk_norm"]:
        block |= {f"attention.{name}_norm.weight": read(f"{theirs}.self_attn.{name}_norm.weight") for name in "qk"}
    return {f"{ours}.{name}": tensor for name, tensor in block.items()}


class Weights:
    """Tensors of a folder by name, as float32, from model.safetensors or the files that its index names.

    Raises:
        ValueError: there are none, or none of that name.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        names = ["model.safetensors"]
        if (folder / INDEX).is_file():
            places = read_json(folder / INDEX).get("weight_map")
            names = sorted(set(map(str, places.values()))) if isinstance(places, dict) else []
        if outside := [name for name in names if Path(name).name != name]:
            raise ValueError(f"{folder / INDEX} names {outside[0]!r}; expected files of the folder")
        try:
            files = [safe_open(folder / name, "pt") for name in names]
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{folder} has no readable safetensors ({error}); other formats can run code") from None
        self.files = {name: file for file in files for name in file.keys()}  # noqa: SIM118

    def __call__(self, name: str) -> Tensor:
        if name not in self.files:
            raise ValueError(f"{self.folder} has no tensor {name}; it is not the text LM that its config.json says")
        tensor: Tensor = self.files[name].get_tensor(name)
        return tensor.float()


def read_json(path: Path) -> dict[str, Any]:
    """A mapping.

    Raises:
        ValueError: it is none.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not readable ({error}); expected a text LM in transformers' format") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path} is not a JSON object; expected a text LM in transformers' format")
    return values
