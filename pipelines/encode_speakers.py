"""Who speaks in each utterance of code shards: names out of the manifest, vectors out of the codes' sound.

    python pipelines/encode_speakers.py --manifest data/voices/manifest.jsonl --shards data/voices/codes

Writes a NAME.speakers beside every shard, for a speech LM of many voices. The vectors are of decoded speech, which is
what the LM writes. Shards that have theirs are left alone; an interrupted run continues with the same command.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec.runtime.folder import load as load_codec  # noqa: E402
from codec.runtime.interface import RuntimeCodec  # noqa: E402
from codec.speaker import SPEAKER_DIM, SpeakerEncoder  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.resources import shipped_codec  # noqa: E402
from speechllm.data.shards import Shard, open_shards  # noqa: E402
from speechllm.data.speakers import read_speakers, write_speakers  # noqa: E402

LEAST_FRAMES = 24  # about 1.1 s: less says little of a voice


def has_speakers(shard: Shard) -> bool:
    """Whether a shard has its speakers; of another shard, or damaged, they are said to be made again."""
    try:
        return read_speakers(shard) is not None
    except ValueError as error:
        print(f"{error}: made again")
        return False


def chosen(shards: list[Shard], speakers: dict[str, str], per_speaker: int) -> set[str]:
    """The first utterances of each speaker that are long enough: those a vector is made of."""
    counts: Counter[str] = Counter()
    found = set()
    for shard in shards:
        for name, frames in zip(shard.names, shard.tensors["code_offsets"].diff().tolist(), strict=True):
            if frames >= LEAST_FRAMES and counts[speakers[name]] < per_speaker:
                counts[speakers[name]] += 1
                found.add(name)
    return found


def vectors_of(shard: Shard, wanted: set[str], codec: RuntimeCodec, encoder: SpeakerEncoder) -> torch.Tensor:
    """Vectors [n, C]; zeros where none is wanted, or nothing is heard."""
    vectors = np.zeros((len(shard), SPEAKER_DIM), np.float32)
    for i, name in enumerate(shard.names):
        if name in wanted:
            audio = codec.decode(shard[i].codes.T[None].numpy())[0, 0]
            try:
                vectors[i] = encoder(audio, codec.sample_rate)
            except ValueError:  # silence
                continue
    return torch.from_numpy(vectors)


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="those the shards were made from")
    parser.add_argument("--shards", type=Path, required=True, help="folder from encode_corpus.py")
    parser.add_argument("--codec", type=Path, help="codec folder with its graphs; default: the codec for any voice")
    parser.add_argument("--per-speaker", type=int, default=64, help="utterances of a speaker that get a vector")
    args = parser.parse_args(argv)

    shards = open_shards(args.shards, aligned=False)
    speakers = {one.id: one.speaker for path in args.manifest for one in manifest.read(path)}
    strangers = [name for shard in shards for name in shard.names if name not in speakers]
    if strangers:
        raise UserError(f"{args.shards} holds {strangers[0]}, which no manifest does; name its manifest too")
    codec, encoder = load_codec(args.codec or shipped_codec(), "float32"), SpeakerEncoder()
    if codec.fingerprint != shards[0].spec.codec_fingerprint:
        raise UserError(f"{args.shards} are codes of codec {shards[0].spec.codec_fingerprint}, this is another one")
    wanted = chosen(shards, speakers, args.per_speaker)
    for shard in track([shard for shard in shards if not has_speakers(shard)], "encoding speakers"):
        write_speakers(shard, [speakers[name] for name in shard.names], vectors_of(shard, wanted, codec, encoder))
    print(f"{args.shards}: {len(set(speakers.values())):,} speakers, {len(wanted):,} utterances with a vector")


if __name__ == "__main__":
    guard(main)
