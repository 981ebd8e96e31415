"""The hifigan family's part of pipelines/train_codec.py: its configuration, its data, what it shows on the way."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from codec import HiFiGANCodec, HiFiGANConfig
from codec import load as load_codec
from codec import save as save_codec
from codec.dsp.spectral import log_mel
from codec.training.lfsc.module import HiFiGANOptim, LitHiFiGAN
from codec.training.ranges import AtLeastOne, Count, Decay, NotNegative, Seed
from codec.training.segments import MeasuredSegments
from pipelines.corpus import manifest
from pipelines.corpus.rejects import Reject, report
from pipelines.shared.errors import UserError
from pipelines.training.dealing import loader, per_step, processes
from pipelines.training.resume import Run, part_of, settings_of
from pipelines.training.shown import copy_of_hifigan, sounds
from pipelines.training.starting import starting_from
from pipelines.training.trainer import How, adversarial_options, fit

SHOWN = 4  # items of a validation batch that are written to disk


@dataclass(frozen=True)
class TrainHiFiGAN:
    """Everything a run depends on; see configs/codec/lfsc.yaml."""

    manifest: Path
    run_dir: Path = Path("runs/codec")
    codec: HiFiGANConfig = field(default_factory=HiFiGANConfig)
    optim: HiFiGANOptim = field(default_factory=HiFiGANOptim)
    init_from: Path | None = None  # a codec whose weights to start from
    batch_size: AtLeastOne = 16  # segments that each process holds at once
    batches_per_step: AtLeastOne = 1  # of these that each process passes, one by one, for an update of the weights
    activation_checkpointing: bool = False  # compute inner values anew on the way back: more time, less memory
    segment_frames: AtLeastOne = 24  # codec frames in a training segment
    min_duration_s: NotNegative = 0.4  # shorter utterances are left out
    ema_decay: Decay = 0.0  # of a running mean of the weights, which is then what is exported; 0 = none
    validation_items: Count = 64  # utterances kept out of training
    validate_every: AtLeastOne = 1000  # steps
    num_workers: Count = 4
    checkpoint_minutes: NotNegative = 10.0
    seed: Seed = 0
    trainer: dict[str, Any] = field(default_factory=dict)  # passed to lightning.Trainer


def loaders(
    config: TrainHiFiGAN, utterances: list[manifest.Utterance], run: Run
) -> tuple[DataLoader, DataLoader | None]:
    """Training and validation segments; training goes on after those that earlier parts of the run have used."""
    folder = config.manifest.parent
    held, used = utterances[: config.validation_items], utterances[config.validation_items :]

    def segments(part: list[manifest.Utterance], size: int, first: int = 0) -> MeasuredSegments:
        files, durations = [folder / u.audio for u in part], [u.duration_s for u in part]
        samples, rate = config.segment_frames * config.codec.hop_length, config.codec.sample_rate
        return MeasuredSegments(files, durations, samples, rate, size=size, seed=config.seed, first=first)

    left = (config.optim.max_steps - run.steps_done()) * run.items_per_step
    training = loader(segments(used, left, run.progress.items), per_step(config), config.num_workers)
    return training, loader(segments(held, len(held)), config.batch_size, config.num_workers) if held else None


def read_manifest(config: TrainHiFiGAN) -> list[manifest.Utterance]:
    """The utterances of the manifest that are long enough, more than are held out."""
    found = manifest.read(config.manifest)
    utterances = [u for u in found if u.duration_s >= config.min_duration_s]
    short = [Reject(u.id, f"lasts {u.duration_s} s") for u in found if u.duration_s < config.min_duration_s]
    report(config.run_dir / "left_out.jsonl", short, len(found), most=1.0)
    if len(utterances) <= config.validation_items:
        raise UserError(
            f"{config.manifest} has {len(utterances)} utterances of {config.min_duration_s} s or more, "
            f"{config.validation_items} of them for validation; use a larger corpus or a smaller --validation_items"
        )
    return utterances


def shower(run_dir: Path, sample_rate: int) -> Callable[[int, Tensor, Tensor], None]:
    """What writes real and decoded audio, and their spectrograms where matplotlib is there, to run_dir/samples."""

    def show(step: int, real: Tensor, fake: Tensor) -> None:
        folder = run_dir / f"samples/{step:07d}"
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(min(SHOWN, len(real))):
            pair = {"real": real[index].float().cpu(), "decoded": fake[index].float().cpu()}
            for name, audio in pair.items():
                soundfile.write(folder / f"{index}-{name}.wav", audio.clamp(-1, 1).numpy(), sample_rate)
            draw(folder / f"{index}.png", pair, sample_rate)

    return show


def draw(path: Path, pair: dict[str, Tensor], sample_rate: int) -> None:
    """Log-mel spectrograms of audio [N], one above the other."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    figure = Figure(figsize=(8, 6), layout="tight")
    for axes, (name, audio) in zip(figure.subplots(2, 1, sharex=True), pair.items(), strict=True):
        usable = audio[None, : audio.shape[0] // 256 * 256]
        axes.imshow(log_mel(usable, sample_rate, 1024, 256, 80)[0].T.numpy(), origin="lower", aspect="auto")
        axes.set_title(name)
    figure.savefig(path, dpi=80)


def train(config: TrainHiFiGAN) -> None:
    """Train, or go on with an interrupted run."""
    torch.manual_seed(config.seed)
    codec = HiFiGANCodec(config.codec)
    if config.init_from:
        with starting_from("init_from", config.init_from):
            codec.load_state_dict(load_codec(config.init_from, kind=HiFiGANCodec).state_dict())
    module = LitHiFiGAN(
        codec,
        config.optim,
        shower(config.run_dir, codec.sample_rate),
        config.batches_per_step,
        config.activation_checkpointing,
    )
    utterances = read_manifest(config)
    identity = settings_of("codec", config.codec) | {"corpus": manifest.digest(utterances, config.manifest.parent)}
    settings = dataclasses.asdict(config)
    items = per_step(config) * processes(config.trainer)
    run = Run(config.run_dir, config.optim.max_steps, identity, settings, config.checkpoint_minutes, items)
    training, validation = loaders(config, utterances, run)
    sizes = [
        sum(p.numel() for p in part.parameters()) / 1e6
        for part in (codec.encoder, codec.decoder, module.discriminators)
    ]
    print("codec: encoder {:.1f} M, decoder {:.1f} M, discriminators {:.1f} M parameters".format(*sizes))

    def export(weights: dict[str, Tensor]) -> None:
        save_codec(HiFiGANCodec.from_weights(config.codec, part_of(weights, "codec")), config.run_dir / "codec")

    how = How(config.validate_every, adversarial_options(config.trainer), ema_decay=config.ema_decay)
    fit(module, training, validation, run, how, export, sounds(validation, codec.sample_rate, copy_of_hifigan(module)))
