"""Plan the shards of a corpus of any size: manifest + codec + tokenizer -> plan, which encode_corpus.py follows.

    python pipelines/plan.py --manifest data/heart/manifest.jsonl --tokenizer runs/tokenizer.model --out plan

A plan says which utterances make which shard, in which order and batches, so shards come out the same byte by byte
wherever they are made. It takes little memory, and on disk twice what the manifest takes. Lines that are none of a
manifest are listed in OUT/rejects.jsonl.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import load as load_codec  # noqa: E402
from pipelines.corpus.rejects import MOST  # noqa: E402
from pipelines.encoding.plan import Settings  # noqa: E402
from pipelines.encoding.planning import plan_manifest  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.resources import shipped_codec  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--manifest", required=True, help="path or URL")
    parser.add_argument("--codec", type=Path, help="codec folder; default: the codec for any voice")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.model")
    parser.add_argument("--out", type=Path, required=True, help="folder for the plan")
    parser.add_argument("--shard-size", type=int, default=Settings.shard_size, help="utterances of a shard")
    parser.add_argument(
        "--longest", type=float, default=Settings.longest_s, help="seconds; longer recordings are left out"
    )
    parser.add_argument("--max-rejects", type=float, default=MOST, help="largest share of lines that may be bad")
    parser.add_argument("--reread", action="store_true", help="as of encode_corpus.py")
    args = parser.parse_args(argv)

    if args.shard_size < 1 or not args.longest > 0:  # nor NaN
        raise UserError(f"got --shard-size {args.shard_size} --longest {args.longest}; expected numbers above 0")
    if (args.out / "plan.json").exists():
        raise UserError(f"{args.out} holds a plan already; shards may be made of it. Remove it, or use another --out")
    codec = load_codec(args.codec or shipped_codec()).fingerprint
    tokenizer = Tokenizer.load(args.tokenizer).fingerprint
    settings = Settings(codec, tokenizer, args.reread, args.longest, args.shard_size)
    plan = plan_manifest(args.manifest, args.out, settings, args.max_rejects)
    print(
        f"{args.out}: {plan.utterances:,} utterances, {plan.hours:.2f} h, in {len(plan.shards):,} shards; "
        f"hash {plan.hash}"
    )


if __name__ == "__main__":
    guard(main)
