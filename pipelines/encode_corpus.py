"""Encode a corpus: manifest + codec + tokenizer -> code shards, all that training the LM needs.

    python pipelines/encode_corpus.py --manifest data/heart/manifest.jsonl --tokenizer runs/tokenizer.model \\
        --out data/heart-codes
    python pipelines/encode_corpus.py --plan runs/plan --manifest data/heart/manifest.jsonl \\
        --tokenizer runs/tokenizer.model --out runs/codes --ray

The codec is the shipped one for any voice, unless --codec names another. Recordings may be hours long.
An interrupted run continues with the same command, shard by shard; shards of another codec are refused. Utterances that
cannot be used are listed with their reasons in OUT/rejects.jsonl. Shards know texts and recordings they were made from:
what was added or mended since is encoded too; where something changed or is gone, --redo encodes it again.

With --plan, shards are those of a plan (plan.py), which is made first if it is not there. That is for corpora of
any size, one process or many: docs/scale.md.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import LiteCodec  # noqa: E402
from codec import load as load_codec  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.corpus.derived import Made, Tally, Todo, made, notes, plan, refuse_strangers, report_all  # noqa: E402
from pipelines.corpus.features import read_features  # noqa: E402
from pipelines.corpus.parts import shards_of  # noqa: E402
from pipelines.corpus.rejects import MOST, Reject, report  # noqa: E402
from pipelines.encoding.batches import batches_of  # noqa: E402
from pipelines.encoding.encoder import Encoder  # noqa: E402
from pipelines.encoding.on_ray import RayRunner  # noqa: E402
from pipelines.encoding.places import is_url  # noqa: E402
from pipelines.encoding.plan import Plan, Settings, open_plan  # noqa: E402
from pipelines.encoding.planning import check_manifest, plan_manifest  # noqa: E402
from pipelines.encoding.running import here, run  # noqa: E402
from pipelines.encoding.tasks import Job, code_spec  # noqa: E402
from pipelines.formats.registry import CONTEXT, WRITERS, writer_of  # noqa: E402
from pipelines.formats.registry import check as check_format  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.flags import given  # noqa: E402
from pipelines.shared.resources import shipped_codec  # noqa: E402
from speechllm import CodeSpec  # noqa: E402
from speechllm.data.shards import Example, Shard, write_shard  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402

# Flags that shards of a plan alone have.
PLANNED = "format", "context", "threads", "compile", "verify", "ray", "ray_workers"


class Folder:
    """The folder of shards of one corpus, codec and tokenizer."""

    def __init__(self, args: argparse.Namespace, spec: CodeSpec, tokenizer: Tokenizer):
        self.args, self.spec, self.tokenizer = args, spec, tokenizer

    def open(self, path: Path) -> Shard:
        """A shard that is there."""
        shard = Shard(path, aligned=False)
        if shard.spec != self.spec:
            raise UserError(f"{path} was made with {shard.spec}, this codec is {self.spec}; use another --out")
        if shard.tokenizer_fingerprint != self.tokenizer.fingerprint:
            raise UserError(f"{path} was made with another tokenizer than {self.args.tokenizer}; use another --out")
        return shard

    def facts(self, path: Path) -> Made | None:
        """What a shard that is there says of itself."""
        if not path.is_file():
            return None
        shard = self.open(path)
        return made(list(shard.names), shard.notes)

    def write(self, path: Path, members: Sequence[manifest.Utterance], todo: Todo, encoder: Encoder) -> list[Reject]:
        """Encode what a shard has to hold and does not; returns what cannot be."""
        old = self.open(path) if todo.keep else None
        known = {old.names[i]: old[i] for i in range(len(old))} if old else {}
        new = [one for one in members if one.id not in todo.keep]
        encoded = encoder(new, batches_of([one.duration_s for one in new]), os.path.dirname(self.args.manifest))
        results = {one.id: each.result for one, each in zip(new, encoded, strict=True)}
        found = [known[one.id] if one.id in todo.keep else results[one.id] for one in members]
        rejects = [one for one in found if isinstance(one, Reject)]
        examples = [one for one in found if isinstance(one, Example)]
        write_shard(path, examples, self.spec, self.tokenizer.fingerprint, notes(todo.sources, rejects))
        return rejects


def arguments(prog: str | None) -> argparse.ArgumentParser:
    """The flags."""
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--manifest", help="where there is a plan, only the one it was made of; with --plan also a URL")
    parser.add_argument("--codec", type=Path, help="codec folder; default: the codec for any voice")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.model")
    parser.add_argument("--out", required=True, help="folder for the shards; with --plan also a URL")
    parser.add_argument("--features", type=Path, help="folder from extract_features.py, saves the analysis")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--part", default="1/1", help="i/n: encode every n-th shard from the i-th on, for n processes")
    parser.add_argument("--max-rejects", type=float, default=MOST, help="largest share that may be unusable")
    parser.add_argument(
        "--reread", action="store_true", help="read a text where the tokenizer does not know the manifest's phonemes"
    )
    parser.add_argument("--redo", action="store_true", help="encode again what changed since its shard was made")
    parser.add_argument("--readers", type=int, default=1, help="threads that read audio ahead of the codec")
    planned = parser.add_argument_group("corpora of any size", "with --plan alone: docs/scale.md")
    planned.add_argument("--plan", help="folder of a plan; made of --manifest if there is none yet")
    planned.add_argument("--format", choices=[*WRITERS], default="safetensors", help="of the shards")
    planned.add_argument("--context", nargs="?", const=0, type=int, metavar="SEED", help=CONTEXT)
    planned.add_argument("--threads", type=int, default=1, help="of the codec in each process")
    planned.add_argument("--compile", action="store_true", help="compile the encoder, on a GPU")
    planned.add_argument("--verify", action="store_true", help="read all that is done, and make again what is damaged")
    planned.add_argument("--ray", nargs="?", const="local", metavar="ADDRESS", help="a Ray cluster; default: one here")
    planned.add_argument("--ray-workers", type=int, default=0, help="processes; 0 = as GPUs or cores allow")
    return parser


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = arguments(prog)
    args = parser.parse_args(argv)
    check_machine(args)
    check_together(args, parser, argv)
    if args.plan:
        encode_planned(args)
    else:
        encode_manifest(args)


def check_together(args: argparse.Namespace, parser: argparse.ArgumentParser, argv: list[str] | None) -> None:
    """Raise UserError for flags that do not go together."""
    if args.plan:
        if is_url(str(args.plan)):
            raise UserError(f"got --plan {args.plan}; expected a folder: a plan is read from a file system")
        if args.features or args.redo:
            raise UserError("got --plan with --features or --redo; these are for a --manifest without a plan")
        if not args.ray and (idle := given(parser, argv, ["ray_workers"])):
            raise UserError(f"got {idle} without --ray, whose processes it counts; add --ray, or leave it out")
        check_format(args.format)
        writer_of(args.format, args.context)
    elif idle := given(parser, argv, PLANNED):
        raise UserError(f"got {idle} without --plan, which alone has this; add --plan FOLDER, or leave it out")
    elif is_url(args.out):
        raise UserError(f"got --out {args.out} without --plan, which shards by URL need; expected a folder, or --plan")
    elif not args.manifest:
        raise UserError("got neither --manifest nor --plan; expected one of them")


def check_machine(args: argparse.Namespace) -> None:
    """Raise UserError for what cannot be computed with; a cluster's devices are its own matter."""
    if args.readers < 1 or args.threads < 1 or args.ray_workers < 0:
        given = f"--readers {args.readers} --threads {args.threads} --ray-workers {args.ray_workers}"
        raise UserError(f"got {given}; expected 1 or more, of --ray-workers 0 or more")
    try:
        torch.zeros(0, device="meta" if args.ray else args.device)
    except (RuntimeError, AssertionError):  # the latter where torch was built without CUDA
        raise UserError(f"got --device {args.device}, which is not here; expected cpu, or cuda with a GPU") from None


def encode_planned(args: argparse.Namespace) -> None:
    """Shards of a plan."""
    codec, plan = args.codec or shipped_codec(), Path(args.plan)
    if not (plan / "plan.json").is_file():
        if not args.manifest:
            raise UserError(f"{args.plan} holds no plan, and no --manifest is given to make one of")
        settings = Settings(load_codec(codec).fingerprint, Tokenizer.load(args.tokenizer).fingerprint, args.reread)
        plan_manifest(args.manifest, plan, settings, args.max_rejects)
    else:
        check_plan(args, open_plan(plan))
    how = args.format, args.context, args.device, args.compile, args.threads, args.readers
    runner = RayRunner(args.ray, args.ray_workers) if args.ray else here
    run(Job(plan, codec, args.tokenizer, args.out, *how), args.max_rejects, args.part, runner, args.verify)


def check_plan(args: argparse.Namespace, plan: Plan) -> None:
    """Raise UserError where what is asked for is not what was planned."""
    if args.reread and not plan.settings.reread:
        raise UserError(
            f"got --reread, and {plan.folder} was made without it; plan again in another folder, or leave it out"
        )
    if args.manifest:
        check_manifest(args.manifest, plan)


def encode_manifest(args: argparse.Namespace) -> None:
    """Shards that follow a manifest which may change."""
    args.out = Path(args.out)
    codec = load_codec(args.codec or shipped_codec()).to(args.device)
    tokenizer = Tokenizer.load(args.tokenizer)
    if args.features and not isinstance(codec, LiteCodec):
        raise UserError(f"{args.codec} codes audio, not features; leave out --features")
    path = Path(args.manifest)
    utterances, root = manifest.read(path), path.parent
    features = read_features(args.features, codec.config, utterances, root) if args.features else {}
    encoder = Encoder(codec, tokenizer, features, args.reread, args.readers)
    folder = Folder(args, code_spec(codec), tokenizer)
    every = [path for path, _ in shards_of(utterances, args.out, "1/1")]
    shards = shards_of(utterances, args.out, args.part)
    args.out.mkdir(parents=True, exist_ok=True)
    refuse_strangers(args.out, every)
    rejected = partial(report, args.out / "rejects.jsonl", total=len(utterances), most=args.max_rejects)
    tally = Tally(len(utterances), args.max_rejects, rejected)
    begin, encoded_s = time.perf_counter(), 0.0
    for path, members in track(shards, f"encoding with codec {codec.fingerprint}"):
        todo = plan(path, folder.facts(path), members, root, redo=args.redo)
        if todo:
            tally.add(folder.write(path, members, todo, encoder))
            encoded_s += sum(u.duration_s for u in members if u.id not in todo.keep)
    report_all(args.out, [facts for path in every if (facts := folder.facts(path))], args.max_rejects)
    if encoded_s:
        factor = (time.perf_counter() - begin) / encoded_s
        print(f"{args.out}: {encoded_s / 3600:.2f} h encoded, real-time factor {factor:.4f}")


if __name__ == "__main__":
    guard(main)
