"""Encode a corpus: manifest + codec + tokenizer -> code shards, all that training the LM needs.

    python pipelines/encode_corpus.py --manifest data/heart/manifest.jsonl --tokenizer runs/tokenizer.model \\
        --out data/heart-codes

The codec is the shipped one for any voice, unless --codec names another. Recordings may be hours long.
An interrupted run continues with the same command, shard by shard; shards of another codec are refused.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import Codec, LiteCodec  # noqa: E402
from codec import load as load_codec  # noqa: E402
from codec.audio.reading import read_speech  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.corpus.features import read_features  # noqa: E402
from pipelines.corpus.parts import shards_of  # noqa: E402
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

    def __init__(self, codec: Codec, tokenizer: Tokenizer, device: str, features: dict[str, torch.Tensor]):
        self.codec, self.tokenizer, self.device, self.features = codec, tokenizer, device, features
        self.normalizer, self.phonemizer = Normalizer(), Phonemizer()

    def __call__(self, utterance: manifest.Utterance, folder: Path) -> Example:
        """One utterance -> ids and codes; its phonemes are the manifest's, or else the front end's."""
        try:
            phonemes = utterance.phonemes or self.phonemizer(self.normalizer.normalize(utterance.text)).text
            ids = torch.tensor(self.tokenizer.encode(phonemes))
            codes = self.codes(utterance, folder)
        except (ValueError, OSError) as error:
            raise UserError(f"utterance {utterance.id}: {error}") from None
        return Example(utterance.id, ids, codes.T.cpu())

    def codes(self, utterance: manifest.Utterance, folder: Path) -> torch.Tensor:
        """Codes [K, T] of the features that are at hand, or else of the audio."""
        if utterance.id in self.features:
            assert isinstance(self.codec, LiteCodec)
            return self.codec.encode_features(self.features[utterance.id][None].to(self.device))[0]
        pieces = read_speech(folder / utterance.audio, self.codec.sample_rate)
        return torch.cat(list(self.codec.encode_chunks(piece[None].to(self.device) for piece in pieces)), dim=-1)[0]


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
    args = parser.parse_args(argv)

    codec = load_codec(args.codec or shipped_codec()).to(args.device)
    tokenizer = Tokenizer.load(args.tokenizer)
    if args.features and not isinstance(codec, LiteCodec):
        raise UserError(f"{args.codec} codes audio, not features; leave out --features")
    features = read_features(args.features, codec.config) if args.features else {}
    encoder = Encoder(codec, tokenizer, args.device, features)
    spec, shards = code_spec(codec), shards_of(manifest.read(args.manifest), args.out, args.part)
    args.out.mkdir(parents=True, exist_ok=True)
    begin, encoded_s = time.perf_counter(), 0.0
    for path, utterances in track(shards, f"encoding with codec {codec.fingerprint}"):
        if path.is_file():
            shard = Shard(path)
            if shard.spec != spec:
                raise UserError(f"{path} was made with {shard.spec}, this codec is {spec}; use another --out")
            if shard.tokenizer_fingerprint != tokenizer.fingerprint:
                raise UserError(f"{path} was made with another tokenizer than {args.tokenizer}; use another --out")
            continue
        write_shard(path, [encoder(u, args.manifest.parent) for u in utterances], spec, tokenizer.fingerprint)
        encoded_s += sum(u.duration_s for u in utterances)
    if encoded_s:
        factor = (time.perf_counter() - begin) / encoded_s
        print(f"{args.out}: {encoded_s / 3600:.2f} h encoded, real-time factor {factor:.4f}")


if __name__ == "__main__":
    guard(main)
