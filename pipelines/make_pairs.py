"""Pairs for preference tuning: sentences spoken several times, and of each the try heard best and the worst one.

    python pipelines/make_pairs.py --voice english --texts data/sentences.txt --out runs/pairs \\
        --exclude benchmarks/texts/sentences.txt benchmarks/texts/tuning.txt

The voice speaks as it ships, under its own guidance, and its speakers take turns. Whisper tiny.en listens. A pair is
written where the best try has next to no wrong character and the worst really has some, or does not end. All tries are
kept in OUT/tries, so other limits or more sentences at the end of the file cost no second hearing, and an interrupted
run continues with the same command. train_preferences.py learns from OUT.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.corpus.hearing import Ear, can_hear  # noqa: E402
from pipelines.corpus.rejects import Reject, report  # noqa: E402
from pipelines.corpus.sentences import sentences_of  # noqa: E402
from pipelines.preferences.pairs import FILE, Pair, by_sentence, pair_of, write_pairs  # noqa: E402
from pipelines.preferences.tries import CHUNK, FOLDER, Speaking, Try, choose_people, is_there, named, read_tries  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.speaking.people import people  # noqa: E402
from speechllm import SamplingConfig  # noqa: E402
from speechllm.data.shards import Shard  # noqa: E402


def speaking_of(args: argparse.Namespace) -> tuple[Speaking, str]:
    """How tries are spoken, and what they depend on, in words."""
    if args.tries < 2:
        raise UserError(f"got --tries {args.tries}; expected 2 or more to choose from")
    if args.margin <= 0:
        raise UserError(f"got --margin {args.margin}; expected more than 0, such as 0.05")
    if not can_hear():
        raise UserError("no recogniser is installed; pip install 'lfsc-tts[eval]'")
    chosen = choose_people(args.voice)
    asked = {"temperature": args.temperature, "guidance": args.guidance}
    sampling = {name: value for name, value in asked.items() if value is not None}
    SamplingConfig(**sampling)  # says what cannot be
    changes = "".join(f", {name} {value:g}" for name, value in sampling.items())
    made = f"{args.tries} tries of {named(chosen)}{changes}"
    return Speaking(people(args.voice, tries=1, threads=1), args.tries, sampling, Ear().error_rate), made


def summary(tries: Sequence[Try], pairs: Sequence[Pair]) -> str:
    """What was heard, for the log."""
    groups = [[one.error_rate for one in group] for group in by_sentence(tries)]
    rates = [100 * fmean(map(choice, groups)) for choice in (min, fmean, max)]
    return (
        f"{len(pairs):,} pairs of {len(groups):,} sentences; characters misheard, mean of sentences: "
        f"{rates[0]:.1f} % of the best try, {rates[1]:.1f} % of all, {rates[2]:.1f} % of the worst"
    )


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--voice", default="english", help="name or folder of a voice")
    parser.add_argument("--texts", type=Path, required=True, help="text file, one sentence a line")
    parser.add_argument("--exclude", type=Path, nargs="*", default=[], help="files of sentences to leave out")
    parser.add_argument("--tries", type=int, default=4, help="of each sentence")
    parser.add_argument("--temperature", type=float, help="in place of the voice's; more = tries differ more")
    parser.add_argument("--guidance", type=float, help="in place of the voice's; 1 = none")
    parser.add_argument("--most", type=float, default=0.05, help="character error rate of a chosen try, at most")
    parser.add_argument("--margin", type=float, default=0.05, help="by which a rejected one is worse, at least")
    parser.add_argument("--out", type=Path, required=True, help="folder for tries/ and pairs.jsonl")
    args = parser.parse_args(argv)

    sentences = sentences_of(args.texts, args.exclude)
    speaking, made = speaking_of(args)
    folder = args.out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for first in track(range(0, len(sentences), CHUNK), "speaking and listening"):
        path, chunk = folder / f"{first:06d}.safetensors", sentences[first : first + CHUNK]
        if not is_there(path, chunk, made):
            speaking.write(path, chunk, first, made)
    shards = [shard for path in sorted(folder.glob("*.safetensors")) if len(shard := Shard(path))]
    if not shards:
        raise UserError(f"no line of {args.texts} is one sentence that can be said")
    tries = read_tries(shards)
    unsaid = sorted(set(sentences) - {one.text for one in tries})
    rejects = [Reject(text, "not one sentence, too long, or nothing to say") for text in unsaid]
    report(args.out / "left_out.jsonl", rejects, len(sentences), most=1.0)
    found = [pair_of(group, args.most, args.margin) for group in by_sentence(tries)]
    pairs = [pair for pair in found if pair is not None]
    write_pairs(args.out / FILE, pairs)
    print(f"{args.out / FILE}: {summary(tries, pairs)}")


if __name__ == "__main__":
    guard(main)
