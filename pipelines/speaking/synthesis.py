"""Speaking: a text sentence by sentence through a voice's front end, speech LM and codec.

Two stages, `write` and `render`, that a thread each can have: the speech LM writes codes while the codec renders those
before them.

Shapes: N audio samples, K codebooks, T codec frames.
"""

import copy
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from codec.watermark.embedding import Watermark
from pipelines.shared.errors import UserError
from pipelines.speaking.ahead import ahead
from pipelines.speaking.chunking import chunk_goals
from pipelines.speaking.loading import load_voice, with_prompt
from pipelines.speaking.manner import Manner, split_options
from pipelines.speaking.pacing import Pacing, Rest
from pipelines.speaking.passages import Passage, passages
from pipelines.speaking.pieces import Piece, Speech, join, limited
from pipelines.speaking.reading import read
from pipelines.speaking.voice import Voice
from speechllm import Frame, SamplingConfig
from speechllm.config import Precision
from speechllm.text.frontend import FrontendOutput, Reading, TextFrontend
from speechllm.text.lexicon import Lexicon

KEEP = 64, 322  # codec frames that say whose voice it was, at least and at most; 3 to 15 s
AHEAD = 4  # pieces of codes that the speech LM may be ahead of the codec
SCHEME = "gepard:"  # of published weights


@dataclass(frozen=True)
class Written:
    """Codes on their way from the speech LM to the codec: the next of a sentence."""

    frames: list[Frame]
    sentence: FrontendOutput | None  # None for silence alone
    first: bool = True  # of the sentence
    last: bool = True
    silence_s: float = 0.0  # before it


class TTS:
    """The whole speaking path. Texts can be spoken side by side, from any threads; sentences are read one at a time.

    Args:
        voice: of pipelines.speaking.loading.load_voice.
        tries: how often a sentence is spoken at most, until it is read back right, or, without a recogniser, to keep
            what the LM was surest of; its audio begins when all of it is written. 0 = as voice and text ask for.
        threads: with 2, speech LM and codec have a thread each, which changes no sample; 0 = 2 where it pays.
    """

    def __init__(self, voice: Voice, tries: int = 0, threads: int = 0):
        self.voice, self.tries = voice, tries
        self.threads = threads or (min(2, os.cpu_count() or 1) if voice.two_stages else 1)
        self.frontend, self.reading = voice.make_frontend(), threading.Lock()
        self.sampling = SamplingConfig(**voice.card.get("sampling", {}))
        if (tries or voice.tries) > 1:
            voice.make_ready_to_read()

    @classmethod
    def from_pretrained(
        cls,
        name: str = "heart",
        codec: str | Path | None = None,
        precision: Precision | None = None,
        prompt: str | Path | None = None,
        language: str = "",
        tries: int = 0,
        engine: str = "auto",
        threads: int = 0,
        lexicon: str | Path | None = None,
        consent: bool = False,
    ) -> "TTS":
        """Load a shipped voice by name, a voice folder by path, or published weights as `gepard:PATH`.

        Args:
            name: of a voice, a speaker or a blend. Nothing is downloaded but published weights by a hub id.
            codec: in place of the voice's own.
            precision: of the weights; None = as the voice says. For the shipped voice that is int8, which is faster
                than float32 and heard as well (README).
            prompt: a recording, 3 to 15 s, of whose voice is to speak, for a voice of many and for published weights.
            language: of published weights; see docs/published-weights.md.
            consent: whoever speaks in the recording has agreed; without, a voice of many takes no prompt.
            engine: onnx, torch or auto; see load_voice.
            tries, threads: see TTS.
            lexicon: a file of words with their pronunciation, beside the voice's own; see speechllm.text.lexicon.

        Raises:
            UserError: no such voice, or it is broken.
        """
        if name.startswith(SCHEME):
            if lexicon:
                raise UserError(f"{name} reads letters, not phonemes; a lexicon goes with other voices")
            if engine == "onnx":
                raise UserError(f"{name} speaks with the engine torch alone; leave --engine out")
            try:
                from pipelines.speaking.published import load_published
            except ImportError as error:
                raise UserError(f"{name} needs {error.name}; pip install 'lfsc-tts[published]'") from error
            return cls(load_published(name, codec, prompt, language, precision, threads), tries)
        if language:
            raise UserError(f"the voice {name} speaks English; a language goes with {SCHEME}PATH")
        sound_folder, words = Path(codec) if codec else None, Path(lexicon) if lexicon else None
        voice = load_voice(name, sound_folder, precision, engine, threads, words)
        if prompt:
            voice = with_prompt(voice, Path(prompt), consent)
        return cls(voice, tries, threads if voice.two_stages else 1)

    @property
    def codec(self) -> Any:
        """The voice's codec, of either engine."""
        return self.voice.codec

    @property
    def sample_rate(self) -> int:
        """Hz."""
        rate: int = self.codec.sample_rate
        return rate

    def synthesize(self, text: str, seed: int = 0, **options: Any) -> Speech:
        """Speak a text.

        Args:
            text: any length, any written form.
            seed: the same text and seed give the same speech.
            options: fields of Manner, such as speed and ssml, and of SamplingConfig to change, such as temperature.

        Raises:
            ValueError: nothing to say, or text the voice cannot speak.
        """
        return join(list(self.pieces([text], seed, **options)), self.sample_rate)

    def stream(self, text: str, seed: int = 0, **options: Any) -> Iterator[np.ndarray]:
        """The audio of `synthesize`, float32 [N] at a time, as soon as it is certain."""
        for piece in self.pieces([text], seed, **options):
            if len(piece.audio):
                yield piece.audio

    def read(self, text: str, **options: Any) -> Iterator[Reading]:
        """How a text would be read, sentence by sentence; `options` are fields of Manner."""
        readings = read([text], self.frontend, Manner(**options))
        while True:
            with self.reading:
                reading = next(readings, None)
            if reading is None:
                return
            yield reading

    def pieces(self, chunks: Iterable[str], seed: int = 0, **options: Any) -> Iterator[Piece]:
        """Speak a text that arrives in chunks, sentence by sentence; memory does not grow with its length."""
        self.voice.check_process()
        manner, sampling = split_options(options)
        written = self.write(self.passages(chunks, manner), seed, **sampling)
        pieces = self.render(ahead(written, AHEAD) if self.threads > 1 else written, manner)
        return limited(self.marked(pieces) if manner.watermark else pieces)

    def sharing(self, voice: Voice | None = None, words: Lexicon | None = None) -> "TTS":
        """The same networks and front end with another speaker, or with words that are pronounced otherwise.

        Args:
            voice: this one with another prefix; None = this one.
            words: they go before the voice's own.
        """
        twin = copy.copy(self)
        twin.voice = voice or self.voice
        if words:
            assert isinstance(self.frontend, TextFrontend)
            twin.frontend = self.frontend.with_words(words)
        return twin

    def passages(self, chunks: Iterable[str], manner: Manner) -> Iterator[Passage]:
        """The sentences of a text, as this voice is given them."""
        has_reader = bool(self.voice.lm.config.reader_layer)
        return passages(chunks, manner, self.frontend.reads_phonemes, has_reader)

    def write(self, sentences: Iterable[Passage], seed: int = 0, first: int = 0, **sampling: Any) -> Iterator[Written]:
        """Codes of a text, sentence by sentence; `first` is the number of the first in the text."""
        prefix, heard = self.voice.prefix, np.empty((self.codec.num_codebooks, 0), np.int64)
        for index, passage in enumerate(sentences, first):
            if passage.pause_s:
                yield Written([], None, silence_s=passage.pause_s)
            if index and not passage.text:  # the silence at the end
                return
            with self.reading:  # a front end belongs to one thread at a time
                prepared = self.frontend(passage.text)
            # Every sentence has its own random stream: it sounds the same whatever was said before.
            settings = {"seed": (seed * 1_000_003 + index) % 2**63, **prepared.sampling, **sampling}
            for part in self.parts(prepared):
                for written in self.write_sentence(part, replace(self.sampling, **settings), prefix):
                    if self.voice.keeps_first and heard.shape[1] < KEEP[1]:
                        heard = np.concatenate([heard, self.stack(written.frames)], axis=1)[:, : KEEP[1]]
                    yield written
            if self.voice.keeps_first and prefix is self.voice.prefix and heard.shape[1] >= KEEP[0]:
                prefix = self.voice.voice_prefix(heard)

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
            pauses = [p._replace(token=p.token - begin) for p in prepared.pauses if begin <= p.token < stop]
            yield prepared._replace(ids=prepared.ids[begin:stop], words=inside, pauses=pauses)
            begin = stop

    def frames(self, prepared: FrontendOutput, sampling: SamplingConfig, prefix: Any) -> Iterable[Frame]:
        """The codec frames of one prepared sentence; as they are made, if there is one try."""
        prompt, tries = self.voice.prompt(prepared.ids, prefix), self.tries or max(prepared.tries, self.voice.tries)
        if tries == 1:
            return self.voice.generate(prompt, sampling)
        check = self.voice.check(prepared.ids)
        return self.voice.best_of(prompt, sampling, tries, prepared.min_plausible_frames, check)

    def write_sentence(self, prepared: FrontendOutput, sampling: SamplingConfig, prefix: Any) -> Iterator[Written]:
        """Codes of one prepared sentence, as many at a time as are rendered at once."""
        goals, new, first = chunk_goals(self.codec), [], True
        goal = next(goals)
        for count, frame in enumerate(self.frames(prepared, sampling, prefix), 1):
            new.append(frame)
            if count == goal:
                yield Written(new, prepared, first, last=False)
                new, first, goal = [], False, next(goals)
        yield Written(new, prepared, first)

    def stack(self, frames: list[Frame]) -> np.ndarray:
        """Codes of frames, int64 [K, T]."""
        if not frames:
            return np.empty((self.codec.num_codebooks, 0), np.int64)
        return np.stack([frame.codes for frame in frames], axis=1)

    def render(self, written: Iterable[Written], manner: Manner) -> Iterator[Piece]:
        """The audio of codes, and when its words are heard."""
        done, nothing = 0, self.stack([])  # samples of what is complete
        for part in written:
            if part.sentence is None:
                silence = np.zeros(round(part.silence_s * self.sample_rate), np.float32)
                done += len(silence)
                yield Piece(silence, nothing)
                continue
            if part.first:
                decoder, pacing, frames, waiting = self.voice.decoder(), self.pacing(part.sentence, manner), [], nothing
            frames += part.frames
            codes = self.stack(part.frames)
            audio = decoder.flush(codes) if part.last else decoder.push(codes)
            rendered, waiting = len(audio) // self.codec.hop_length, np.concatenate([waiting, codes], axis=1)
            audio = pacing.push(audio, [frame.position for frame in part.frames])
            if part.last and (rest := pacing.flush()).size:
                audio = np.concatenate([audio, rest])
            words = pacing.new_words(part.sentence.words, done / self.sample_rate, part.last)
            begun = part.sentence if part.first else None
            piece, waiting = Piece(audio, waiting[:, :rendered], *words, begun), waiting[:, rendered:]
            if part.last:
                piece = ended(piece, part.sentence, frames, pacing, done / self.sample_rate)
                done += pacing.samples
            yield piece

    def marked(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The same with the mark of synthetic speech, and a last piece of a few ms; words are heard when they were."""
        watermark = Watermark(self.sample_rate)
        for piece in pieces:
            yield replace(piece, audio=watermark.push(piece.audio))
        yield Piece(watermark.flush(), self.stack([]))

    def pacing(self, sentence: FrontendOutput, manner: Manner) -> Pacing:
        """Speed and silences of one sentence."""
        dash_s, inner = manner.pause_s("dash"), sentence.pauses if self.voice.lm.config.reader_layer else ()
        rests = [Rest(p.token, dash_s if p.duration_s is None else p.duration_s) for p in inner]
        return Pacing(
            self.sample_rate, self.codec.hop_length, manner.speed, [rest for rest in rests if rest.duration_s]
        )


def ended(piece: Piece, sentence: FrontendOutput, frames: list[Frame], pacing: Pacing, begin_s: float) -> Piece:
    """The last piece of a sentence, with what is known of it."""
    return replace(
        piece,
        confidences=[frame.confidence for frame in frames],
        positions=pacing.positions,
        times_s=pacing.frame_times_s(begin_s),
        sentence=sentence,
    )
