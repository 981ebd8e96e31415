"""More speakers out of a corpus: its features with vocal tract, pitch, intonation, tempo and breath of others.

    python pipelines/warp_corpus.py --manifest data/heart/manifest.jsonl --features data/features --out data/warped

Of every speaker's utterances, each group of --group is spoken by a new speaker, called SPEAKER~N. Writes OUT/features
and OUT/manifest.jsonl, for encode_corpus.py with --features; no audio is made, and the manifest names the originals.
The same seed gives the same corpus. An interrupted run continues with the same command.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import CodecConfig  # noqa: E402
from codec.training.lite.augmentation import Augmentation, Augmenter  # noqa: E402
from codec.training.lite.warping import Warp  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.corpus.derived import notes  # noqa: E402
from pipelines.corpus.features import read_features, write_features  # noqa: E402
from pipelines.corpus.manifest import Utterance  # noqa: E402
from pipelines.corpus.parts import shards_of  # noqa: E402
from pipelines.corpus.sources import sources_of  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.resources import find_config  # noqa: E402
from pipelines.shared.settings import read_file  # noqa: E402


def warped(utterances: Sequence[Utterance], group: int, copies: int, out: Path, folder: Path) -> list[Utterance]:
    """The utterances of the new speakers, each under an id of its own."""
    counts: dict[str, int] = defaultdict(int)
    found = []
    for copy in range(copies):
        for one in utterances:
            number = counts[one.speaker]
            counts[one.speaker] += 1
            audio = manifest.relative(folder / one.audio, out / "manifest.jsonl")
            found.append(replace(one, id=f"{one.id}~{copy}", speaker=f"{one.speaker}~{number // group}", audio=audio))
    return found


def warp_of(speaker: str, seed: int) -> Warp:
    """The warp of a new speaker."""
    return Warp.draw(np.random.default_rng((seed, crc32(speaker.encode()))))


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True, help="folder from extract_features.py")
    parser.add_argument("--config", default="english", help="codec configuration the features were made for")
    parser.add_argument("--out", type=Path, required=True, help="folder for features and manifest")
    parser.add_argument("--group", type=int, default=16, help="utterances of a new speaker")
    parser.add_argument("--copies", type=int, default=1, help="new speakers of every utterance")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    if min(args.group, args.copies) < 1:
        raise UserError(f"got --group {args.group}, --copies {args.copies}; expected 1 or more")
    config = CodecConfig.from_dict(read_file(find_config(args.config))["codec"])
    originals, folder = manifest.read(args.manifest), args.manifest.parent
    features = read_features(args.features, config, originals, folder)
    originals = [one for one in originals if one.id in features]
    utterances = warped(originals, args.group, args.copies, args.out, folder)
    (args.out / "features").mkdir(parents=True, exist_ok=True)
    augmenter = Augmenter(config, Augmentation())
    for path, members in track(shards_of(utterances, args.out / "features", "1/1"), "warping"):
        if not path.is_file():
            made = {}
            for one in members:
                source = features[one.id.rpartition("~")[0]].float().numpy()
                made[one.id] = torch.from_numpy(warp_of(one.speaker, args.seed)(source, augmenter)).half().contiguous()
            write_features(path, made, config, notes(sources_of(members, args.out, {}, with_text=False), []))
    manifest.write(args.out / "manifest.jsonl", utterances)
    print(f"{args.out}: {len(utterances):,} utterances of {len({one.speaker for one in utterances}):,} speakers")


if __name__ == "__main__":
    guard(main)
