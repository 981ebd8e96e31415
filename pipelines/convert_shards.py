"""Code shards of one format -> those of another: safetensors (this project's), webdataset, nemo (Lhotse Shar), parquet.

    python pipelines/convert_shards.py runs/codes --format parquet --out runs/parquet
    python pipelines/convert_shards.py runs/parquet --format safetensors --out runs/again

Sets of other people's codes are read too: parquet with `nano_layer_1` to `nano_layer_8` and `text`. Such a file says
not which codec it is of and has no phonemes, so --codec and --tokenizer are needed. Shards that encode_corpus.py made
without a plan know no texts and speakers: --manifest does.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import load as load_codec  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.encoding.receipts import Receipt, write_files, write_receipt  # noqa: E402
from pipelines.encoding.tasks import code_spec  # noqa: E402
from pipelines.formats.content import Content  # noqa: E402
from pipelines.formats.registry import CONTEXT, WRITERS, Writer, check, find, name_of, read, writer_of  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.flags import given  # noqa: E402
from speechllm.text.frontend import ended  # noqa: E402
from speechllm.text.normalizer import Normalizer  # noqa: E402
from speechllm.text.phonemizer import Phonemizer  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402


class Front:
    """Text -> ids."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer, self.normalizer, self.phonemizer = tokenizer, Normalizer(), Phonemizer()

    def __call__(self, text: str) -> list[int]:
        return self.tokenizer.encode(ended(self.phonemizer(self.normalizer.normalize(text)).text, self.tokenizer))


def named(content: Content, known: dict[str, manifest.Utterance]) -> Content:
    """With the texts and speakers of a manifest."""
    strangers = [one.name for one in content.examples if one.name not in known]
    if strangers:
        raise UserError(f"the manifest does not know utterance {strangers[0]}; name the one the shards were made from")
    found = [known[one.name] for one in content.examples]
    return replace(content, texts=[one.text for one in found], speakers=[one.speaker for one in found])


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("shards", type=Path, help="folder of shards of one format")
    parser.add_argument("--format", choices=[*WRITERS], required=True, help="to write")
    parser.add_argument("--context", nargs="?", const=0, type=int, metavar="SEED", help=CONTEXT)
    parser.add_argument("--out", type=Path, required=True, help="folder for the new shards")
    parser.add_argument("--manifest", type=Path, help="for texts and speakers")
    parser.add_argument("--codec", type=Path, help="codec folder, for parquet that does not say whose codes it has")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.model, for parquet without ids")
    args = parser.parse_args(argv)

    check(args.format)
    write = writer_of(args.format, args.context)
    have, paths = find(args.shards)
    if have != "parquet" and (idle := given(parser, argv, ["codec", "tokenizer"])):
        raise UserError(f"got {idle} with shards of format {have}, which say all of it; leave it out")
    spec = code_spec(load_codec(args.codec)) if args.codec else None
    tokenizer = Tokenizer.load(args.tokenizer) if args.tokenizer else None
    front = Front(tokenizer) if tokenizer else None
    known = {one.id: one for one in manifest.read(args.manifest)} if args.manifest else {}
    if args.out.resolve() == args.shards.resolve():
        raise UserError(f"got --out {args.out}, the folder that is read; expected another")
    args.out.mkdir(parents=True, exist_ok=True)
    count = 0
    for path in track(paths, f"{have} to {args.format}"):
        content = read(have, path, spec, front)
        content = replace(content, tokenizer=content.tokenizer or (tokenizer.fingerprint if tokenizer else ""))
        content = named(content, known) if known else content
        convert(content, write, args.out, name_of(have, path))
        count += len(content.examples)
    print(f"{args.out}: {count:,} utterances in {len(paths):,} shards")


def convert(content: Content, write: Writer, out: Path, name: str) -> None:
    """Write one shard and its checksum."""
    files = write_files(out, name, lambda folder: write(folder, name, content))
    audio_s = sum(len(one.codes) for one in content.examples) / content.spec.frame_rate
    write_receipt(out, name, Receipt("", len(content.examples), round(audio_s, 3), (), files))  # of no plan


if __name__ == "__main__":
    guard(main)
