"""Compute once what a codec codes: manifest -> feature shards, from which the codec's encoder and decoder train faster.

    python pipelines/extract_features.py --manifest data/heart/manifest.jsonl --out data/features

On a CPU the analysis of audio takes as long as the networks that learn from it. An interrupted run continues with the
same command; `--part 1/2` and `--part 2/2` share the work between two processes.
"""

import argparse
import sys
from pathlib import Path

from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import CodecConfig  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.corpus.features import check, features_of, write_features  # noqa: E402
from pipelines.corpus.parts import shards_of  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.resources import find_config  # noqa: E402
from pipelines.shared.settings import read_file  # noqa: E402


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument(
        "--config", help="codec configuration, file or shipped name; default: that of the shipped codec"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--part", default="1/1", help="i/n: every n-th shard from the i-th on, for n processes")
    args = parser.parse_args(argv)

    config = CodecConfig()
    if args.config:
        values = read_file(find_config(args.config))
        if "codec" not in values:
            raise UserError(f"{args.config} configures no codec; expected a `codec` part")
        config = CodecConfig.from_dict(values["codec"])
    shards = shards_of(manifest.read(args.manifest), args.out, args.part)
    args.out.mkdir(parents=True, exist_ok=True)
    for path, utterances in track(shards, "analysing"):
        if path.is_file():
            check(path, config)
        else:
            features = {u.id: features_of(args.manifest.parent / u.audio, config) for u in utterances}
            write_features(path, features, config)


if __name__ == "__main__":
    guard(main)
