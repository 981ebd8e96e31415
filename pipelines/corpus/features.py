"""What a lite codec codes, computed once: shards of features by utterance.

Shapes: S STFT frames, W values of a frame.
"""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from codec import CodecConfig
from codec.audio.reading import read_speech
from codec.lite.features import analyse_in_blocks
from pipelines.shared.atomic import replacing
from pipelines.shared.errors import UserError


@torch.inference_mode()
def features_of(path: Path, config: CodecConfig) -> Tensor:
    """Features float16 [S, W] of a file without the silence around its speech; it may be hours long."""
    blocks = analyse_in_blocks(read_speech(path, config.sample_rate), config)
    return torch.cat([features[0].half() for features, _ in blocks])


def analysis(config: CodecConfig) -> str:
    """What features depend on."""
    highpass = f", high-pass at {config.highpass_hz:g} Hz" if config.highpass_hz else ""
    return f"{config.sample_rate} Hz, window {config.n_fft}, hop {config.stft_hop}, {config.n_mels} bands{highpass}"


def check(shard: Path, config: CodecConfig) -> None:
    """Features of another analysis are no features of this codec."""
    with safe_open(shard, "pt") as file:
        found = (file.metadata() or {}).get("analysis")
    if found != analysis(config):
        raise UserError(f"{shard} was made with {found}, this codec has {analysis(config)}; use another folder")


def write_features(shard: Path, features: dict[str, Tensor], config: CodecConfig) -> None:
    """Write the features of some utterances, by their ids; the whole file or none."""
    with replacing(shard) as temporary:
        save_file(features, temporary, {"analysis": analysis(config)})


def read_features(folder: Path, config: CodecConfig) -> dict[str, Tensor]:
    """Everything pipelines/extract_features.py has written, by utterance."""
    shards = sorted(folder.glob("[!.]*.safetensors"))
    if not shards:
        raise UserError(f"{folder} holds no features; make them with pipelines/extract_features.py")
    for shard in shards:
        check(shard, config)
    return {name: tensor for shard in shards for name, tensor in load_file(shard).items()}
