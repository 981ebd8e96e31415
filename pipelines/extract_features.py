"""Compute once what a codec codes: manifest -> feature shards, from which the codec's encoder and decoder train faster.

    python pipelines/extract_features.py --manifest data/heart/manifest.jsonl --out data/features

On a CPU the analysis of audio takes as long as the networks that learn from it. An interrupted run continues with the
same command; `--part 1/2` and `--part 2/2` share the work between two processes.
"""

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import CodecConfig  # noqa: E402
from codec.audio import load_audio, trim_silence  # noqa: E402
from codec.lite.networks import extract_features  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.shared.files import UserError, guard, partial  # noqa: E402
from pipelines.shared.settings import load_yaml  # noqa: E402

SHARD_SIZE = 500  # utterances, and the resume point


@torch.inference_mode()
def features_of(path: Path, config: CodecConfig) -> torch.Tensor:
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


def read_features(folder: Path, config: CodecConfig) -> dict[str, torch.Tensor]:
    """Everything pipelines/extract_features.py has written, by utterance."""
    shards = sorted(folder.glob("*.safetensors"))
    if not shards:
        raise UserError(f"{folder} holds no features; make them with pipelines/extract_features.py")
    for shard in shards:
        check(shard, config)
    return {name: tensor for shard in shards for name, tensor in load_file(shard).items()}


def parse_part(text: str) -> tuple[int, int]:
    """'i/n' -> (i, n)."""
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise UserError(f"got --part {text}; expected i/n with 1 <= i <= n")
    return int(part), int(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--config", type=Path, help="codec configuration; default: that of the shipped codec")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--part", default="1/1", help="i/n: every n-th shard from the i-th on, for n processes")
    args = parser.parse_args()

    config = CodecConfig()
    if args.config:
        config = CodecConfig.from_dict(load_yaml(args.config.read_text("utf-8"), str(args.config))["codec"])
    part, parts = parse_part(args.part)
    utterances = manifest.read(args.manifest)
    args.out.mkdir(parents=True, exist_ok=True)
    for start in track(range((part - 1) * SHARD_SIZE, len(utterances), parts * SHARD_SIZE), "analysing"):
        path = args.out / f"{start:06d}.safetensors"
        if path.is_file():
            check(path, config)
        else:
            chunk = utterances[start : start + SHARD_SIZE]
            features = {u.id: features_of(args.manifest.parent / u.audio, config) for u in chunk}
            save_file(features, partial(path), {"analysis": analysis(config)})
            partial(path).replace(path)


if __name__ == "__main__":
    guard(main)
