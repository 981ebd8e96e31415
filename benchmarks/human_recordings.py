"""Recordings of two people, with what they say, from three Debian packages: for judging alone, never for training.

    apt-get download pocketsphinx-testdata asterisk-core-sounds-en asterisk-core-sounds-en-g722
    for package in *.deb; do dpkg-deb -x $package package; done
    python benchmarks/human_recordings.py package --out data/judge/human.jsonl

or `make judge-sets`. LibriVox's reader of Sense and Sensibility (public domain) says all five sentences that
pocketsphinx tests itself with. Allison Smith says the first twenty of Asterisk's prompts (CC BY-SA 3.0) that take
SHORTEST_S to LONGEST_S; they are coded in G.722, 64 kbit/s at 16 kHz.
"""

import argparse
import gzip
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.corpus import manifest  # noqa: E402
from pipelines.corpus.manifest import Utterance  # noqa: E402
from pipelines.shared.atomic import replacing  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

LIBRIVOX = Path("usr/share/pocketsphinx/test/data/librivox")
PROMPTS = Path("usr/share/asterisk/sounds/en_US_f_Allison")
PROMPT_TEXTS = Path("usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
SAMPLE_RATE = 16_000
G722_BYTES_PER_S = 8_000
SHORTEST_S, LONGEST_S, COUNT = 2.6, 6.0, 20


def librivox(packages: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Name, text and audio float32 [N] of the sentences that pocketsphinx tests itself with."""
    for line in (packages / LIBRIVOX / "transcription").read_text("utf-8").splitlines():
        if found := re.fullmatch(r"<s> (.+) </s> \(([\w-]+)\)", line.strip()):
            audio, rate = soundfile.read(packages / LIBRIVOX / f"{found[2]}.wav", dtype="float32")
            assert rate == SAMPLE_RATE, f"{found[2]} has {rate} Hz"
            yield found[2], found[1], audio


def allison(packages: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Name, text and audio float32 [N] of prompts that are speech, neither short nor long."""
    texts = {}
    for line in gzip.decompress((packages / PROMPT_TEXTS).read_bytes()).decode("utf-8").splitlines():
        name, _, text = line.partition(": ")
        if text and not line.startswith(";") and not text.startswith("["):  # [a beep]
            texts[name] = text.strip()
    count = 0
    for path in sorted((packages / PROMPTS).glob("*.g722")):
        fits = SHORTEST_S <= path.stat().st_size / G722_BYTES_PER_S <= LONGEST_S
        if count < COUNT and fits and path.stem in texts:
            count += 1
            yield f"allison-{path.stem}", texts[path.stem], decode_g722(path)


def decode_g722(path: Path) -> np.ndarray:
    """Audio float32 [N] of 16 kHz."""
    import av  # comes with faster-whisper

    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.float32) / 2**15


def write(packages: Path, out: Path) -> list[Utterance]:
    """Write the recordings into a folder beside `out`, which lists them.

    Raises:
        UserError: a package is not there.
    """
    for place in (LIBRIVOX, PROMPTS, PROMPT_TEXTS):
        if not (packages / place).exists():
            raise UserError(f"{packages} holds no {place}; unpack the three packages into it, as the help says")
    folder, utterances = out.with_suffix(""), []
    folder.mkdir(parents=True, exist_ok=True)
    for speaker, recordings in (("librivox", librivox(packages)), ("allison", allison(packages))):
        for name, text, audio in recordings:
            with replacing(folder / f"{name}.wav") as temporary:
                soundfile.write(temporary, audio, SAMPLE_RATE, subtype="PCM_16")
            duration_s = round(len(audio) / SAMPLE_RATE, 3)
            utterances.append(Utterance(name, f"{folder.name}/{name}.wav", text, speaker, duration_s))
    manifest.write(out, utterances)
    return utterances


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="folder that the packages were unpacked into")
    parser.add_argument("--out", type=Path, default=Path("data/judge/human.jsonl"), help="manifest to write, .jsonl")
    args = parser.parse_args()
    if args.out.suffix != ".jsonl":
        raise UserError(f"got --out {args.out}; expected a name that ends with .jsonl")
    utterances = write(args.packages, args.out)
    print(f"{args.out}: {len(utterances)} recordings, {sum(one.duration_s for one in utterances):.0f} s")


if __name__ == "__main__":
    guard(main)
