"""The tensors of Gepard-1.0: their names and shapes in its file, and what they are to a SpeechLM.

Shapes: D width, H heads, G heads of keys and values, E channels of a head, L levels of a digit.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from speechllm.config import LMConfig
from speechllm.gepard.weight_file import WeightFile

IGNORED = ("supcon_head.", "aligner.")  # heads that only training needs


def expected_shapes(config: LMConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every published tensor; scalars may be [] or [1]."""
    d, e, inner, width = config.dim, config.head_width, config.mlp_dim, config.frame_tables
    levels = config.codes.levels * config.codes.num_codebooks
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config.vocab_size, d),
        "model.norm.weight": (d,),
        "audio_embed_proj.0.weight": (d, width * len(levels)),
        "audio_embed_proj.0.bias": (d,),
        "audio_embed_proj.2.weight": (d, d),
        "audio_embed_proj.2.bias": (d,),
        "audio_embed_scale": (),
        "stop_head.weight": (1, d),
        "stop_head.bias": (1,),
    }
    for i in range(config.num_layers):
        layer = f"model.layers.{i}"
        shapes |= {
            f"{layer}.input_layernorm.weight": (d,),
            f"{layer}.post_attention_layernorm.weight": (d,),
            f"{layer}.self_attn.q_proj.weight": (2 * config.num_heads * e, d),
            f"{layer}.self_attn.k_proj.weight": (config.kv_heads * e, d),
            f"{layer}.self_attn.v_proj.weight": (config.kv_heads * e, d),
            f"{layer}.self_attn.o_proj.weight": (d, config.num_heads * e),
            f"{layer}.self_attn.q_norm.weight": (e,),
            f"{layer}.self_attn.k_norm.weight": (e,),
            f"{layer}.mlp.gate_proj.weight": (inner, d),
            f"{layer}.mlp.up_proj.weight": (inner, d),
            f"{layer}.mlp.down_proj.weight": (d, inner),
        }
    for i, level in enumerate(levels):
        shapes |= {
            f"audio_embeddings.{i}.weight": (level, width),
            f"codebook_heads.{i}.weight": (level, d),
            f"codebook_heads.{i}.bias": (level,),
        }
    return shapes | (prefix_shapes(config) if config.prefix_queries else {})


def prefix_shapes(config: LMConfig) -> dict[str, tuple[int, ...]]:
    """The part of `expected_shapes` that makes a voice prefix."""
    d, inner = config.dim, config.prefix_mlp_dim
    shapes: dict[str, tuple[int, ...]] = {
        "null_prefix": (config.prefix_queries, d),
        "ref_compressor.queries": (config.prefix_queries, d),
        "ref_compressor.input_proj.weight": (d, config.codes.num_digits),
        "ref_compressor.input_proj.bias": (d,),
        "ref_compressor.final_norm.weight": (d,),
        "ref_compressor.output_scale": (),
    }
    for i in range(config.prefix_layers):
        block = f"ref_compressor.blocks.{i}"
        shapes |= {f"{block}.norm_{part}.weight": (d,) for part in ("self", "cross", "ffn")}
        shapes |= {
            f"{block}.{part}_attn.{name}_proj.weight": (d, d)
            for part in ("self", "cross")
            for name in ("q", "k", "v", "out")
        }
        shapes |= {f"{block}.ffn.{name}_proj.weight": (inner, d) for name in ("gate", "up")}
        shapes[f"{block}.ffn.down_proj.weight"] = (d, inner)
    return shapes


def refuse_misfits(shapes: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raise ValueError unless a file holds exactly the tensors that are wanted."""
    if lora := sorted(name for name in shapes if ".lora_" in name or ".base.weight" in name):
        raise ValueError(f"{path} holds LoRA adapters that are not merged, such as {lora[0]}; merge them first")
    given = {name: shape for name, shape in shapes.items() if not name.startswith(IGNORED)}
    for what, names in (("lacks", wanted.keys() - given.keys()), ("has unknown", given.keys() - wanted.keys())):
        if names:
            raise ValueError(f"{path} {what} {len(names)} of {len(wanted)} tensors, such as {min(names)}")
    for name, shape in wanted.items():
        if given[name] != shape and not (shape == () and given[name] == (1,)):
            raise ValueError(f"{path}: got {name} of shape {list(given[name])}; expected {list(shape)}")


def convert(file: WeightFile, config: LMConfig, start_of_speech: int) -> dict[str, Tensor]:
    """The published tensors as SpeechLM names and joins them.

    Norms of the transformer multiply by 1 + weight, those of the prefix by weight. The embedding stays in the file; the
    row of id `start_of_speech` becomes the model's `begin`.
    """

    def join(*names: str) -> Tensor:
        parts = [file.read(name) for name in names]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def gain(name: str) -> Tensor:
        return 1 + file.read(name).float()

    embedding = file.view("model.embed_tokens.weight")
    digits = range(len(config.codes.levels) * config.codes.num_codebooks)
    tensors = {
        "text_embedding.weight": embedding,
        "begin": embedding[start_of_speech].clone(),
        "norm.weight": gain("model.norm.weight"),
        "frame_input.tables.weight": join(*(f"audio_embeddings.{i}.weight" for i in digits)),
        "frame_input.scale": file.read("audio_embed_scale").reshape(()),
        "frame_head.weight": join(*(f"codebook_heads.{i}.weight" for i in digits)),
        "frame_head.bias": join(*(f"codebook_heads.{i}.bias" for i in digits)),
    }
    for kind in ("weight", "bias"):
        tensors[f"frame_input.hidden.{kind}"] = file.read(f"audio_embed_proj.0.{kind}")
        tensors[f"frame_input.output.{kind}"] = file.read(f"audio_embed_proj.2.{kind}")
        tensors[f"stop_head.{kind}"] = file.read(f"stop_head.{kind}")
    for i in range(config.num_layers):
        layer, block = f"model.layers.{i}", f"blocks.{i}"
        # Each head's rows of queries are followed by those of its gate.
        pairs = file.read(f"{layer}.self_attn.q_proj.weight").view(config.num_heads, 2, config.head_width, config.dim)
        others = [file.read(f"{layer}.self_attn.{name}_proj.weight") for name in ("k", "v")]
        tensors |= {
            f"{block}.attention_norm.weight": gain(f"{layer}.input_layernorm.weight"),
            f"{block}.attention.qkv.weight": torch.cat([pairs[:, 0].flatten(0, 1), *others, pairs[:, 1].flatten(0, 1)]),
            f"{block}.attention.q_norm.weight": gain(f"{layer}.self_attn.q_norm.weight"),
            f"{block}.attention.k_norm.weight": gain(f"{layer}.self_attn.k_norm.weight"),
            f"{block}.attention.output.weight": file.read(f"{layer}.self_attn.o_proj.weight"),
            f"{block}.mlp_norm.weight": gain(f"{layer}.post_attention_layernorm.weight"),
            f"{block}.gate_up.weight": join(f"{layer}.mlp.gate_proj.weight", f"{layer}.mlp.up_proj.weight"),
            f"{block}.down.weight": file.read(f"{layer}.mlp.down_proj.weight"),
        }
    return tensors | (convert_prefix(file, config) if config.prefix_queries else {})


def convert_prefix(file: WeightFile, config: LMConfig) -> dict[str, Tensor]:
    """The part of `convert` that makes a voice prefix."""
    tensors = {
        "prefix.nobody": file.read("null_prefix"),
        "prefix.queries": file.read("ref_compressor.queries"),
        "prefix.input.weight": file.read("ref_compressor.input_proj.weight"),
        "prefix.input.bias": file.read("ref_compressor.input_proj.bias"),
        "prefix.norm.weight": file.read("ref_compressor.final_norm.weight"),
        "prefix.scale": file.read("ref_compressor.output_scale").reshape(()),
    }
    names = {"query": "q", "key": "k", "value": "v", "output": "out"}
    for i in range(config.prefix_layers):
        theirs, ours = f"ref_compressor.blocks.{i}", f"prefix.blocks.{i}"
        for part, norm in (("self", "self"), ("cross", "cross"), ("mlp", "ffn")):
            tensors[f"{ours}.{part}_norm.weight"] = file.read(f"{theirs}.norm_{norm}.weight")
        for part in ("self", "cross"):
            for name, their_name in names.items():
                source = f"{theirs}.{part}_attn.{their_name}_proj.weight"
                tensors[f"{ours}.{part}_attention.{name}.weight"] = file.read(source)
        gate_up = [file.read(f"{theirs}.ffn.{name}_proj.weight") for name in ("gate", "up")]
        tensors[f"{ours}.gate_up.weight"] = torch.cat(gate_up)
        tensors[f"{ours}.down.weight"] = file.read(f"{theirs}.ffn.down_proj.weight")
    return tensors
