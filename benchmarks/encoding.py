"""What encoding recordings in batches is worth: seconds of speech that one thread encodes in a second of its time.

    python benchmarks/encoding.py --manifest data/heart/manifest.jsonl --recordings 96

One by one and in batches of like length take turns, round by round. Both have to give the same codes, or it ends. The
codec alone: reading and writing are in the report.json of `encode-corpus --plan`.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.timing.clocks import CLOCKS  # noqa: E402
from codec import Codec  # noqa: E402
from codec import load as load_codec  # noqa: E402
from codec.audio.reading import read_speech  # noqa: E402
from pipelines.corpus import manifest  # noqa: E402
from pipelines.encoding.batches import MOST_ITEMS  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.resources import shipped_codec  # noqa: E402

HEADER = ("", "seconds of speech a second, least to most", "times one by one, least to most")


def read(path: Path, count: int, sample_rate: int) -> list[Tensor]:
    """The first recordings of a manifest, float32 [1, N], the shortest first."""
    found = [
        torch.cat(list(read_speech(path.parent / one.audio, sample_rate)), 1) for one in manifest.read(path)[:count]
    ]
    return sorted(found, key=lambda audio: audio.shape[1])


def encode(codec: Codec, recordings: Sequence[Tensor], batch: int) -> tuple[float, list[Tensor]]:
    """Seconds of processor time, and the codes of each."""
    clock = CLOCKS["cpu"]
    begin_s, codes = clock(), []
    for start in range(0, len(recordings), batch):
        codes += codec.encode_recordings(recordings[start : start + batch])
    return clock() - begin_s, codes


def compare(codec: Codec, recordings: Sequence[Tensor], batch: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds that each round took one by one, and in batches.

    Raises:
        ValueError: a batch changed a code.
    """
    alone, together = [], []
    for number in track(range(rounds + 1), "encoding"):  # the first is not counted
        (one_s, one), (batch_s, many) = encode(codec, recordings, 1), encode(codec, recordings, batch)
        if not all(map(torch.equal, one, many)):
            raise ValueError("codes of a batch are not those of its recordings one by one")
        if number:
            alone.append(one_s)
            together.append(batch_s)
    return alone, together


def spread(values: Sequence[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def table(alone: Sequence[float], together: Sequence[float], speech_s: float, batch: int) -> str:
    """Both as Markdown."""
    ratios = [one / many for one, many in zip(alone, together, strict=True)]
    rows = [("one by one", alone, ""), (f"batches of {batch}", together, spread(ratios))]
    return markdown_table(HEADER, [[name, spread([speech_s / s for s in times]), gain] for name, times, gain in rows])


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--codec", type=Path, help="folder; default: the codec for any voice")
    parser.add_argument("--manifest", type=Path, required=True, help="of recordings")
    parser.add_argument("--recordings", type=int, default=96, help="how many, from its beginning")
    parser.add_argument("--batch", type=int, default=MOST_ITEMS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS / "encoding", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)
    if min(args.batch, args.rounds, args.recordings) < 1:
        raise UserError("got a number below 1; expected --batch, --rounds and --recordings of 1 or more")
    torch.set_num_threads(1)
    codec, where, command = load_codec(args.codec or shipped_codec()), environment(), command_line("encoding.py", argv)
    recordings = read(args.manifest, args.recordings, codec.sample_rate)
    speech_s = sum(audio.shape[1] for audio in recordings) / codec.sample_rate
    alone, together = compare(codec, recordings, args.batch, args.rounds)
    text = table(alone, together, speech_s, args.batch)
    report = {"command": command, "environment": where, "speech_s": speech_s, "alone_s": alone, "together_s": together}
    write_results(args.out, report, f"{text}\n{origin(where)}\n\n    {command}\n")
    print(f"{text}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
