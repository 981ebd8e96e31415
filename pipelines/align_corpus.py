"""Align code shards: train a small recogniser on them, then store which token every frame speaks.

    python pipelines/align_corpus.py --shards data/heart-codes

Minutes on two CPU cores. Writes a NAME.positions beside every shard; shards that have one are left alone.
"""

import argparse
import sys
from pathlib import Path

import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.files import guard  # noqa: E402
from speechllm.shards import Shard, open_shards  # noqa: E402
from speechllm.training.aligner import STEPS_PER_FRAME, Aligner  # noqa: E402
from speechllm.training.dataset import BatchDataset, collate  # noqa: E402

MAX_TOKENS = 512


def alignable(shards: list[Shard]) -> list[tuple[int, int]]:
    """Utterances whose text can fit into their sound."""
    return [
        (s, i)
        for s, shard in enumerate(shards)
        for i in range(len(shard))
        if len(shard[i].ids) <= STEPS_PER_FRAME * len(shard[i].codes)
    ]


def train(aligner: Aligner, shards: list[Shard], steps: int, batch_tokens: int, learning_rate: float) -> None:
    """Fit the recogniser; its loss per token should fall well below 1."""
    dataset = BatchDataset(shards, alignable(shards), batch_tokens, steps, seed=0)
    optimizer = torch.optim.AdamW(aligner.parameters(), learning_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps + 1, pct_start=0.1)
    average = 0.0
    for step in track(range(steps), "training the aligner"):
        batch = dataset[step]
        loss = aligner.loss(batch.codes, batch.frames, batch.ids, batch.text_lengths)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(aligner.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average = 0.95 * average + 0.05 * loss.item() if step else loss.item()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {average:.3f} nats per token", flush=True)


def align(aligner: Aligner, shard: Shard) -> None:
    """Store the best paths of one shard; utterances with too much text for their sound are spread evenly."""
    order = sorted(range(len(shard)), key=lambda i: len(shard[i].codes))
    positions: list[torch.Tensor] = [torch.zeros(0)] * len(shard)
    for start in range(0, len(order), 32):
        chunk = order[start : start + 32]
        good = [i for i in chunk if len(shard[i].ids) <= STEPS_PER_FRAME * len(shard[i].codes)]
        for i in set(chunk) - set(good):
            frames = len(shard[i].codes)
            positions[i] = torch.linspace(0, len(shard[i].ids) - 1, frames).long()
        if good:
            batch = collate([shard[i] for i in good], shard.spec.levels)
            paths = aligner.align(batch.codes, batch.frames, batch.ids, batch.text_lengths)
            for i, path in zip(good, paths, strict=True):
                positions[i] = path
    shard.write_positions(positions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shards", type=Path, required=True, help="folder of code shards")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-tokens", type=int, default=3000, help="text and frames in a batch")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--train-shards", type=int, default=24, help="how many of the shards to train on")
    parser.add_argument("--num-threads", type=int, default=0, help="of torch; 0 = leave to torch")
    args = parser.parse_args()

    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    shards = open_shards(args.shards)
    todo = [shard for shard in shards if not shard.positions_path.is_file()]
    if not todo:
        print(f"{args.shards}: all {len(shards)} shards are aligned")
        return
    torch.manual_seed(0)
    vocab_size = max(int(shard.tensors["ids"].max()) for shard in shards) + 1
    aligner = Aligner(shards[0].spec, vocab_size)
    train(aligner, shards[: args.train_shards], args.steps, args.batch_tokens, args.learning_rate)
    for shard in track(todo, "aligning"):
        align(aligner, shard)


if __name__ == "__main__":
    guard(main)
