"""Tries of sentences: spoken with several seeds, heard by a recogniser, kept as code shards.

A shard OUT/tries/000000.safetensors holds every try of CHUNK sentences, and beside it their reading positions as they
were while speaking. What was heard is in its notes. Whoever makes them again finds what is there.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from pipelines.shared.errors import UserError
from pipelines.speaking.speakers import Chosen, choose
from pipelines.speaking.synthesis import TTS
from speechllm.data.shards import Example, Shard, write_shard

CHUNK = 10  # sentences of a shard, which an interruption costs at most
FOLDER = "tries"
Wrong: TypeAlias = Callable[[str, np.ndarray, int], float]  # text, audio float32 [N], its rate -> character error rate


@dataclass(frozen=True)
class Try:
    """A sentence spoken once."""

    name: str  # of the utterance in its shard: the sentence's number and that of the try
    text: str
    speaker: str  # "" in a voice of one
    frames: int
    error_rate: float  # of characters, 0 or more


@dataclass(frozen=True)
class Speaking:
    """How sentences are spoken and heard.

    Args:
        voices: a voice as each of its speakers, who take turns.
        tries: of a sentence.
        sampling: changes to the voice's own SamplingConfig.
        wrong: what the recogniser says of a try.
    """

    voices: Mapping[str, TTS]
    tries: int
    sampling: Mapping[str, Any]
    wrong: Wrong

    def say(self, number: int, text: str) -> list[tuple[Try, Example]]:
        """All tries of a sentence; the same number and text give the same. None of what is not one sentence."""
        speaker = list(self.voices)[number % len(self.voices)]
        tts, found = self.voices[speaker], []
        if not can_be_said(text, tts):
            return []
        for count in range(self.tries):
            seed, name = number * self.tries + count, f"{number:06d}-{count}"
            speech = tts.synthesize(text, seed, watermark=False, **self.sampling)
            if len(speech.sentences) != 1:  # more than the LM can hold
                return []
            ids, codes, positions = speech.sentences[0].ids, speech.codes.T, speech.positions[0]
            example = Example(name, torch.tensor(ids), torch.from_numpy(codes.copy()), torch.tensor(positions))
            error_rate = self.wrong(text, speech.audio, speech.sample_rate)
            found.append((Try(name, text, speaker, len(codes), round(error_rate, 4)), example))
        return found

    def write(self, path: Path, sentences: Sequence[str], first: int, made: str) -> None:
        """Speak sentences, the first of which has the number `first`, into a shard; `made` says with what."""
        found = [pair for number, text in enumerate(sentences, first) for pair in self.say(number, text)]
        config = next(iter(self.voices.values())).voice.lm.config
        notes = {"made": made, "sentences": list(sentences), "tries": [asdict(one) for one, _ in found]}
        examples = [example for _, example in found]
        texts = {key: json.dumps(value, ensure_ascii=False) for key, value in notes.items()}
        write_shard(path, examples, config.codes, config.tokenizer_fingerprint, texts)
        Shard(path, aligned=False).write_positions([one.positions for one in examples if one.positions is not None])


def can_be_said(text: str, tts: TTS) -> bool:
    """Whether a text is one sentence, with something to say."""
    try:
        return len(list(tts.read(text))) == 1
    except ValueError:
        return False


def choose_people(name: str) -> Chosen:
    """`choose` of a voice or one of its speakers; UserError for a blend, who is in no corpus to learn from."""
    chosen = choose(name)
    if chosen.speaker and "+" in chosen.speaker:
        raise UserError(f"got --voice {name}; expected a voice or one of its speakers, not a blend")
    return chosen


def named(chosen: Chosen) -> str:
    """Who speaks, with which LM, for the notes of what was spoken."""
    weights = hashlib.sha256((chosen.folder / "lm/model.safetensors").read_bytes()).hexdigest()[:8]
    return f"{chosen.speaker} of " * bool(chosen.speaker) + f"{chosen.folder.name} (LM {weights})"


def is_there(path: Path, sentences: Sequence[str], made: str) -> bool:
    """Whether a shard holds these sentences; one of fewer, of a file that has grown since, is made again.

    Raises:
        UserError: it was made with other settings, or of other sentences.
    """
    if not path.is_file():
        return False
    shard = Shard(path, aligned=False)
    before, spoken = (json.loads(shard.notes.get(key, "null")) for key in ("made", "sentences"))
    if before != made:
        raise UserError(f"{path} was made with {before}, now it is {made}; go on with the same, or use another --out")
    if spoken != list(sentences[: len(spoken)]):
        raise UserError(f"{path} was made of other sentences; go on with the same, or use another --out")
    return len(spoken) == len(sentences) and shard.positions_path.is_file()


def read_tries(shards: Sequence[Shard]) -> list[Try]:
    """What was heard of all tries.

    Raises:
        UserError: shards of something else.
    """
    try:
        return [Try(**one) for shard in shards for one in json.loads(shard.notes["tries"])]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{shards[0].path.parent} holds other shards than those of make_pairs.py") from None
