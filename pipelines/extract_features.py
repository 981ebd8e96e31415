"""Compute once what a codec codes: manifest -> feature shards, from which the codec's encoder and decoder train faster.

    python pipelines/extract_features.py --manifest data/heart/manifest.jsonl --out data/features

On a CPU the analysis of audio takes as long as the networks that learn from it. An interrupted run continues with the
same command; `--part 1/2` and `--part 2/2` share the work between two processes. Recordings that cannot be used are
listed in OUT/rejects.jsonl. Features of recordings that have changed since are refused, or made again with --redo.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import CodecConfig  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.corpus.derived import Tally, notes, plan, refuse_strangers, report_all  # noqa: E402
from pipelines.corpus.features import check, features_of, load_features, write_features  # noqa: E402
from pipelines.corpus.parts import shards_of  # noqa: E402
from pipelines.corpus.recordings import duration_of  # noqa: E402
from pipelines.corpus.rejects import MOST, Reject  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.resources import find_config  # noqa: E402
from pipelines.shared.settings import read_file  # noqa: E402


def analyse(
    utterances: Sequence[manifest.Utterance], folder: Path, config: CodecConfig
) -> tuple[dict[str, Tensor], list[Reject]]:
    """Features of utterances, by their ids, and those that have none."""
    features: dict[str, Tensor] = {}
    rejects = []
    for utterance in utterances:
        try:
            duration_of(folder / utterance.audio)
        except (ValueError, OSError) as error:
            rejects.append(Reject(utterance.id, str(error)))
        else:
            features[utterance.id] = features_of(folder / utterance.audio, config)
    return features, rejects


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument(
        "--config", help="codec configuration, file or shipped name; default: that of the shipped codec"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--part", default="1/1", help="i/n: every n-th shard from the i-th on, for n processes")
    parser.add_argument("--max-rejects", type=float, default=MOST, help="largest share that may be unusable")
    parser.add_argument("--redo", action="store_true", help="make features of changed recordings again")
    args = parser.parse_args(argv)

    config = CodecConfig()
    if args.config:
        values = read_file(find_config(args.config))
        if "codec" not in values:
            raise UserError(f"{args.config} configures no codec; expected a `codec` part")
        config = CodecConfig.from_dict(values["codec"])
    utterances, folder = manifest.read(args.manifest), args.manifest.parent
    every = [path for path, _ in shards_of(utterances, args.out, "1/1")]
    shards = shards_of(utterances, args.out, args.part)
    args.out.mkdir(parents=True, exist_ok=True)
    refuse_strangers(args.out, every)
    tally = Tally(len(utterances), args.max_rejects, args.out / "rejects.jsonl")
    for path, members in track(shards, "analysing"):
        old = check(path, config) if path.is_file() else None
        todo = plan(path, old, members, folder, redo=args.redo, with_text=False)
        if todo:
            features, rejects = analyse([one for one in members if one.id not in todo.keep], folder, config)
            kept = {name: tensor for name, tensor in load_features(path).items() if name in todo.keep} if old else {}
            write_features(path, {**kept, **features}, config, notes(todo.sources, rejects))
            tally.add(rejects)
    report_all(args.out, [check(path, config) for path in every if path.is_file()], args.max_rejects)


if __name__ == "__main__":
    guard(main)
