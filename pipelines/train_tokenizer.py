"""Train the phoneme tokenizer of a voice on a manifest.

    python pipelines/train_tokenizer.py --manifest data/heart/manifest.jsonl --out runs/tokenizer.model

Utterances whose phonemes the manifest knows are used as they are; others pass the same normaliser and phonemiser as in
speaking. Every phoneme of English is known afterwards, also those the corpus lacks.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.corpus import manifest  # noqa: E402
from pipelines.corpus.rejects import MOST, Reject, report  # noqa: E402
from pipelines.shared.errors import guard  # noqa: E402
from speechllm.text.normalizer import Normalizer  # noqa: E402
from speechllm.text.phonemizer import Phonemizer  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402

RARE = 100  # occurrences; a phoneme with fewer is learnt badly


def phonemes_of(utterances: Sequence[manifest.Utterance], phonemizer: Phonemizer) -> tuple[list[str], list[Reject]]:
    """Phoneme strings of utterances, and those whose text cannot be spoken."""
    normalizer = Normalizer()
    lines, rejects = [], []
    for utterance in track(utterances, "reading"):
        try:
            lines.append(utterance.phonemes or phonemizer(normalizer.normalize(utterance.text)).text)
        except ValueError as error:
            rejects.append(Reject(utterance.id, str(error)))
    return lines, rejects


def coverage(tokenizer: Tokenizer, counts: Counter[str]) -> str:
    """What the corpus covers: tokens, characters, and the characters it has few or none of."""
    characters = sorted(tokenizer.characters)
    rare = sorted((char for char in characters if counts[char] < RARE), key=lambda char: counts[char])
    lines = [
        f"{tokenizer.vocab_size} ids, {len(characters)} characters: {''.join(characters)}",
        f"{counts.total():,} characters read; fewer than {RARE} times: {len(rare)}",
        *(f"  {char!r:6} {counts[char]:4}" for char in rare),
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--manifest", type=Path, required=True, help=".jsonl, from pipelines/prepare_corpus.py")
    parser.add_argument("--out", type=Path, required=True, help="tokenizer to write, .model")
    parser.add_argument("--vocab-size", type=int, default=80, help="largest number of ids; char models may need fewer")
    parser.add_argument("--model-type", choices=("char", "unigram", "bpe"), default="char")
    parser.add_argument(
        "--max-rejects", type=float, default=MOST, help="largest share of texts that may be unspeakable"
    )
    args = parser.parse_args(argv)

    phonemizer = Phonemizer()
    utterances = manifest.read(args.manifest)
    lines, rejects = phonemes_of(utterances, phonemizer)
    report(args.out.with_suffix(".rejects.jsonl"), rejects, len(utterances), args.max_rejects)
    tokenizer = Tokenizer.train(lines, args.vocab_size, args.model_type, phonemizer.alphabet)
    tokenizer.save(args.out)
    print(coverage(tokenizer, Counter("".join(lines))))
    print(f"{args.out}: fingerprint {tokenizer.fingerprint}")


if __name__ == "__main__":
    guard(main)
