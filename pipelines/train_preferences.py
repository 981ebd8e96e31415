"""Preference tuning of a voice's speech LM, on pairs of tries of which one was heard right and the other was not.

    python pipelines/train_preferences.py --pairs=runs/pairs --voice=voices/english --run_dir=runs/lm-preferred

Pairs are from make_pairs.py, best of the same voice, whose LM is both where training starts and the reference. The
likelihood is that of one row, without guidance, though tries are made under it; speechllm/training/preference.py has
the loss. val/accuracy is the share of held-out pairs whose chosen try has gained more than the rejected one, val/chosen
how many nats it has gained: below 0 both are unlearned, and a lower rate or a larger --optim.chosen_weight is due. The
same command resumes an interrupted run. The LM is in RUN_DIR/lm, ready for export_voice.py.
"""

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.preferences.pairs import FILE, Pair, read_pairs  # noqa: E402
from pipelines.preferences.tries import FOLDER  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.settings import parse  # noqa: E402
from pipelines.speaking.card import find_voice  # noqa: E402
from pipelines.speaking.speakers import read_speakers  # noqa: E402
from pipelines.training.dealing import loader, processes  # noqa: E402
from pipelines.training.resume import Run, part_of  # noqa: E402
from pipelines.training.trainer import How, fit  # noqa: E402
from speechllm import SpeechLM  # noqa: E402
from speechllm.data.shards import Shard, hash_of, open_shards  # noqa: E402
from speechllm.data.shards import identity as identity_of  # noqa: E402
from speechllm.data.speakers import Drawn  # noqa: E402
from speechllm.model.speech_lm import save_lm  # noqa: E402
from speechllm.training.pairs import PairDataset, Preferred  # noqa: E402
from speechllm.training.plan import rounds  # noqa: E402
from speechllm.training.preference import LitPreference, PreferenceOptim  # noqa: E402
from speechllm.training.ranges import AtLeastOne, Count, NotNegative, Seed  # noqa: E402


@dataclass(frozen=True)
class TrainPreferences:
    """Everything a run depends on."""

    pairs: Path  # OUT of make_pairs.py
    voice: str  # name or folder: its LM is where training starts, and its speakers are those of the pairs
    run_dir: Path = Path("runs/lm-preferred")
    optim: PreferenceOptim = field(default_factory=PreferenceOptim)
    batch_tokens: AtLeastOne = 4000  # text tokens and frames in a batch, of both tries of each pair, padding included
    batches_per_step: Count = 0  # batches of an update of the weights, of all processes together; 0 = one of each
    held_out: Count = 32  # pairs kept out of training
    validate_every: AtLeastOne = 20  # steps
    num_threads: Count = 0  # of torch on the CPU; 0 = leave to torch
    checkpoint_minutes: NotNegative = 5.0
    seed: Seed = 0
    trainer: dict[str, Any] = field(default_factory=dict)  # passed to lightning.Trainer


def voices_of(folder: Path, pairs: list[Pair]) -> dict[str, Drawn | None]:
    """What the LM is told of each speaker, which is what it is told when it speaks as them; None in a voice of one."""
    speakers, names = read_speakers(folder), {pair.speaker for pair in pairs}
    if speakers is None:
        if names != {""}:
            raise UserError(f"the pairs are of speakers such as {max(names)}; {folder} is a voice of one")
        return {"": None}
    if "" in names:
        raise UserError(f"the pairs are of a voice of one; {folder} has many speakers")
    found = {name: speakers[name] for name in names}
    return {
        name: Drawn(torch.from_numpy(one.vector), torch.from_numpy(one.codes.T.copy())) for name, one in found.items()
    }


def preferred(pairs: list[Pair], shards: list[Shard], voices: dict[str, Drawn | None]) -> list[Preferred]:
    """Pairs as training takes them."""
    places = {name: (s, i) for s, shard in enumerate(shards) for i, name in enumerate(shard.names)}
    missing = [name for pair in pairs for name in (pair.chosen, pair.rejected) if name not in places]
    if missing:
        raise UserError(f"{FILE} names {missing[0]}, which is in no shard beside it; run make_pairs.py again")
    return [Preferred(places[one.chosen], places[one.rejected], voices[one.speaker]) for one in pairs]


def loaders(
    config: TrainPreferences, shards: list[Shard], pairs: list[Preferred], frames_per_step: int, run: Run
) -> tuple[DataLoader, DataLoader | None]:
    """Training and validation batches; the first pairs are held out."""
    held, train = pairs[: config.held_out], pairs[config.held_out :]
    if not train:
        raise UserError(f"got {len(pairs)} pairs, of which {config.held_out} are held out; make more, or hold out less")
    print(f"{len(train):,} pairs to train on, {len(held):,} held out")
    size = (config.optim.max_steps - run.steps_done()) * run.items_per_step
    options = config.batch_tokens, size, config.seed, run.progress.items, frames_per_step, run.items_per_step
    training = loader(PairDataset(shards, train, *options), None, 0, run.items_per_step)
    if not held:
        return training, None
    validation = PairDataset(shards, held, config.batch_tokens, 1, config.seed, 0, frames_per_step)
    validation.size = validation.per_step = len(validation.plan)  # all are one step, and each is part of its mean
    return training, loader(validation, None, per_step=validation.per_step)


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    config = parse(TrainPreferences, __doc__, argv, prog)
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    torch.manual_seed(config.seed)
    pairs, folder = read_pairs(config.pairs / FILE), find_voice(config.voice)
    shards = open_shards(config.pairs / FOLDER)
    model, reference = (SpeechLM.from_pretrained(folder / "lm") for _ in range(2))
    shape = model.config
    if (shape.codes, shape.tokenizer_fingerprint) != (shards[0].spec, shards[0].tokenizer_fingerprint):
        raise UserError(f"{config.pairs} is of another codec or tokenizer than the LM of {folder}; make pairs with it")
    items = preferred(pairs, shards, voices_of(folder, pairs))
    identity = identity_of(shards) | {
        "pairs": hash_of(name for pair in pairs for name in (pair.chosen, pair.rejected)),
        "reference": hash_of(reference.state_dict().values()),
        "held_out": str(config.held_out),
    }
    count = processes(config.trainer)
    per_step = config.batches_per_step or count
    settings = dataclasses.asdict(config)
    run = Run(config.run_dir, config.optim.max_steps, identity, settings, config.checkpoint_minutes, per_step)
    training, validation = loaders(config, shards, items, shape.frames_per_step, run)

    def export(weights: dict[str, Tensor]) -> None:
        save_lm(config.run_dir / "lm", shape, part_of(weights, "model"), torch.float32)

    how = How(config.validate_every, config.trainer, rounds(per_step, count))
    fit(LitPreference(model.train(), config.optim, reference), training, validation, run, how, export)


if __name__ == "__main__":
    guard(main)
