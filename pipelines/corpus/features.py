"""What a lite codec codes, computed once: shards of features by utterance.

Shapes: S STFT frames, W values of a frame.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from codec import CodecConfig
from codec.audio import load_audio, trim_silence
from codec.lite.features import extract_features
from pipelines.shared.atomic import partial
from pipelines.shared.errors import UserError


@torch.inference_mode()
def features_of(path: Path, config: CodecConfig) -> Tensor:
    """Features float16 [S, W] of a file without the silence around its speech."""
    audio = trim_silence(load_audio(path, config.sample_rate), config.sample_rate)
    audio = F.pad(audio, (0, -audio.shape[1] % config.hop_length))
    return extract_features(audio, config)[0].half()


def analysis(config: CodecConfig) -> str:
    """What features depend on."""
    return f"{config.sample_rate} Hz, window {config.n_fft}, hop {config.stft_hop}, {config.n_mels} bands"


def check(shard: Path, config: CodecConfig) -> None:
    """Features of another analysis are no features of this codec."""
    with safe_open(shard, "pt") as file:
        found = (file.metadata() or {}).get("analysis")
    if found != analysis(config):
        raise UserError(f"{shard} was made with {found}, this codec has {analysis(config)}; use another folder")


def write_features(shard: Path, features: dict[str, Tensor], config: CodecConfig) -> None:
    """Write the features of some utterances, by their ids; the whole file or none."""
    save_file(features, partial(shard), {"analysis": analysis(config)})
    partial(shard).replace(shard)


def read_features(folder: Path, config: CodecConfig) -> dict[str, Tensor]:
    """Everything pipelines/extract_features.py has written, by utterance."""
    shards = sorted(folder.glob("*.safetensors"))
    if not shards:
        raise UserError(f"{folder} holds no features; make them with pipelines/extract_features.py")
    for shard in shards:
        check(shard, config)
    return {name: tensor for shard in shards for name, tensor in load_file(shard).items()}
