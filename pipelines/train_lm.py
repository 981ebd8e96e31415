"""Train a speech LM on aligned code shards.

    python pipelines/train_lm.py --config configs/speechllm/small.yaml --shards=data/heart-codes --run_dir=runs/lm

On a GPU add `--trainer.accelerator=gpu --trainer.precision=bf16-mixed`. The same command resumes an interrupted run.
The LM is in RUN_DIR/lm, ready for SpeechLM.from_pretrained, from the first checkpoint on.
"""

import dataclasses
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.corpus.rejects import Reject, report  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.settings import parse  # noqa: E402
from pipelines.training.dealing import loader, processes  # noqa: E402
from pipelines.training.resume import Run, part_of, settings_of  # noqa: E402
from pipelines.training.shown import reading  # noqa: E402
from pipelines.training.trainer import How, fit  # noqa: E402
from speechllm import LMConfig, SpeechLM  # noqa: E402
from speechllm.config import LMShape  # noqa: E402
from speechllm.data.shards import Shard, open_shards  # noqa: E402
from speechllm.data.shards import identity as identity_of  # noqa: E402
from speechllm.data.speakers import Voices  # noqa: E402
from speechllm.model.packing import KINDS, Kind  # noqa: E402
from speechllm.model.speech_lm import save_lm  # noqa: E402
from speechllm.pretrained.text_lm import take_body  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402
from speechllm.training.batches import BatchDataset, Pairs, pairs_of, split  # noqa: E402
from speechllm.training.collating import PADDED, Packed  # noqa: E402
from speechllm.training.corruption import Corruption  # noqa: E402
from speechllm.training.module import LitSpeechLM, LMOptim  # noqa: E402
from speechllm.training.plan import rounds  # noqa: E402
from speechllm.training.ranges import AtLeastOne, Count, Decay, NotNegative, Seed  # noqa: E402

TEXT_LM = "hf:"  # before the folder of a text LM in transformers' format


@dataclass(frozen=True)
class TrainLM:
    """Everything a run depends on; see configs/speechllm/small.yaml."""

    shards: Path
    tokenizer: Path
    run_dir: Path = Path("runs/lm")
    model: LMShape = field(default_factory=LMShape)
    optim: LMOptim = field(default_factory=LMOptim)
    init_from: str | None = None  # an LM folder whose weights to start from, where they fit; hf:FOLDER, a text LM's
    teacher: Path | None = None  # an LM folder whose predictions under guidance are learned in place of the codes
    batch_tokens: AtLeastOne = 2500  # text tokens and frames in a batch, padding included
    batches_per_step: Count = 0  # batches of an update of the weights, of all processes together; 0 = one of each
    attention: str = "plain"  # plain = batches are padded; flex, flash = packed, for GPUs; flash where text is causal
    activation_checkpointing: bool = False  # compute blocks anew on the way back: a third more time, less memory
    ema_decay: Decay = 0.0  # of a running mean of the weights, which is then what is exported; 0 = none
    held_out: Count = 128  # utterances kept out of training
    validate_every: AtLeastOne = 500  # steps
    num_workers: Count = 1
    num_threads: Count = 0  # of torch on the CPU; 0 = leave to torch
    checkpoint_minutes: NotNegative = 5.0
    seed: Seed = 0
    trainer: dict[str, Any] = field(default_factory=dict)  # passed to lightning.Trainer


def usable(shards: list[Shard], config: TrainLM) -> Pairs:
    """Utterances that fit the model, pairs (shard, number) [n, 2]; shards must be aligned."""
    bare = [shard.path.name for shard in shards if shard.positions is None]
    if bare:
        raise UserError(f"{len(bare)} shards are not aligned ({bare[0]} ...); run pipelines/align_corpus.py first")
    fits, too_long, most = [], [], config.model.max_text - config.model.prefix_positions
    for s, shard in enumerate(shards):
        text, codes = (shard.tensors[name].diff() for name in ("id_offsets", "code_offsets"))
        good = (text <= most) & (codes <= config.model.max_frames)
        fits.append(pairs_of(s, good.nonzero()[:, 0].numpy()))
        for i in (~good).nonzero()[:, 0].tolist():
            reason = f"{int(text[i])} ids and {int(codes[i])} frames are too long for the model"
            too_long.append(Reject(shard.names[i], reason))
    report(config.run_dir / "left_out.jsonl", too_long, sum(map(len, shards)), most=1.0)
    return np.concatenate(fits)


def attention_of(config: TrainLM) -> Kind:
    """How packed utterances attend; refuses what this machine or this model cannot do."""
    kinds = {kind: kind for kind in KINDS}
    if config.attention not in kinds:
        raise UserError(f"got attention={config.attention!r}; expected {', '.join(KINDS)}")
    if config.attention == "flash" and not config.model.causal_text:
        raise UserError("--attention=flash needs --model.causal_text=true; use --attention=flex")
    if config.attention == "flash" and not (find_spec("flash_attn") and torch.cuda.is_available()):
        raise UserError("--attention=flash needs a GPU and flash-attn; pip install '.[flash]', or use --attention=flex")
    return kinds[config.attention]


def take_weights(model: SpeechLM, source: str) -> str:
    """Start from another LM: tensors of the same name and shape are taken over, the others (an LM of another codec has
    other ends) stay as they are; of a text LM, `hf:FOLDER`, its body. Returns what was done, in words."""
    folder = Path(source.removeprefix(TEXT_LM))
    if source.startswith(TEXT_LM):
        return f"the body of {folder}: {take_body(model, folder)} of {len(model.state_dict())} tensors"
    other, mine = SpeechLM.from_pretrained(folder), model.state_dict()
    if other.config.dim != model.config.dim:
        raise UserError(f"{folder} is an LM of width {other.config.dim}; model.dim is {model.config.dim}")
    theirs = other.state_dict().items()
    fits = {name: tensor for name, tensor in theirs if name in mine and mine[name].shape == tensor.shape}
    model.load_state_dict(fits, strict=False)
    fresh = ", ".join(sorted(set(mine) - set(fits))) or "none"
    return f"weights of {folder}: {len(fits)} of {len(mine)} tensors; fresh: {fresh}"


def load_teacher(folder: Path, shape: LMConfig, attention: Kind = "plain") -> SpeechLM:
    """The model whose predictions are learned; it has to read the same text and voices and to write the same codes."""
    teacher = SpeechLM.from_pretrained(folder)
    mine, theirs = ((c.codes, c.tokenizer_fingerprint, c.frames_per_step) for c in (shape, teacher.config))
    if mine != theirs:
        raise UserError(f"the teacher {folder} is of another tokenizer, other codes or another number of frames a step")
    other = teacher.config
    if bool(other.prefix_positions) != bool(shape.prefix_positions):
        raise UserError(f"of the teacher {folder} and this model one knows many voices, and the other knows one")
    if shape.speaker_dim and other.speaker_dim not in (0, shape.speaker_dim):
        raise UserError(f"the teacher {folder} has model.speaker_dim={other.speaker_dim}, this one {shape.speaker_dim}")
    text = other.max_text - other.prefix_positions
    if text < shape.max_text - shape.prefix_positions or other.max_frames < shape.max_frames:
        raise UserError(
            f"the teacher {folder} takes {text} tokens and {other.max_frames} frames; this model takes more"
        )
    if attention != "plain" and other.prefix_positions != shape.prefix_positions:
        raise UserError(f"the teacher {folder} has another number of places for voices; use --attention=plain")
    teacher.attention = attention
    return teacher


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    config = parse(TrainLM, __doc__, argv, prog)
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    torch.manual_seed(config.seed)
    shards, tokenizer = open_shards(config.shards), Tokenizer.load(config.tokenizer)
    if shards[0].tokenizer_fingerprint != tokenizer.fingerprint:
        raise UserError(f"{config.shards} was made with another tokenizer than {config.tokenizer}; encode it again")
    shape = LMConfig(shards[0].spec, tokenizer.vocab_size, tokenizer.fingerprint, **dataclasses.asdict(config.model))
    model = SpeechLM(shape)
    model.attention = attention_of(config)
    if config.init_from:
        print(take_weights(model, config.init_from))
    fits = usable(shards, config)
    voices = Voices(shards, fits) if shape.prefix_positions else None
    if voices and shape.speaker_dim not in (0, voices.dim):
        raise UserError(f"got model.speaker_dim={shape.speaker_dim}; the vectors of {config.shards} have {voices.dim}")
    identity = settings_of("model", config.model) | identity_of(shards)
    if voices:
        identity["voices"] = voices.identity()
    settings = dataclasses.asdict(config)
    count = processes(config.trainer)
    per_step = config.batches_per_step or count
    run = Run(config.run_dir, config.optim.max_steps, identity, settings, config.checkpoint_minutes, per_step)
    training, validation = loaders(config, shards, fits, voices, run)
    print(f"speech LM: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")

    def export(weights: dict[str, Tensor]) -> None:
        save_lm(config.run_dir / "lm", shape, part_of(weights, "model"), torch.float32)

    teacher = load_teacher(config.teacher, shape, model.attention) if config.teacher else None
    lit = LitSpeechLM(model, config.optim, teacher, config.activation_checkpointing)
    how = How(config.validate_every, config.trainer, rounds(per_step, count), config.ema_decay)
    fit(lit, training, validation, run, how, export, reading(validation, lit))


def corruption_of(config: TrainLM) -> Corruption:
    """What of the data is hidden or moved."""
    shares = {field.name: getattr(config.optim, field.name) for field in dataclasses.fields(Corruption)}
    if config.teacher:  # a student has to see what its teacher's predictions rest on
        shares["hidden_texts"] = 0.0
    return Corruption(**shares)


def loaders(
    config: TrainLM, shards: list[Shard], fitting: Pairs, voices: Voices | None, run: Run
) -> tuple[DataLoader, DataLoader | None]:
    """Training and validation batches; training goes on after those that earlier parts of the run have used."""
    total = sum(map(len, shards))
    train, held = split(shards, config.held_out, fitting)
    if not len(train):
        raise UserError(f"{config.shards} has no more than the {config.held_out} held-out utterances; encode more")
    print(f"{len(train):,} utterances to train on, {len(held):,} held out")
    if len(fitting) < total:
        limits = f"model.max_text={config.model.max_text}, model.max_frames={config.model.max_frames}"
        print(f"{total - len(fitting):,} utterances are left out: longer than {limits}", file=sys.stderr)
    size = (config.optim.max_steps - run.steps_done()) * run.items_per_step
    way = PADDED
    if config.attention != "plain":
        way = Packed(config.model.prefix_positions, int(config.model.stop_after))
    batches = BatchDataset(
        shards,
        train,
        config.batch_tokens,
        size,
        config.seed,
        run.progress.items,
        config.model.frames_per_step,
        voices,
        corruption_of(config),
        run.items_per_step,
        way,
    )
    training = loader(batches, None, config.num_workers, run.items_per_step)
    if not len(held):
        return training, None
    validation = BatchDataset(
        shards, held, config.batch_tokens, 1, config.seed, 0, config.model.frames_per_step, voices
    )
    validation.size = validation.per_step = len(validation.plan)  # all are one step, and each is part of its mean
    return training, loader(validation, None, per_step=validation.per_step)


if __name__ == "__main__":
    guard(main)
