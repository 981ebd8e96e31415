"""Speak: text in, speech out.

    python pipelines/tts.py --text "The quick brown fox jumps over the lazy dog."

As a library:

    from pipelines.tts import TTS
    tts = TTS.from_pretrained("heart")
    speech = tts.synthesize("Hello there.", seed=0)   # speech.audio float32 [N], speech.sample_rate, speech.words ...
    for audio in tts.stream("Hello there.", seed=0):  # the same samples, as soon as they are certain
        ...

Shapes: N audio samples, K codebooks, T codec frames.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import Codec  # noqa: E402
from pipelines.voice import Voice, load_voice  # noqa: E402
from speechllm import SamplingConfig, generate  # noqa: E402
from speechllm.frontend import FrontendOutput, TextFrontend  # noqa: E402
from speechllm.normalizer import Normalizer  # noqa: E402
from speechllm.packing import Precision  # noqa: E402
from speechllm.phonemizer import Phonemizer  # noqa: E402
from speechllm.request import SLOWEST_RATE, Frame  # noqa: E402
from speechllm.sentences import iter_sentences  # noqa: E402

MAX_CHARS = 180  # of a sentence; longer ones are split, as the LM has heard few of them
FIRST_CHUNK = 3  # codec frames of audio in the first piece, for a quick start; of a codec of 21.5 frames a second
GROWTH = 4  # of a piece on the one before
MAX_CHUNK = 48  # codec frames in the largest piece, about two seconds


class WordTime(NamedTuple):
    """A spoken word and when it is heard, seconds from the beginning."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Piece:
    """What has become certain since the piece before; the pieces joined are the speech."""

    audio: np.ndarray  # float32 [N]
    codes: Tensor  # int64 [K, T], the frames of this audio
    words: list[WordTime] = field(default_factory=list)  # of the sentence, on its last piece
    confidences: list[float] = field(default_factory=list)  # of the sentence's frames, on its last piece
    positions: list[int] = field(default_factory=list)  # token of each of the sentence's frames, on its last piece
    sentence: FrontendOutput | None = None  # on its last piece


@dataclass(frozen=True)
class Speech:
    """A text spoken."""

    audio: np.ndarray  # float32 [N] in [-1, 1]
    sample_rate: int  # Hz
    codes: Tensor  # int64 [K, T]
    words: list[WordTime]
    confidence: float  # mean probability of the reader's moves, in [0, 1]; low where words may have been misread
    positions: list[list[int]]  # for each sentence, the token each frame speaks
    sentences: list[FrontendOutput]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.audio) / self.sample_rate


class TTS:
    """The whole speaking path. Not thread-safe; one object per thread, they can share a Voice.

    Args:
        voice: of pipelines.voice.load_voice.
        precision: of the LM's weights. int8 takes a quarter less time than float32 and is heard as well (README).
    """

    def __init__(self, voice: Voice, precision: Precision = "int8"):
        self.voice, self.precision = voice, precision
        self.frontend = TextFrontend(Normalizer(), Phonemizer(), voice.tokenizer)
        self.sampling = SamplingConfig(**voice.card.get("sampling", {}))

    @classmethod
    def from_pretrained(
        cls, name: str = "heart", codec: str | Path | None = None, precision: Precision = "int8"
    ) -> "TTS":
        """Load a shipped voice by name, or a voice folder by path. Nothing is downloaded.

        Raises:
            UserError: no such voice, or it is broken.
        """
        return cls(load_voice(name, Path(codec) if codec else None), precision)

    @property
    def codec(self) -> Codec:
        """The voice's codec."""
        return self.voice.codec

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.codec.sample_rate

    def synthesize(self, text: str, seed: int = 0, **sampling: Any) -> Speech:
        """Speak a text.

        Args:
            text: any length, any written form.
            seed: the same text and seed give the same speech.
            sampling: fields of SamplingConfig to change, such as temperature.

        Raises:
            ValueError: nothing to say, or text the voice cannot speak.
        """
        return join(list(self.pieces([text], seed, **sampling)), self.sample_rate)

    def stream(self, text: str, seed: int = 0, **sampling: Any) -> Iterator[np.ndarray]:
        """The audio of `synthesize`, float32 [N] at a time, as soon as it is certain."""
        for piece in self.pieces([text], seed, **sampling):
            if len(piece.audio):
                yield piece.audio

    def pieces(self, chunks: Iterable[str], seed: int = 0, **sampling: Any) -> Iterator[Piece]:
        """Speak a text that arrives in chunks, sentence by sentence; memory does not grow with its length."""
        start_s = 0.0
        for index, sentence in enumerate(speakable(chunks)):
            prepared = self.frontend(sentence)
            # Every sentence has its own random stream: it sounds the same whatever was said before.
            settings = replace(self.sampling, seed=(seed * 1_000_003 + index) % 2**63, **sampling)
            for part in self.parts(prepared):
                for piece in self.speak(part, settings, start_s):
                    start_s += len(piece.audio) / self.sample_rate
                    yield piece

    def parts(self, prepared: FrontendOutput) -> Iterator[FrontendOutput]:
        """A sentence as the LM can hold it: whole, or cut between words where its phonemes are too many."""
        limit, words = self.voice.lm.config.max_text, prepared.words
        if len(prepared.ids) <= limit:
            yield prepared
            return
        begin = 0
        while begin < len(prepared.ids):
            fitting = [w.start_token for w in words if begin < w.start_token <= begin + limit]
            stop = len(prepared.ids) if begin + limit >= len(prepared.ids) else (fitting or [begin + limit])[-1]
            inside = [
                w._replace(start_token=w.start_token - begin, end_token=min(w.end_token, stop) - begin)
                for w in words
                if begin <= w.start_token < stop
            ]
            yield prepared._replace(ids=prepared.ids[begin:stop], words=inside)
            begin = stop

    def speak(self, prepared: FrontendOutput, sampling: SamplingConfig, start_s: float) -> Iterator[Piece]:
        """Speak one prepared sentence that begins at `start_s`."""
        # The codec does not get a thread of its own: measured, the two fight for the interpreter and nothing is won.
        stream, goals = self.codec.stream(), chunk_goals(self.codec)
        frames: list[Frame] = []
        pushed, done, goal = 0, 0, next(goals)

        def piece(decode: Callable[[Tensor], Tensor]) -> Piece:
            nonlocal pushed, done
            codes = torch.stack([f.codes for f in frames], dim=1)  # [K, T]
            audio = decode(codes[None, :, pushed:])
            first, pushed, done = done, len(frames), done + audio.shape[-1] // self.codec.hop_length
            return Piece(audio[0, 0].numpy(), codes[:, first:done])

        for frame in generate(self.voice.lm, torch.tensor(prepared.ids), sampling, self.precision):
            frames.append(frame)
            if len(frames) == goal:
                yield piece(stream.push)
                goal = next(goals)
        positions = [frame.position for frame in frames]
        yield replace(
            piece(stream.flush),
            words=word_times(prepared, positions, start_s, self.codec.frame_rate),
            confidences=[frame.confidence for frame in frames],
            positions=positions,
            sentence=prepared,
        )


def chunk_goals(codec: Codec) -> Iterator[int]:
    """Numbers of frames at which a sentence is decoded as far as it goes: soon at first, then rarely.

    While a piece is heard the next is made, so each may take GROWTH times the last as long as speaking is faster than
    that. The first piece and the longest last as long with every codec.
    """
    faster = max(1, round(codec.frame_rate / SLOWEST_RATE))
    chunk = FIRST_CHUNK * faster
    goal = codec.context + chunk
    while True:
        yield goal
        chunk = min(GROWTH * chunk, MAX_CHUNK * faster)
        goal += chunk


def speakable(chunks: Iterable[str]) -> Iterator[str]:
    """Sentences to speak. A lone dash or row of signs between them is not read; where there is nothing else it is."""
    spoken, signs = False, ""
    for sentence in iter_sentences(chunks, MAX_CHARS):
        if any(character.isalnum() for character in sentence):
            spoken = True
            yield sentence
        else:
            signs = signs or sentence
    if not spoken:
        yield signs  # for the front end to read or refuse


def word_times(prepared: FrontendOutput, positions: list[int], start_s: float, frame_rate: float) -> list[WordTime]:
    """When each word is read. `start_s` is the beginning of the sentence.

    A word lasts from the first frame that reads one of its tokens to the last; a word so short that the reader passed
    it within a frame gets that frame.
    """
    times = []
    for word in prepared.words:
        reading = [t for t, position in enumerate(positions) if word.start_token <= position < word.end_token]
        if reading:
            first, last = reading[0], reading[-1] + 1
        else:
            first = next((t for t, position in enumerate(positions) if position >= word.end_token), len(positions) - 1)
            last = first + 1
        times.append(WordTime(word.text, round(start_s + first / frame_rate, 3), round(start_s + last / frame_rate, 3)))
    return times


def join(pieces: list[Piece], sample_rate: int) -> Speech:
    """Pieces -> Speech."""
    ends = [piece for piece in pieces if piece.sentence is not None]
    confidences = [c for piece in ends for c in piece.confidences]
    return Speech(
        np.concatenate([piece.audio for piece in pieces]),
        sample_rate,
        torch.cat([piece.codes for piece in pieces], dim=1),
        [word for piece in ends for word in piece.words],
        float(np.mean(confidences)),
        [piece.positions for piece in ends],
        [piece.sentence for piece in ends if piece.sentence is not None],
    )


if __name__ == "__main__":
    from pipelines.files import guard
    from pipelines.speak import main

    guard(main)
