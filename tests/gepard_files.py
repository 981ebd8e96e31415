"""Folders in the published layout of Gepard-1.0, with random weights of any size."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor

from speechllm.gepard.voice import read_config
from speechllm.gepard.weights import expected_shapes

TINY = dict(  # backbone_config
    hidden_size=64,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    intermediate_size=96,
    vocab_size=300,
    rms_norm_eps=1e-6,
    layer_types=["full_attention"] * 3,
    rope_parameters=dict(rope_type="default", rope_theta=1e7, partial_rotary_factor=1.0, mrope_section=[11, 11, 10]),
)
MARKS = dict(
    tokeniser_length=277, start_of_text=273, end_of_text=274, start_of_speech=270, end_of_speech=271, tts_pad=276
)
LEVELS = [8, 7, 6, 6]
ROOT = Path(__file__).resolve().parents[1]


def configuration(
    body: dict[str, object] = TINY, marks: dict[str, int] = MARKS, **changes: object
) -> dict[str, object]:
    """A gepard_config.json."""
    return {
        "model_type": "gepard",
        "backbone_config": body,
        "audio_heads": {f"level_audio_{i}": LEVELS[i % 4] for i in range(32)},
        "audio_embed_dim": 32,
        "partial_rotary_factor": 1.0,
        "special_tokens": marks,
        "stop_loss_weight": 2.0,
        "model_dtype": "bfloat16",
        "codec": dict(num_layers=8, fsq_levels=LEVELS, frame_rate_hz=21.5, sample_rate=22050, codec_id="nanocodec"),
        "text_repetition": dict(enabled=True, target_text_tokens=16, apply_below=13, max_repeats=8),
        "voice_cloning": dict(
            enabled=True,
            compressor=dict(num_queries=8, num_layers=2, num_heads=8, ffn_hidden_size_multiplier=4, dropout=0.1),
        ),
        **changes,
    }


def random_weights(values: dict[str, object], seed: int = 0, dtype: torch.dtype = torch.bfloat16) -> dict[str, Tensor]:
    """Tensors of every published name: norms as trained ones lie, the rest large enough that all of it matters."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, shape in expected_shapes(read_config(values)[0]).items():
        tensor = torch.randn(shape, generator=generator)
        if len(shape) == 2 and "embed" not in name:
            tensor *= 1.5 * shape[1] ** -0.5
        elif "norm" in name:
            tensor = 0.14 * tensor + (1 if "ref_compressor" in name else 0)
        elif shape == ():
            tensor = torch.tensor(0.5)
        found[name] = tensor.to(dtype)
    return found


def write_tokenizer(path: Path) -> None:
    """A tokenizer of bytes, with marks of its own."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<|endoftext|>", "<|audio_start|>"])
    tokenizer.save(str(path))


def write_folder(folder: Path, values: dict[str, object] | None = None, seed: int = 0, **options: object) -> Path:
    """A whole folder of the published files."""
    values = values or configuration()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gepard_config.json").write_text(json.dumps(values), "utf-8")
    save_file(random_weights(values, seed, **options), folder / "model.safetensors")
    write_tokenizer(folder / "tokenizer.json")
    return folder
