"""Speaking: a text sentence by sentence through a voice's front end, speech LM and codec.

Shapes: N audio samples, K codebooks, T codec frames.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from codec import Codec
from pipelines.shared.errors import UserError
from pipelines.speaking.pieces import Piece, Speech, join, word_times
from pipelines.speaking.published import SCHEME, load_published
from pipelines.speaking.voice import Voice, load_voice
from speechllm import Frame, Prompt, SamplingConfig, generate
from speechllm.inference.generate import best_of
from speechllm.inference.linear import Precision
from speechllm.inference.request import SLOWEST_RATE
from speechllm.inference.weights import packed
from speechllm.text.frontend import FrontendOutput
from speechllm.text.sentences import iter_sentences

MAX_CHARS = 180  # of a sentence; longer ones are split, as the LM has heard few of them
FIRST_CHUNK = 3  # codec frames of audio in the first piece, for a quick start; of a codec of 21.5 frames a second
GROWTH = 4  # of a piece on the one before
MAX_CHUNK = 48  # codec frames in the largest piece, about two seconds
GROUP_CHARS = 60  # a voice without a reader is given so many at once, if there are
KEEP = 64, 322  # codec frames that say whose voice it was, at least and at most; 3 to 15 s


class TTS:
    """The whole speaking path. Not thread-safe; one object per thread, they can share a Voice.

    Args:
        voice: of pipelines.speaking.voice.load_voice.
        precision: of the LM's weights; None = as the voice says. For the shipped voice that is int8: it takes a quarter
            less time than float32 and is heard as well (README). Below float32, `from_pretrained` lowers the codec's
            precision too.
        tries: how often a sentence is spoken, in one batch, to choose from; 0 = as the voice thinks best for the text.
    """

    def __init__(self, voice: Voice, precision: Precision | None = None, tries: int = 0):
        self.voice, self.tries = voice, tries
        self.precision: Precision = precision or voice.card.get("precision", "int8")
        if voice.large:
            packed(voice.lm, self.precision, consume=True)
        self.frontend = voice.make_frontend()
        self.sampling = SamplingConfig(**voice.card.get("sampling", {}))

    @classmethod
    def from_pretrained(
        cls,
        name: str = "heart",
        codec: str | Path | None = None,
        precision: Precision | None = None,
        prompt: str | Path | None = None,
        language: str = "",
        tries: int = 0,
    ) -> "TTS":
        """Load a shipped voice by name, a voice folder by path, or published weights as `gepard:PATH`.

        Args:
            name: of the voice. Nothing is downloaded, unless a hub id is given for published weights.
            codec: in place of the voice's own.
            precision, tries: see TTS.
            prompt, language: of published weights; see docs/published-weights.md.

        Raises:
            UserError: no such voice, or it is broken.
        """
        if name.startswith(SCHEME):
            voice = load_published(name, codec, prompt, language)
        elif prompt or language:
            raise UserError(f"the voice {name} speaks as it is; a prompt or a language goes with {SCHEME}PATH")
        else:
            voice = load_voice(name, Path(codec) if codec else None)
        if precision != "float32":
            voice = replace(voice, codec=voice.codec.lower_precision())
        return cls(voice, precision, tries)

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
        start_s, prefix, heard = 0.0, self.voice.prefix, torch.empty(self.codec.num_codebooks, 0, dtype=torch.long)
        sentences = speakable(chunks)
        for index, sentence in enumerate(sentences if self.voice.lm.config.reader_layer else grouped(sentences)):
            prepared = self.frontend(sentence)
            # Every sentence has its own random stream: it sounds the same whatever was said before.
            settings = {"seed": (seed * 1_000_003 + index) % 2**63, **prepared.sampling, **sampling}
            for part in self.parts(prepared):
                for piece in self.speak(part, replace(self.sampling, **settings), start_s, prefix):
                    start_s += len(piece.audio) / self.sample_rate
                    if self.voice.keeps_first and heard.shape[1] < KEEP[1]:
                        heard = torch.cat([heard, piece.codes], dim=1)[:, : KEEP[1]]
                    yield piece
            if self.voice.keeps_first and prefix is self.voice.prefix and heard.shape[1] >= KEEP[0]:
                prefix = self.voice.lm.voice_prefix(heard)

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

    def frames(self, prepared: FrontendOutput, sampling: SamplingConfig, prefix: Tensor | None) -> Iterable[Frame]:
        """The codec frames of one prepared sentence; as they are made, if there is one try."""
        prompt, tries = Prompt(torch.tensor(prepared.ids), prefix, self.voice.unguided), self.tries or prepared.tries
        if tries == 1:
            return generate(self.voice.lm, prompt, sampling, self.precision)
        return best_of(self.voice.lm, prompt, sampling, self.precision, tries, prepared.min_plausible_frames)

    def speak(
        self, prepared: FrontendOutput, sampling: SamplingConfig, start_s: float, prefix: Tensor | None = None
    ) -> Iterator[Piece]:
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

        for frame in self.frames(prepared, sampling, prefix):
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


def grouped(sentences: Iterable[str]) -> Iterator[str]:
    """Sentences, short ones joined with what follows: a voice without a reader is not to be trusted with few words."""
    held = ""
    for sentence in sentences:
        held = f"{held} {sentence}".strip()
        if len(held) >= GROUP_CHARS:
            yield held
            held = ""
    if held:
        yield held
