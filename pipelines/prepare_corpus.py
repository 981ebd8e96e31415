"""Make a training manifest: from a teacher voice that reads a text file, a corpus on disk, or other manifests.

    python pipelines/prepare_corpus.py teacher --texts data/texts.txt --hours 24 --out data/heart
    python pipelines/prepare_corpus.py kokoro --texts data/texts.txt --styles package/voices --out data/kokoro
    python pipelines/prepare_corpus.py ljspeech LJSpeech-1.1 --out data/ljspeech.jsonl
    python pipelines/prepare_corpus.py libritts LibriTTS/train-clean-100 --out data/libritts.jsonl
    python pipelines/prepare_corpus.py folder recordings --out data/recordings.jsonl
    python pipelines/prepare_corpus.py nemo train_manifest.json --out data/nemo.jsonl
    python pipelines/prepare_corpus.py recipe mls-english mls_english --split train --out data/mls.jsonl
    python pipelines/prepare_corpus.py join a/manifest.jsonl b/manifest.jsonl --exclude bob --out both/manifest.jsonl
    python pipelines/prepare_corpus.py hear data/heart/manifest.jsonl --out data/heart/heard.jsonl
    python pipelines/prepare_corpus.py validate data/heart/manifest.jsonl

The teacher is hibari's "heart" (Apache-2.0, installed from PyPI): the same seed gives the same corpus, sample for
sample. An interrupted run continues with the same command. ljspeech reads other tables of `id|text` and more columns
too. Every recording is decoded; what cannot be used is shown, and listed with its reason in OUT.rejects.jsonl.
"""

import argparse
import contextlib
import math
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import soundfile
import soxr
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.corpus import kokoro, manifest  # noqa: E402
from pipelines.corpus.hearing import heard_right  # noqa: E402
from pipelines.corpus.importing import READERS, read_corpus  # noqa: E402
from pipelines.corpus.joining import join  # noqa: E402
from pipelines.corpus.manifest import Utterance  # noqa: E402
from pipelines.corpus.recipes import place_of, read_recipe  # noqa: E402
from pipelines.corpus.rejects import MOST, Reject, report  # noqa: E402
from pipelines.shared.atomic import replacing  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.flags import flag  # noqa: E402
from pipelines.shared.text_files import read_text  # noqa: E402

SAMPLE_RATE = 22_050
CHUNK = 200  # sentences per unit of work, and per resume point
LEAST = {"workers": 1, "hours": 0, "each": 0, "most": 0, "max_rejects": 0}  # of the numbers that flags take


def speak_chunk(sentences: list[str], first: int, out: Path) -> Path:
    """Read sentences[i] into wavs/{first + i}.wav and list them in parts/{first}.jsonl."""
    listing = out / "parts" / f"{first:06d}.jsonl"
    if listing.exists():
        return listing
    from hibari import Hibari  # a training extra, and each worker needs its own session

    teacher, utterances = Hibari(voice="heart", threads=1), []
    for number, sentence in enumerate(sentences, first):
        phonemes = teacher.phonemize(sentence)
        if len(phonemes) != 1:  # more than one sentence, or nothing to say
            continue
        audio = soxr.resample(teacher.from_phonemes(phonemes[0], seed=number), teacher.sample_rate, SAMPLE_RATE)
        file = out / "wavs" / f"{number:06d}.wav"
        with replacing(file) as temporary:
            soundfile.write(temporary, audio, SAMPLE_RATE, subtype="PCM_16")
        duration_s = round(len(audio) / SAMPLE_RATE, 4)
        utterances.append(Utterance(file.stem, f"wavs/{file.name}", sentence, "heart", duration_s, phonemes[0]))
    manifest.write(listing, utterances)
    return listing


def leave_signals() -> None:
    """In a worker: Ctrl-C is the main process's matter, and SIGTERM ends it. A handler's exception would be taken for
    that of the job, and the next job begun."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def ended_with(pool: ProcessPoolExecutor) -> Iterator[None]:
    """End the workers where the main process is interrupted, and not after all that they have still to do."""
    try:
        yield
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise


def teacher(
    texts: Path, hours: float, out: Path, workers: int, styles: Path | None = None, speakers: Sequence[str] = ()
) -> list[Utterance]:
    """Let the teacher read `texts` until `hours` of speech are on disk; with `styles`, many speakers, or `speakers`."""
    if not texts.is_file():
        raise UserError(f"{texts} does not exist; make it with pipelines/corpus_texts.py")
    sentences = [line for line in read_text(texts).split("\n") if line.strip()]
    for name in ("wavs", "parts"):
        (out / name).mkdir(parents=True, exist_ok=True)
    starts, read = range(0, len(sentences), CHUNK), 0
    utterances: list[Utterance] = []
    with ProcessPoolExecutor(workers, initializer=leave_signals) as pool, ended_with(pool):
        speak = partial(kokoro.speak_chunk, styles=styles, speakers=speakers) if styles else speak_chunk
        jobs = [pool.submit(speak, sentences[start : start + CHUNK], start, out) for start in starts]
        for job in track(jobs, "speaking"):
            listing, read = job.result(), min(read + CHUNK, len(sentences))
            utterances += manifest.read(listing) if listing.stat().st_size else []
            if sum(u.duration_s for u in utterances) >= hours * 3600:
                pool.shutdown(cancel_futures=True)
                break
    spoken = {u.id for u in utterances}
    reason = "more than one sentence, or nothing to say"
    unread = [Reject(sentences[i], reason) for i in range(read) if f"{i:06d}" not in spoken]
    report(out / "manifest.rejects.jsonl", unread, read, most=1.0)
    return utterances


def hear_corpus(path: Path, out: Path, most: float) -> list[Utterance]:
    """The utterances of a manifest that say their text; the others are listed beside it."""
    if out.parent.resolve() != path.parent.resolve():
        raise UserError(f"got --out {out}; expected a file in {path.parent}, whose paths stay as they are")
    kept, rejects = heard_right(manifest.read(path), path.parent, most, out.with_suffix(".heard.jsonl"))
    report(out.with_suffix(".rejects.jsonl"), rejects, len(kept) + len(rejects), most=1.0)
    return kept


def validate(path: Path) -> None:
    """Print every problem of a manifest; any problem is an error."""
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    found = list(manifest.problems(path))
    for problem in found:
        print(problem)
    if found:
        raise UserError(f"{path}: {len(found)} problem{'s' if len(found) > 1 else ''}")
    utterances = manifest.read(path)
    print(f"{path}: {len(utterances):,} utterances, {sum(u.duration_s for u in utterances) / 3600:.2f} h, no problems")


def arguments(prog: str | None) -> argparse.ArgumentParser:
    """The commands and their flags."""
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0], epilog=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    speak = commands.add_parser("teacher", help="let the teacher voice read a text file")
    speak.add_argument("--texts", type=Path, required=True, help="one sentence per line")
    speak.add_argument("--hours", type=float, default=24.0, help="hours of speech to make")
    speak.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes, one core each")
    speak.add_argument("--out", type=Path, required=True, help="folder for wavs/ and manifest.jsonl")
    many = commands.add_parser("kokoro", help="let many synthetic speakers read a text file")
    many.add_argument("--texts", type=Path, required=True, help="one sentence per line")
    many.add_argument("--styles", type=Path, required=True, help="folder of style tables, package/voices of kokoro-js")
    many.add_argument("--speakers", nargs="+", default=[], help="who reads, in turn; else all, and blends of two")
    many.add_argument("--hours", type=float, default=6.0, help="hours of speech to make")
    many.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes, one core each")
    many.add_argument("--out", type=Path, required=True, help="folder for wavs/ and manifest.jsonl")
    readers = {layout: (read.__doc__ or "").split("\n")[0] for layout, read in READERS.items()}
    for layout, purpose in {**readers, "recipe": "a public corpus, by one of configs/data"}.items():
        reader = commands.add_parser(layout, help=purpose)
        if layout == "recipe":
            reader.add_argument("recipe", help="name of a recipe, or its file")
            reader.add_argument("--split", required=True, help="part of the corpus")
        reader.add_argument("root", type=Path)
        reader.add_argument(
            "--no-decode", action="store_true", help="take lengths from headers; encoding checks the rest"
        )
        reader.add_argument("--out", type=Path, required=True, help="manifest to write, .jsonl")
        reader.add_argument("--max-rejects", type=float, default=MOST, help="largest share that may be unusable")
        if layout == "ljspeech":
            reader.add_argument("--columns", default="", help="such as 'id|text|speaker|-', where it is not clear")
    joiner = commands.add_parser("join", help="several manifests as one")
    joiner.add_argument("manifests", type=Path, nargs="+")
    joiner.add_argument("--exclude", nargs="+", default=[], help="speakers to leave out, blends with them too")
    joiner.add_argument(
        "--first", nargs="+", default=[], help="speakers to put first, where validation takes its items"
    )
    joiner.add_argument("--only", nargs="+", default=[], help="speakers to keep, and nobody else, blends neither")
    joiner.add_argument("--each", type=int, default=0, help="the most utterances of a speaker, the first; 0 = all")
    joiner.add_argument("--out", type=Path, required=True, help="manifest to write, .jsonl")
    hear = commands.add_parser("hear", help="leave out what a recogniser hears to say something else than its text")
    hear.add_argument("manifest", type=Path)
    hear.add_argument("--most", type=float, default=0.1, help="largest character error rate, as Whisper tiny.en hears")
    hear.add_argument("--out", type=Path, required=True, help="manifest to write, .jsonl, in the same folder")
    commands.add_parser("validate", help="report every problem of a manifest").add_argument("manifest", type=Path)
    return parser


def check_numbers(args: argparse.Namespace) -> None:
    """Raise UserError for a number that is too small, or none."""
    for name, least in LEAST.items():
        value = getattr(args, name, least)
        if not least <= value < math.inf:
            raise UserError(f"got {flag(name)} {value}; expected {least} or more")


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    args = arguments(prog).parse_args(argv)
    check_numbers(args)
    if args.command == "validate":
        validate(args.manifest)
        return
    if args.command == "hear":
        utterances, out = hear_corpus(args.manifest, args.out, args.most), args.out
    elif args.command in ("teacher", "kokoro"):
        styles = getattr(args, "styles", None)
        if styles:
            # says what is missing before any process starts
            kokoro.check_speakers(kokoro.load(styles), args.speakers)
        utterances = teacher(args.texts, args.hours, args.out, args.workers, styles, getattr(args, "speakers", ()))
        out = args.out / "manifest.jsonl"
    elif args.command == "join":
        utterances, out = join(args.manifests, args.out, args.exclude, args.first, args.only, args.each), args.out
    else:
        layout, place = args.command, args.root
        if layout == "recipe":
            recipe = read_recipe(args.recipe)
            layout, place = recipe.layout, place_of(recipe, args.root, args.split)
            print(f"{args.recipe}, {args.split}: {recipe.licence}, {recipe.source}")
        columns = getattr(args, "columns", "")
        utterances, rejects = read_corpus(layout, place, args.out, columns, not args.no_decode)
        out, bad = args.out, [one for one in rejects if not one.orphan]
        report(out.with_suffix(".rejects.jsonl"), rejects, len(utterances) + len(bad), args.max_rejects)
    manifest.write(out, utterances)
    print(f"{out}: {len(utterances):,} utterances, {sum(u.duration_s for u in utterances) / 3600:.2f} h")


if __name__ == "__main__":
    guard(main)
