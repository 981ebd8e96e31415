"""A voice speaks sentences for its own training, and keeps those that it reads back right.

    python pipelines/speak_corpus.py --voice english --texts data/texts.txt --sentences 5000 --out data/codes/spoken \\
        --exclude benchmarks/texts/sentences.txt benchmarks/texts/tuning.txt

The speakers of the voice take turns, and each speaks under the guidance and as often as the voice's card says; what its
recogniser does not find good after that is left out. train_lm.py learns from OUT, best beside the recordings the voice
was made from, which alone say what its speakers sound like: nobody is shown a voice by what was spoken here. An hour of
one core makes five hours. An interrupted run continues with the same command.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.corpus.sentences import sentences_of  # noqa: E402
from pipelines.preferences.tries import choose_people, is_there, named  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.flags import check_ranges  # noqa: E402
from pipelines.speaking.manner import Manner  # noqa: E402
from pipelines.speaking.people import people  # noqa: E402
from pipelines.speaking.synthesis import TTS  # noqa: E402
from speechllm.data.shards import Example, Shard, write_shard  # noqa: E402
from speechllm.data.speakers import write_speakers  # noqa: E402
from speechllm.training.ranges import AtLeastOne  # noqa: E402

CHUNK = 100  # sentences of a shard, which an interruption costs at most


def say(tts: TTS, number: int, text: str, made: str) -> Example | None:
    """A sentence as the voice speaks it; None of what is not one sentence, or was not read back right.

    Its name tells it from what another voice says, and from other sentences of the same number.
    """
    try:
        passages = [passage.text for passage in tts.passages([text], Manner()) if passage.text]
        prepared = tts.frontend(passages[0])
    except (ValueError, IndexError):  # nothing to say
        return None
    if len(passages) > 1 or len(prepared.ids) > tts.voice.lm.config.max_text:
        return None
    frames = list(tts.frames(prepared, replace(tts.sampling, seed=number), tts.voice.prefix))
    check = tts.voice.check(prepared.ids)
    assert check
    if not frames or check.misread(frames) > check.good:
        return None
    codes = torch.from_numpy(np.stack([frame.codes for frame in frames]).astype(np.int64))
    positions = torch.tensor([frame.position for frame in frames])
    name = f"spoken-{crc32(f'{made} {text}'.encode()):08x}-{number:06d}"
    return Example(name, torch.tensor(prepared.ids), codes, positions)


def write(path: Path, voices: dict[str, TTS], sentences: Sequence[str], first: int, made: str) -> None:
    """Speak sentences, the first of which has the number `first`, into a shard; `made` says with what."""
    names, found, speakers = list(voices), [], []
    for number, text in enumerate(sentences, first):
        speaker = names[number % len(names)]
        example = say(voices[speaker], number, text, made)
        if example:
            found.append(example)
            speakers.append(speaker)
    config = voices[names[0]].voice.lm.config
    notes = {"made": made, "sentences": list(sentences)}
    texts = {key: json.dumps(value, ensure_ascii=False) for key, value in notes.items()}
    write_shard(path, found, config.codes, config.tokenizer_fingerprint, texts)
    shard = Shard(path, aligned=False)
    if config.speaker_dim:
        write_speakers(shard, speakers, torch.zeros(len(found), config.speaker_dim))  # no vectors: see above
    shard.write_positions([one.positions for one in found if one.positions is not None])


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--voice", default="english", help="name or folder of a voice that reads back what it wrote")
    parser.add_argument("--texts", type=Path, required=True, help="text file, one sentence a line")
    parser.add_argument("--exclude", type=Path, nargs="*", default=[], help="files of sentences to leave out")
    parser.add_argument("--sentences", type=int, help="only the first N of those that remain")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    args = parser.parse_args(argv)

    if args.sentences is not None:
        check_ranges(args, {"sentences": AtLeastOne})
    sentences = sentences_of(args.texts, args.exclude)[: args.sentences]
    made = named(choose_people(args.voice))
    voices = people(args.voice, threads=1)
    one = next(iter(voices.values())).voice
    if one.recogniser is None or not one.lm.config.reader_layer:
        raise UserError(f"got --voice {args.voice}; expected one that reads back what it wrote: train_recogniser.py")
    args.out.mkdir(parents=True, exist_ok=True)
    paths = {first: args.out / f"{first:06d}.safetensors" for first in range(0, len(sentences), CHUNK)}
    for first, path in track(paths.items(), "speaking"):
        chunk = sentences[first : first + CHUNK]
        if not is_there(path, chunk, made):
            write(path, voices, chunk, first, made)
    shards = [Shard(path, aligned=False) for path in paths.values()]
    count, frames = sum(map(len, shards)), sum(len(shard.tensors["codes"]) for shard in shards)
    if not count:
        raise UserError(f"no line of {args.texts} was read back right by {args.voice}")
    hours = frames / one.lm.config.codes.frame_rate / 3600
    print(f"{args.out}: {count:,} of {len(sentences):,} sentences were read back right, {hours:.2f} h")


if __name__ == "__main__":
    guard(main)
