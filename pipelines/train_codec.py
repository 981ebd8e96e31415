"""Train a codec from a manifest of audio.

    python pipelines/train_codec.py --config configs/codec/lite-21.5fps.yaml --manifest=data/heart/manifest.jsonl

On a GPU add `--trainer.accelerator=gpu --trainer.precision=bf16-mixed`. The same command resumes an interrupted run.
The codec is in RUN_DIR/codec, ready for Codec.from_pretrained, from the first checkpoint on.
"""

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import CodecConfig, LiteCodec  # noqa: E402
from codec.training.lite.linear_start import start_from_components  # noqa: E402
from codec.training.lite.module import CodecOptim, LitCodec  # noqa: E402
from codec.training.segments import AudioSegments, FeatureSegments, Segments  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.extract_features import read_features  # noqa: E402
from pipelines.shared.files import UserError, guard  # noqa: E402
from pipelines.shared.settings import load_yaml, parse  # noqa: E402
from pipelines.training.trainer import fit  # noqa: E402

DISCRIMINATORS = "discriminators.safetensors"
START_SEGMENTS = 400  # segments from which training takes its linear start


@dataclass(frozen=True)
class TrainCodec:
    """Everything a run depends on; see configs/codec/lite-21.5fps.yaml."""

    manifest: Path
    run_dir: Path = Path("runs/codec")
    codec: CodecConfig = field(default_factory=CodecConfig)
    optim: CodecOptim = field(default_factory=CodecOptim)
    init_from: Path | None = None  # a codec folder whose weights to start from
    vocoder_from: Path | None = None  # a codec folder whose vocoder to start from
    discriminators_from: Path | None = None  # the run_dir of a run whose discriminators to start from
    features: Path | None = None  # features to train on in place of audio
    batch_size: int = 16
    segment_frames: int = 32  # codec frames in a training segment
    validation_items: int = 64  # utterances kept out of training
    validate_every: int = 500  # steps
    num_workers: int = 1
    num_threads: int = 0  # of torch on the CPU; 0 = leave to torch
    checkpoint_minutes: float = 5.0
    seed: int = 0
    trainer: dict[str, Any] = field(default_factory=dict)  # passed to lightning.Trainer


def loaders(config: TrainCodec, seen: int) -> tuple[DataLoader, DataLoader]:
    """Training and validation segments; training goes on after the `seen` batches of an earlier part of the run."""
    utterances = manifest.read(config.manifest)
    if len(utterances) <= config.validation_items:
        raise UserError(
            f"{config.manifest} has {len(utterances)} utterances, {config.validation_items} of them for validation; "
            "use a larger corpus or a smaller --validation_items"
        )
    folder, frames = config.manifest.parent, config.segment_frames
    held, used = utterances[: config.validation_items], utterances[config.validation_items :]
    features = read_features(config.features, config.codec) if config.features else {}

    def segments(part: list[manifest.Utterance], size: int, first: int = 0) -> Segments:
        draws = size, config.seed, first
        if config.features:
            known = [features[u.id] for u in part if u.id in features]
            return FeatureSegments(known, frames * config.codec.stack, config.codec.stack, *draws)
        files, durations = [folder / u.audio for u in part], [u.duration_s for u in part]
        return AudioSegments(files, durations, frames * config.codec.hop_length, config.codec.sample_rate, *draws)

    # Lightning resumes in the middle of its epoch and stops at its full length, so only the draws move on.
    train = segments(used, config.optim.max_steps * config.batch_size, seen * config.batch_size)
    options: dict[str, Any] = dict(batch_size=config.batch_size, num_workers=config.num_workers)
    return DataLoader(train, **options), DataLoader(segments(held, len(held)), **options)


def family(argv: list[str]) -> str:
    """The family of the codec that a command line is about: that of its configuration file."""
    for flag, value in zip(argv, [*argv[1:], ""], strict=True):
        path = Path(value if flag == "--config" else flag.removeprefix("--config="))
        if flag.startswith("--config") and path.is_file():
            loaded = load_yaml(path.read_text("utf-8"))
            codec = loaded.get("codec") if isinstance(loaded, dict) else None
            return str(codec.get("family", "lite")) if isinstance(codec, dict) else "lite"
    return "lite"


def main() -> None:
    if family(sys.argv[1:]) == "hifigan":
        from pipelines.training import lfsc_codec as train_hifigan

        train_hifigan.train(__doc__)
        return
    config = parse(TrainCodec, __doc__)
    if config.features and "vocoder" in config.optim.parts:
        raise UserError("a vocoder is trained on audio; use --features with --optim.parts=[features]")
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    torch.manual_seed(config.seed)
    codec = LiteCodec(config.codec)
    if config.init_from:
        codec.load_state_dict(LiteCodec.from_pretrained(config.init_from).state_dict())
    if config.vocoder_from:
        codec.vocoder.load_state_dict(LiteCodec.from_pretrained(config.vocoder_from).vocoder.state_dict())
    module = LitCodec(codec, config.optim)
    if config.discriminators_from:
        module.load_discriminators(config.discriminators_from / DISCRIMINATORS)
    last, seen = config.run_dir / "last.ckpt", 0
    if last.is_file():
        seen = int(torch.load(last, weights_only=True)["state_dict"]["step"])
    if seen >= config.optim.max_steps:
        raise UserError(f"{config.run_dir} has done its {seen} steps; raise --optim.max_steps or use another --run_dir")
    train, validation = loaders(config, seen)
    if not seen and not config.init_from and "features" in config.optim.parts:
        count = min(START_SEGMENTS, config.optim.max_steps * config.batch_size)
        samples = [train.dataset[i] for i in track(range(count), "finding the best linear code")]
        start_from_components(codec, module.analyse(torch.stack(samples))[0])
    parts = codec.encoder, codec.decoder, codec.vocoder
    sizes = [sum(p.numel() for p in part.parameters()) / 1e6 for part in parts]
    print("codec: encoder {:.1f} M, decoder {:.1f} M, vocoder {:.1f} M parameters".format(*sizes))
    options = {
        "max_epochs": 1,
        "val_check_interval": min(config.validate_every, config.optim.max_steps),
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 50,
        **config.trainer,
    }

    def export() -> None:
        codec.save_pretrained(config.run_dir / "codec", torch.float32)
        module.save_discriminators(config.run_dir / DISCRIMINATORS)

    fit(
        module,
        (train, validation),
        config.run_dir,
        options,
        export,
        dataclasses.asdict(config),
        config.checkpoint_minutes,
    )


if __name__ == "__main__":
    guard(main)
