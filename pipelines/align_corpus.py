"""Align code shards: train a small recogniser on them, then store which token every frame speaks.

    python pipelines/align_corpus.py --shards data/heart-codes --tokenizer runs/tokenizer.model

Minutes on two CPU cores. --save keeps the recogniser, --aligner takes one of the same codec and tokenizer in its place.
Writes a NAME.positions beside every shard; shards that have theirs are left alone, those of older codes are made again.
Utterances with more text than their sound has time for are shown.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.corpus.rejects import SHOWN, Reject, write_rejects  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.flags import check_ranges, given  # noqa: E402
from speechllm.config import CodeSpec  # noqa: E402
from speechllm.data.shards import Example, Shard, open_shards  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402
from speechllm.training.aligner import Aligner  # noqa: E402
from speechllm.training.batches import BatchDataset  # noqa: E402
from speechllm.training.collating import Batch, collate  # noqa: E402
from speechllm.training.ranges import AtLeastOne, Count, Positive  # noqa: E402

SILENT = ' ˈˌ"“”()-'  # characters without a sound of their own: they are passed on the way to the next
STARTS = 5  # of the recogniser, at most
UNLEARNT = 0.5  # nats per step after training, from which on the texts have not been found in the sound
# Flags that training alone reads.
TRAINING = {"steps": AtLeastOne, "batch_tokens": AtLeastOne, "learning_rate": Positive, "train_shards": AtLeastOne}
RANGES = {**TRAINING, "num_threads": Count}
PRIOR_WIDTHS = 0.04, 0.12  # relative position; narrow while learning starts, wide when it has


def audible(ids: torch.Tensor, silent: torch.Tensor) -> torch.Tensor:
    """Indices of the tokens that sound; all, if none does."""
    index = (~torch.isin(ids, silent)).nonzero()[:, 0]
    return index if len(index) else torch.arange(len(ids))


def prepare(examples: list[Example], aligner: Aligner, silent: torch.Tensor) -> tuple[Batch, list[torch.Tensor]]:
    """A batch of audible tokens only, and where they are in the text; too much text for the sound is cut."""
    indices = [audible(e.ids, silent)[: aligner.steps_per_frame * len(e.codes)] for e in examples]
    heard = [replace(e, ids=e.ids[i]) for e, i in zip(examples, indices, strict=True)]
    return collate(heard, aligner.spec.levels), indices


def aligned(shard: Shard) -> bool:
    """Whether a shard has its alignment; one of other codes, or a damaged one, is said to be made again."""
    try:
        return shard.read_positions() is not None
    except ValueError as error:
        print(f"{error}: made again")
        return False


def overfull(shards: list[Shard], aligner: Aligner, silent: torch.Tensor) -> list[str]:
    """Names of utterances that have more audible tokens than steps: their texts are cut before they are aligned."""
    examples = (shard[i] for shard in shards for i in range(len(shard)))
    return [e.name for e in examples if len(audible(e.ids, silent)) > aligner.steps_per_frame * len(e.codes)]


def trained(spec: CodeSpec, vocab_size: int, shards: list[Shard], silent: torch.Tensor, args: Any) -> Aligner:
    """A recogniser that has found the texts in the sound.

    Whether it does is decided in the first steps, and by chance where many speakers are mixed: one that has not by a
    third of the way is given up for another start.
    """
    for seed in range(STARTS):
        torch.manual_seed(seed)
        aligner = Aligner(spec, vocab_size)
        loss = train(aligner, shards, silent, args, give_up=seed < STARTS - 1)
        if loss < UNLEARNT:
            return aligner
        if seed < STARTS - 1:
            print(f"loss {loss:.2f}: the texts are not found in the sound; another start", flush=True)
    print(
        f"the recogniser has learnt little (loss {loss:.2f}, usually below 0.3): alignments will be rough; "
        "train it on shards of fewer speakers (--save) and take it for these (--aligner), or raise --steps",
        file=sys.stderr,
    )
    return aligner


def train(
    aligner: Aligner, shards: list[Shard], silent: torch.Tensor, args: argparse.Namespace, give_up: bool = False
) -> float:
    """Fit the recogniser; returns its loss in the end, nats per step. `give_up` ends early where it learns nothing."""
    every = [(s, i) for s, shard in enumerate(shards) for i in range(len(shard))]
    dataset = BatchDataset(shards, every, args.batch_tokens, args.steps, seed=0)
    optimizer = torch.optim.AdamW(aligner.parameters(), args.learning_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.learning_rate, total_steps=args.steps + 1, pct_start=0.1
    )
    average, (narrow, wide) = 0.0, PRIOR_WIDTHS
    for step in track(range(args.steps), "training the aligner"):
        batch, _ = prepare(dataset.examples(step), aligner, silent)
        width = narrow + (wide - narrow) * min(1, step / (args.steps / 2))
        loss = aligner.loss(batch.codes, batch.frames, batch.ids, batch.text_lengths, width)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(aligner.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average = 0.95 * average + 0.05 * loss.item() if step else loss.item()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {average:.3f} nats per step", flush=True)
        if give_up and step == args.steps // 3 and average > UNLEARNT:
            break
    return average


def align(aligner: Aligner, shard: Shard, silent: torch.Tensor) -> None:
    """Store the best paths of one shard."""
    order = sorted(range(len(shard)), key=lambda i: len(shard[i].codes))
    positions: list[torch.Tensor] = [torch.zeros(0)] * len(shard)
    for start in range(0, len(order), 32):
        chunk = order[start : start + 32]
        batch, indices = prepare([shard[i] for i in chunk], aligner, silent)
        paths = aligner.align(batch.codes, batch.frames, batch.ids, batch.text_lengths, PRIOR_WIDTHS[1])
        for i, index, path in zip(chunk, indices, paths, strict=True):
            positions[i] = index[path]
    shard.write_positions(positions)


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--shards", type=Path, required=True, help="folder of code shards")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the one the shards were made with")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-tokens", type=int, default=3000, help="text and frames in a batch")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--train-shards", type=int, default=24, help="how many of the shards to train on")
    parser.add_argument("--save", type=Path, help="file for the recogniser, .safetensors, outside of the shards")
    parser.add_argument("--aligner", type=Path, help="such a file; nothing is trained then")
    parser.add_argument("--num-threads", type=int, default=0, help="of torch; 0 = leave to torch")
    args = parser.parse_args(argv)

    check_ranges(args, RANGES)
    if args.aligner and (idle := given(parser, argv, [*TRAINING])):
        raise UserError(f"got {idle} with --aligner, which is trained already; leave one of them out")
    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    shards = open_shards(args.shards, aligned=False)
    todo = [shard for shard in shards if not aligned(shard)]
    if not todo:
        print(f"{args.shards}: all {len(shards)} shards are aligned")
        return
    tokenizer = Tokenizer.load(args.tokenizer)
    if tokenizer.fingerprint != shards[0].tokenizer_fingerprint:
        raise UserError(f"{args.shards} was made with another tokenizer than {args.tokenizer}; name the right one")
    silent = torch.tensor([i for i in range(tokenizer.vocab_size) if tokenizer.decode([i]) in tuple(SILENT)])
    aligner = Aligner(shards[0].spec, tokenizer.vocab_size)
    if args.aligner:
        aligner = Aligner.load(args.aligner, shards[0].spec, tokenizer.fingerprint)
    names = overfull(todo, aligner, silent)
    if names:
        shown = ", ".join(names[:SHOWN]) + ", ..." * (len(names) > SHOWN)
        count = f"{len(names):,} of {sum(map(len, todo)):,} utterances"
        print(f"{count} have more text than their sound has time for, is it theirs? {shown}")
        write_rejects(args.shards / "overfull.jsonl", [Reject(name, "more text than time") for name in names])
    if not args.aligner:
        aligner = trained(shards[0].spec, tokenizer.vocab_size, shards[: args.train_shards], silent, args)
    if args.save:
        aligner.save(args.save, tokenizer.fingerprint)
    for shard in track(todo, "aligning"):
        align(aligner, shard, silent)


if __name__ == "__main__":
    guard(main)
