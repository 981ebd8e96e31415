"""The lite family's part of pipelines/train_codec.py: its configuration, its data, what it starts from."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from codec import CodecConfig, LiteCodec
from codec import load as load_codec
from codec import save as save_codec
from codec.training.lite.augmentation import Augmentation, Augmenter
from codec.training.lite.augmented_segments import AugmentedSegments
from codec.training.lite.linear_start import start_from_components
from codec.training.lite.module import LitCodec
from codec.training.lite.optim import CodecOptim
from codec.training.ranges import AtLeastOne, Count, Decay, NotNegative, Seed
from codec.training.segments import AudioSegments, FeatureSegments, Segments
from pipelines.corpus import manifest
from pipelines.corpus.features import read_features
from pipelines.corpus.rejects import Reject, report
from pipelines.shared.errors import UserError
from pipelines.training.dealing import loader, per_step, processes
from pipelines.training.resume import Run, part_of, settings_of
from pipelines.training.shown import copy_of_lite, sounds
from pipelines.training.starting import starting_from
from pipelines.training.trainer import How, adversarial_options, fit
from speechllm.model.recogniser import Recogniser

DISCRIMINATORS = "discriminators.safetensors"
START_SEGMENTS = 400  # segments from which training takes its linear start


@dataclass(frozen=True)
class TrainLite:
    """Everything a run depends on; see configs/codec/lite-21.5fps.yaml."""

    manifest: Path
    run_dir: Path = Path("runs/codec")
    codec: CodecConfig = field(default_factory=CodecConfig)
    optim: CodecOptim = field(default_factory=CodecOptim)
    init_from: Path | None = None  # a codec folder whose weights to start from
    vocoder_from: Path | None = None  # a codec folder whose vocoder to start from
    discriminators_from: Path | None = None  # the run_dir of a run whose discriminators to start from
    listener_from: Path | None = None  # a recogniser, of this codec's codes, that the decoder should be right for
    features: Path | None = None  # features to train on in place of audio
    augment: Augmentation | None = None  # how features are changed at every step; None = not at all
    batch_size: AtLeastOne = 16  # segments that each process holds at once
    batches_per_step: AtLeastOne = 1  # of these that each process passes, one by one, for an update of the weights
    activation_checkpointing: bool = False  # compute inner values anew on the way back: more time, less memory
    segment_frames: AtLeastOne = 32  # codec frames in a training segment
    ema_decay: Decay = 0.0  # of a running mean of the weights, which is then what is exported; 0 = none
    validation_items: Count = 64  # utterances kept out of training
    validate_every: AtLeastOne = 500  # steps
    num_workers: Count = 1
    num_threads: Count = 0  # of torch on the CPU; 0 = leave to torch
    checkpoint_minutes: NotNegative = 5.0
    seed: Seed = 0
    trainer: dict[str, Any] = field(default_factory=dict)  # passed to lightning.Trainer


def loaders(config: TrainLite, utterances: list[manifest.Utterance], run: Run) -> tuple[DataLoader, DataLoader | None]:
    """Training and validation segments; training goes on after the segments that earlier parts of the run have used."""
    folder, frames = config.manifest.parent, config.segment_frames
    held, used = utterances[: config.validation_items], utterances[config.validation_items :]
    features = read_features(config.features, config.codec, utterances, folder) if config.features else {}

    def left_out(part: list[manifest.Utterance], names: list[str]) -> None:
        """Named in the log; padding would count as speech that is coded well."""
        short = [Reject(name, f"shorter than a segment of {frames} frames") for name in names]
        report(config.run_dir / f"left_out_{'used' if part is used else 'held'}.jsonl", short, len(part), most=1.0)

    def segments(part: list[manifest.Utterance], size: int, first: int = 0) -> Segments:
        if config.features:
            known = {u.id: features[u.id] for u in part if u.id in features}
            tensors, names, stack = list(known.values()), list(known), config.codec.stack
            options: dict[str, Any] = dict(size=size, seed=config.seed, first=first, names=names)
            if config.augment and part is used:
                augmenter = Augmenter(config.codec, config.augment)
                found: FeatureSegments = AugmentedSegments(tensors, frames * stack, stack, augmenter, **options)
            else:
                found = FeatureSegments(tensors, frames * stack, stack, **options)
            left_out(part, found.left_out)
            return found
        samples, rate = frames * config.codec.hop_length, config.codec.sample_rate
        long = [u for u in part if u.duration_s * rate > samples - 1]
        left_out(part, [u.id for u in part if u.duration_s * rate <= samples - 1])
        if not long:
            raise UserError(f"{config.manifest} has no utterance of {frames} frames; use a smaller segment_frames")
        files, durations = [folder / u.audio for u in long], [u.duration_s for u in long]
        return AudioSegments(files, durations, samples, rate, size=size, seed=config.seed, first=first)

    left = (config.optim.max_steps - run.steps_done()) * run.items_per_step
    training = loader(segments(used, left, run.progress.items), per_step(config), config.num_workers)
    return training, loader(segments(held, len(held)), config.batch_size) if held else None


def read_manifest(config: TrainLite) -> list[manifest.Utterance]:
    """The utterances of the manifest, more than are held out."""
    utterances = manifest.read(config.manifest)
    if len(utterances) <= config.validation_items:
        raise UserError(
            f"{config.manifest} has {len(utterances)} utterances, {config.validation_items} of them for validation; "
            "use a larger corpus or a smaller --validation_items"
        )
    return utterances


def new_module(config: TrainLite) -> LitCodec:
    """Codec and discriminators as the first step finds them, but for the linear start."""
    codec = LiteCodec(config.codec)
    if config.init_from:
        with starting_from("init_from", config.init_from):
            codec.load_state_dict(load_codec(config.init_from, kind=LiteCodec).state_dict())
    if config.vocoder_from:
        with starting_from("vocoder_from", config.vocoder_from):
            codec.vocoder.load_state_dict(load_codec(config.vocoder_from, kind=LiteCodec).vocoder.state_dict())
    listener = Listener(load_recogniser(config.listener_from, config)) if config.listener_from else None
    module = LitCodec(codec, config.optim, config.batches_per_step, config.activation_checkpointing, listener)
    if config.discriminators_from:
        with starting_from("discriminators_from", config.discriminators_from):
            module.load_discriminators(config.discriminators_from / DISCRIMINATORS)
    return module


class Listener(torch.nn.Module):
    """Hears sounds in values of codes float32 [B, T, D]: log probabilities of them [B, R, V]."""

    def __init__(self, recogniser: Recogniser):
        super().__init__()
        self.recogniser = recogniser

    def forward(self, values: Tensor) -> Tensor:
        return self.recogniser.read(values)


def load_recogniser(folder: Path, config: TrainLite) -> Recogniser:
    """The one in a folder; UserError if it hears other codes than those that training starts from and keeps."""
    try:
        recogniser = Recogniser.load(folder)
    except (OSError, ValueError) as error:
        raise UserError(f"--listener_from: {error}") from error
    known = recogniser.config.codes.codec_fingerprint
    codes = load_codec(config.init_from, kind=LiteCodec).fingerprint if config.init_from else ""
    if config.optim.freeze_from or known != codes:
        raise UserError(
            f"got --listener_from={folder}, which hears the codes of codec {known}; "
            "start from that codec (--init_from) and keep its codes (--optim.freeze_from=0)"
        )
    if "features" not in config.optim.parts:
        raise UserError(f"got --listener_from={folder}, which hears features; expected them in --optim.parts")
    return recogniser


def train(config: TrainLite) -> None:
    """Train, or go on with an interrupted run."""
    if config.features and "vocoder" in config.optim.parts:
        raise UserError("a vocoder is trained on audio; use --features with --optim.parts=[features]")
    if config.augment and not config.features:
        raise UserError("augment changes features; make them with pipelines/extract_features.py, use --features")
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    torch.manual_seed(config.seed)
    utterances = read_manifest(config)
    identity = settings_of("codec", config.codec) | {
        "corpus": manifest.digest(utterances, None if config.features else config.manifest.parent)
    }
    settings = dataclasses.asdict(config)
    items = per_step(config) * processes(config.trainer)
    run = Run(config.run_dir, config.optim.max_steps, identity, settings, config.checkpoint_minutes, items)
    module, seen = new_module(config), run.steps_done()
    codec = module.codec
    training, validation = loaders(config, utterances, run)
    if not seen and not config.init_from and "features" in config.optim.parts:
        start_linearly(config, module, training)
    parts = codec.encoder, codec.decoder, codec.vocoder
    sizes = [sum(p.numel() for p in part.parameters()) / 1e6 for part in parts]
    print("codec: encoder {:.1f} M, decoder {:.1f} M, vocoder {:.1f} M parameters".format(*sizes))

    def export(weights: dict[str, Tensor]) -> None:
        trained = LiteCodec.from_weights(config.codec, part_of(weights, "codec"))
        save_codec(trained, config.run_dir / "codec", torch.float32)
        module.save_discriminators(config.run_dir / DISCRIMINATORS, part_of(weights, "discriminators"))

    how = How(config.validate_every, adversarial_options(config.trainer), ema_decay=config.ema_decay)
    fit(module, training, validation, run, how, export, sounds(validation, codec.sample_rate, copy_of_lite(codec)))


def start_linearly(config: TrainLite, module: LitCodec, training: DataLoader) -> None:
    """Give encoder and decoder the best linear code of some segments."""
    count = min(START_SEGMENTS, len(training.dataset))  # type: ignore[arg-type]
    samples = torch.stack([training.dataset[i] for i in track(range(count), "finding the best linear code")])
    targets = samples[:, 1] if config.augment else samples
    start_from_components(module.codec, module.analyse(targets)[0])
