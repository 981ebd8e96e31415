"""What it takes to list the utterances of a corpus, as every training process does at its start.

    python benchmarks/listing.py --utterances 1000000

Shards are made for it, of utterances of 4 to 19 frames, whose names are as long as those of public corpora. A new
process opens them and plans its batches. Its own memory is what no other process can share: not the mapped shards.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.timing.clocks import CLOCKS  # noqa: E402
from benchmarks.timing.memory import own_bytes  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from speechllm import CodeSpec  # noqa: E402
from speechllm.data.shards import Example, Shard, open_shards, write_shard  # noqa: E402
from speechllm.training.batches import BatchDataset, split  # noqa: E402

HEADER = ("utterances", "own memory of each, bytes", "processor time of each, µs")
SPEC = CodeSpec(22_050 / 1024, 8, (8, 7, 6, 6), "none")
IN_SHARD = 1000  # utterances


def make(folder: Path, count: int) -> None:
    """Shards of so many utterances, aligned."""
    rng = np.random.default_rng(0)
    for first in track(range(0, count, IN_SHARD), "making shards"):
        numbers = range(first, min(first + IN_SHARD, count))
        lengths, tokens = rng.integers(4, 20, len(numbers)), rng.integers(3, 30, len(numbers))
        examples = [
            Example(f"spk{number // 200:06d}-chapter{number // 50 % 10_000:04d}-{number:09d}", *silence(int(s), int(t)))
            for number, s, t in zip(numbers, tokens, lengths, strict=True)
        ]
        write_shard(path := folder / f"{first:08d}.safetensors", examples, SPEC, "none")
        Shard(path, aligned=False).write_positions([torch.zeros(int(t), dtype=torch.long) for t in lengths])


def silence(tokens: int, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids [S] and codes [T, K] that say nothing."""
    return torch.ones(tokens, dtype=torch.long), torch.zeros(frames, SPEC.num_codebooks, dtype=torch.long)


def listed(folder: Path) -> dict[str, float]:
    """Open shards and plan batches; how many utterances, and what each of them took."""
    clock, before = CLOCKS["cpu"], own_bytes()
    begin_s = clock()
    shards = open_shards(folder)
    training, _ = split(shards, 0)
    dataset = BatchDataset(shards, training, 40_000, 1, 0)
    taken_s, count = clock() - begin_s, len(dataset.indices)
    del training
    return {"utterances": count, "bytes": (own_bytes() - before) / count, "us": 1e6 * taken_s / count}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--utterances", type=int, default=1_000_000)
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)  # in the new process
    parser.add_argument("--out", type=Path, default=RESULTS / "listing", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    if args.open:
        print(json.dumps(listed(args.open)))
        return
    if args.utterances < 1:
        raise UserError(f"got --utterances {args.utterances}; expected 1 or more")
    own_bytes()  # says where it cannot be known, before all that takes long
    where, command = environment(), command_line("listing.py", argv)
    with tempfile.TemporaryDirectory() as temporary:
        make(Path(temporary), args.utterances)
        again = [sys.executable, str(Path(__file__).resolve()), "--open", temporary]
        found = json.loads(subprocess.run(again, check=True, stdout=subprocess.PIPE).stdout)
    text = markdown_table(HEADER, [[f"{found['utterances']:,}", f"{found['bytes']:.0f}", f"{found['us']:.1f}"]])
    write_results(
        args.out, {"command": command, "environment": where, **found}, f"{text}\n{origin(where)}\n\n    {command}\n"
    )
    print(f"{text}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
