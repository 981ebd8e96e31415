"""Train a speech LM on aligned code shards.

    python pipelines/train_lm.py --config configs/speechllm/small.yaml --shards=data/heart-codes --run_dir=runs/lm

On a GPU add `--trainer.accelerator=gpu --trainer.precision=bf16-mixed`. The same command resumes an interrupted run.
The LM is in RUN_DIR/lm, ready for SpeechLM.from_pretrained, from the first checkpoint on.
"""

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.corpus.rejects import Reject, report  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.settings import parse  # noqa: E402
from pipelines.training.resume import Run, settings_of  # noqa: E402
from pipelines.training.shown import reading  # noqa: E402
from pipelines.training.trainer import fit, loader, processes  # noqa: E402
from speechllm import LMConfig, SpeechLM  # noqa: E402
from speechllm.config import LMShape  # noqa: E402
from speechllm.data.shards import Shard, open_shards  # noqa: E402
from speechllm.data.shards import identity as identity_of  # noqa: E402
from speechllm.data.speakers import Voices  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402
from speechllm.training.batches import BatchDataset, split  # noqa: E402
from speechllm.training.module import LitSpeechLM, LMOptim  # noqa: E402


@dataclass(frozen=True)
class TrainLM:
    """Everything a run depends on; see configs/speechllm/small.yaml."""

    shards: Path
    tokenizer: Path
    run_dir: Path = Path("runs/lm")
    model: LMShape = field(default_factory=LMShape)
    optim: LMOptim = field(default_factory=LMOptim)
    init_from: Path | None = None  # an LM folder whose weights to start from, where they fit
    teacher: Path | None = None  # an LM folder whose predictions under guidance are learned in place of the codes
    batch_tokens: int = 2500  # text tokens and frames in a batch, padding included
    held_out: int = 128  # utterances kept out of training
    validate_every: int = 500  # steps
    num_workers: int = 1
    num_threads: int = 0  # of torch on the CPU; 0 = leave to torch
    checkpoint_minutes: float = 5.0
    seed: int = 0
    trainer: dict[str, Any] = field(default_factory=dict)  # passed to lightning.Trainer


def usable(shards: list[Shard], config: TrainLM) -> list[tuple[int, int]]:
    """Utterances that fit the model; shards must be aligned."""
    bare = [shard.path.name for shard in shards if shard.positions is None]
    if bare:
        raise UserError(f"{len(bare)} shards are not aligned ({bare[0]} ...); run pipelines/align_corpus.py first")
    fits, too_long = [], []
    for s, shard in enumerate(shards):
        text, codes = (shard.tensors[name].diff().tolist() for name in ("id_offsets", "code_offsets"))
        for i, name in enumerate(shard.names):
            if text[i] <= config.model.max_text and codes[i] <= config.model.max_frames:
                fits.append((s, i))
            else:
                too_long.append(Reject(name, f"{text[i]} ids and {codes[i]} frames are too long for the model"))
    report(config.run_dir / "left_out.jsonl", too_long, len(fits) + len(too_long), most=1.0)
    return fits


def take_weights(model: SpeechLM, folder: Path) -> str:
    """Start from another LM: tensors of the same name and shape are taken over, the others (an LM of another codec has
    other ends) stay as they are. Returns what was done, in words."""
    other, mine = SpeechLM.from_pretrained(folder), model.state_dict()
    if other.config.dim != model.config.dim:
        raise UserError(f"{folder} is an LM of width {other.config.dim}; model.dim is {model.config.dim}")
    theirs = other.state_dict().items()
    fits = {name: tensor for name, tensor in theirs if name in mine and mine[name].shape == tensor.shape}
    model.load_state_dict(fits, strict=False)
    fresh = ", ".join(sorted(set(mine) - set(fits))) or "none"
    return f"weights of {folder}: {len(fits)} of {len(mine)} tensors; fresh: {fresh}"


def load_teacher(folder: Path, shape: LMConfig) -> SpeechLM:
    """The model whose predictions are learned; it has to read the same text and to write the same codes."""
    teacher = SpeechLM.from_pretrained(folder)
    mine, theirs = ((c.codes, c.tokenizer_fingerprint, c.frames_per_step) for c in (shape, teacher.config))
    if mine != theirs:
        raise UserError(f"the teacher {folder} is of another tokenizer, other codes or another number of frames a step")
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
    run = Run(config.run_dir, config.optim.max_steps, identity, settings, config.checkpoint_minutes)
    seen = run.steps_done()
    training, validation = loaders(config, shards, fits, voices, seen)
    print(f"speech LM: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")

    def export() -> None:
        model.save_pretrained(config.run_dir / "lm", torch.float32)

    teacher = load_teacher(config.teacher, shape) if config.teacher else None
    lit, options = LitSpeechLM(model, config.optim, teacher), config.trainer
    fit(lit, training, validation, run, config.validate_every, options, export, reading(validation, lit))


def loaders(
    config: TrainLM, shards: list[Shard], fitting: list[tuple[int, int]], voices: Voices | None, seen: int
) -> tuple[DataLoader, DataLoader | None]:
    """Training and validation batches; training goes on after the `seen` steps of an earlier part of the run."""
    fits, total = set(fitting), sum(map(len, shards))
    train, held = ([pair for pair in part if pair in fits] for part in split(shards, config.held_out))
    if not train:
        raise UserError(f"{config.shards} has no more than the {config.held_out} held-out utterances; encode more")
    print(f"{len(train):,} utterances to train on, {len(held):,} held out")
    if len(fits) < total:
        limits = f"model.max_text={config.model.max_text}, model.max_frames={config.model.max_frames}"
        print(f"{total - len(fits):,} utterances are left out: longer than {limits}", file=sys.stderr)
    count, frames_per_step = processes(config.trainer), config.model.frames_per_step
    size, first = (config.optim.max_steps - seen) * count, seen * count  # several processes are dealt batches in turn
    batches = BatchDataset(shards, train, config.batch_tokens, size, config.seed, first, frames_per_step, voices)
    if not held:
        return loader(batches, None, config.num_workers), None
    validation = BatchDataset(shards, held, config.batch_tokens, 1, config.seed, 0, frames_per_step, voices)
    validation.size = len(validation.batches)
    return loader(batches, None, config.num_workers), loader(validation, None)


if __name__ == "__main__":
    guard(main)
