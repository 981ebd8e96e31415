"""A small .nemo file made by hand, for tests of the reader; tests/codec/golden has one that NeMo wrote."""

import io
import re
import tarfile
from pathlib import Path

import torch
import yaml

from benchmarks.oracle.nemo_config import nemo_config
from benchmarks.oracle.weights import make_weights
from codec import HiFiGANCodec
from parity.reduced import TINY

# NeMo's names of our modules.
RENAMES = [
    (r"^residual\.(\d+)\.branches\.(\d+)\.", r"res_layers.\1.res_blocks.\2.res_blocks."),
    (r"^downs\.", "down_sample_conv_layers."),
    (r"^ups\.", "up_sample_conv_layers."),
    (r"^acts\.", "activations."),
    (r"^act\.", "post_activation."),
    (r"^(pre|post)\.", r"\1_conv."),
    (r"\bconv1\.", "input_conv."),
    (r"\bconv2\.", "skip_conv."),
    (r"\bact1\.", "input_activation."),
    (r"\bact2\.", "skip_activation."),
    (r"alpha$", "activation.snake_act.alpha"),
    (r"(parametrizations\.weight\.original\d|bias)$", r"conv.\1"),
]


def nemo_name(name: str) -> str:
    """What NeMo calls one of our weights."""
    part, _, rest = name.partition(".")
    for pattern, replacement in RENAMES:
        rest = re.sub(pattern, replacement, rest)
    return f"audio_{part}.{rest}"


def pack(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    """Write a tar."""
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def save(weights: object) -> bytes:
    """The bytes of torch.save."""
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return buffer.getvalue()


def tiny_parts() -> dict[str, bytes]:
    """The members of a .nemo file of a tiny codec, with some of what training leaves there."""
    codec = HiFiGANCodec(TINY)
    codec.add_weight_norm()
    shapes = {nemo_name(name): tuple(tensor.shape) for name, tensor in codec.state_dict().items()}
    weights = {name: torch.from_numpy(w) for name, w in make_weights(shapes, 0).items()}
    weights["vector_quantizer.fsqs.0.num_levels"] = torch.tensor(TINY.levels, dtype=torch.int32)
    weights["mel_loss_fn.mel_features.0.window"] = torch.zeros(8)
    config = {**nemo_config(TINY), "target": "nemo.collections.tts.models.audio_codec.AudioCodecModel"}
    return {"./model_config.yaml": yaml.safe_dump(config).encode(), "./model_weights.ckpt": save(weights)}
