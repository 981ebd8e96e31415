"""Encode a corpus: manifest + codec + tokenizer -> code shards, all that training the LM needs.

    python pipelines/encode_corpus.py --manifest data/heart/manifest.jsonl --tokenizer runs/tokenizer.model \\
        --out data/heart-codes

The codec is the shipped one for any voice, unless --codec names another. Recordings may be hours long.
An interrupted run continues with the same command, shard by shard; shards of another codec are refused. Utterances that
cannot be used are listed with their reasons in OUT/rejects.jsonl. Shards know texts and recordings they were made from:
what was added or mended since is encoded too; where something changed or is gone, --redo encodes it again.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import Codec, LiteCodec  # noqa: E402
from codec import load as load_codec  # noqa: E402
from codec.audio.reading import read_speech  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.corpus.derived import Made, Tally, Todo, made, notes, plan, refuse_strangers, report_all  # noqa: E402
from pipelines.corpus.features import read_features  # noqa: E402
from pipelines.corpus.parts import shards_of  # noqa: E402
from pipelines.corpus.recordings import duration_of  # noqa: E402
from pipelines.corpus.rejects import MOST, Reject  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.resources import shipped_codec  # noqa: E402
from speechllm import CodeSpec  # noqa: E402
from speechllm.data.shards import Example, Shard, write_shard  # noqa: E402
from speechllm.text.normalizer import Normalizer  # noqa: E402
from speechllm.text.phonemizer import Phonemizer  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402


def code_spec(codec: Codec) -> CodeSpec:
    """What the LM must know of a codec."""
    return CodeSpec(codec.frame_rate, codec.num_codebooks, codec.levels, codec.fingerprint)


class Encoder:
    """Codec and text front end at work on utterances."""

    def __init__(
        self, codec: Codec, tokenizer: Tokenizer, device: str, features: dict[str, torch.Tensor], reread: bool = False
    ):
        self.codec, self.tokenizer, self.device, self.features, self.reread = codec, tokenizer, device, features, reread
        self.normalizer, self.phonemizer = Normalizer(), Phonemizer()

    def __call__(self, utterance: manifest.Utterance, folder: Path) -> Example | Reject:
        """One utterance -> ids and codes; its phonemes are the manifest's, or else the front end's."""
        try:
            ids = torch.tensor(self.tokenizer.encode(self.phonemes(utterance)))
            if utterance.id not in self.features:
                duration_of(folder / utterance.audio)
        except (ValueError, OSError) as error:
            return Reject(utterance.id, str(error))
        return Example(utterance.id, ids, self.codes(utterance, folder).T.cpu())

    def phonemes(self, utterance: manifest.Utterance) -> str:
        """Those of the manifest, unless they are to be read anew where the tokenizer does not know them."""
        foreign = self.reread and not set(utterance.phonemes) <= set(self.tokenizer.characters)
        if utterance.phonemes and not foreign:
            return utterance.phonemes
        return self.phonemizer(self.normalizer.normalize(utterance.text)).text

    def codes(self, utterance: manifest.Utterance, folder: Path) -> torch.Tensor:
        """Codes [K, T] of the features that are at hand, or else of the audio."""
        if utterance.id in self.features:
            assert isinstance(self.codec, LiteCodec)
            return self.codec.encode_features(self.features[utterance.id][None].to(self.device))[0]
        pieces = read_speech(folder / utterance.audio, self.codec.sample_rate)
        return torch.cat(list(self.codec.encode_chunks(piece[None].to(self.device) for piece in pieces)), dim=-1)[0]


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
        return made(shard.names, shard.notes)

    def write(self, path: Path, members: Sequence[manifest.Utterance], todo: Todo, encoder: Encoder) -> list[Reject]:
        """Encode what a shard has to hold and does not; returns what cannot be."""
        old = self.open(path) if todo.keep else None
        known = {old.names[i]: old[i] for i in range(len(old))} if old else {}
        folder = self.args.manifest.parent
        found = [known[one.id] if one.id in todo.keep else encoder(one, folder) for one in members]
        rejects = [one for one in found if isinstance(one, Reject)]
        examples = [one for one in found if isinstance(one, Example)]
        write_shard(path, examples, self.spec, self.tokenizer.fingerprint, notes(todo.sources, rejects))
        return rejects


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--codec", type=Path, help="codec folder; default: the codec for any voice")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.model")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--features", type=Path, help="folder from extract_features.py, saves the analysis")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--part", default="1/1", help="i/n: encode every n-th shard from the i-th on, for n processes")
    parser.add_argument("--max-rejects", type=float, default=MOST, help="largest share that may be unusable")
    parser.add_argument(
        "--reread", action="store_true", help="read a text where the tokenizer does not know the manifest's phonemes"
    )
    parser.add_argument("--redo", action="store_true", help="encode again what changed since its shard was made")
    args = parser.parse_args(argv)

    codec = load_codec(args.codec or shipped_codec()).to(args.device)
    tokenizer = Tokenizer.load(args.tokenizer)
    if args.features and not isinstance(codec, LiteCodec):
        raise UserError(f"{args.codec} codes audio, not features; leave out --features")
    utterances, root = manifest.read(args.manifest), args.manifest.parent
    features = read_features(args.features, codec.config, utterances, root) if args.features else {}
    encoder, folder = (
        Encoder(codec, tokenizer, args.device, features, args.reread),
        Folder(args, code_spec(codec), tokenizer),
    )
    every = [path for path, _ in shards_of(utterances, args.out, "1/1")]
    shards = shards_of(utterances, args.out, args.part)
    args.out.mkdir(parents=True, exist_ok=True)
    refuse_strangers(args.out, every)
    tally = Tally(len(utterances), args.max_rejects, args.out / "rejects.jsonl")
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
