"""What all routes share: voices, codecs, the engine's threads, who may speak, what is counted."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fastapi import Request

from codec.runtime.interface import RuntimeCodec
from pipelines.serving.admission import Admission, Place
from pipelines.serving.codecs import Codecs
from pipelines.serving.encoding import open_encoder, rate_of
from pipelines.serving.errors import ApiError
from pipelines.serving.measuring import TEXT, streams_in_real_time
from pipelines.serving.metrics import Metrics
from pipelines.serving.prompting import Prompt
from pipelines.serving.prompting import check as check_prompt
from pipelines.serving.rendering import Encoded, Renderer
from pipelines.serving.requests import Manners, SpeechRequest
from pipelines.serving.sessions import Heard, Session, attended
from pipelines.serving.settings import Settings
from pipelines.serving.voices import Voices, Who, without_torch
from pipelines.shared.errors import UserError
from pipelines.speaking.provenance import provenance
from pipelines.speaking.scheduler import Scheduler
from pipelines.speaking.synthesis import TTS
from speechllm.text.lexicon import Lexicon

logger = logging.getLogger(__name__)
LATER_S = 5.0  # patience of what nobody is listening to


class Speaker(NamedTuple):
    """Who speaks in one answer."""

    tts: Callable[[], TTS]  # for the engine's threads, as a prefix takes milliseconds
    findings: str = ""  # of a prompt


class Service:
    """All of a server but its routes.

    Args:
        settings: of it.

    Raises:
        UserError: a voice or a codec that cannot be loaded.
    """

    def __init__(self, settings: Settings):
        self.settings, self.metrics = settings, Metrics()
        self.voices = Voices(settings.voices or without_torch(), settings.tries)
        own: dict[str, RuntimeCodec] = {name: tts.codec for name, tts in self.voices.loaded.items()}
        self.codecs = Codecs(own, settings.codecs)
        self.scheduler = Scheduler(settings.threads)
        self.admission = self.admitting(max(1, settings.streams))
        self.ready, self.begun_s = False, time.time()

    def admitting(self, places: int) -> Admission:
        """So many at once."""
        limits = self.settings.limits
        return Admission(places, limits.queue or places, limits.wait_s)

    def start(self) -> None:
        """Warm up in a thread of its own; then the server is ready."""
        threading.Thread(target=self.warm, name="warm-up", daemon=True).start()

    def warm(self) -> None:
        """Speak once with every voice, and measure how many can listen. What fails is logged: never ready then."""
        try:
            self.warmed()
        except Exception:
            if not self.scheduler.closed:
                logger.exception("the server cannot speak")

    def warmed(self) -> None:
        """`warm` without its guard."""
        for name in self.voices.loaded:
            for piece in self.scheduler.submit(self.probe(Who(name), 0), self.rate(Who(name))):
                del piece
        who = self.voices.default
        measured = self.settings.streams or streams_in_real_time(
            self.scheduler, lambda seed: self.probe(who, seed), self.rate(who)
        )
        self.admission = self.admitting(measured)
        self.ready = True
        logger.info("ready: %d streams at once, voices %s", measured, ", ".join(self.voices.loaded))

    def probe(self, who: Who, seed: int) -> Iterator[Encoded]:
        """Some speech, as most clients take it."""
        tts = self.voices.speaking(who)
        renderer = Renderer(open_encoder("mp3", tts.sample_rate, {}, whole=False), tts.sample_rate, 60.0)
        return renderer.whole(tts.pieces([TEXT], seed, watermark=self.settings.watermark))

    def rate(self, who: Who) -> int:
        """At which somebody speaks, Hz."""
        return self.voices.loaded[who.voice].sample_rate

    def who(self, wanted: Manners) -> Who:
        """Who is to speak.

        Raises:
            ApiError: nobody is called so, or a prompt that cannot be used.
        """
        try:
            named = self.voices.find(wanted.voice_name) if wanted.voice_name else None
        except UserError as error:
            raise ApiError(400, str(error), "voice", "voice_not_found") from None
        if not wanted.prompt:
            return named or self.voices.default
        check_prompt(wanted, self.settings.limits)
        try:
            return self.voices.prompted(named)
        except UserError as error:
            raise ApiError(400, str(error), "prompt", "prompt_not_supported") from None

    def words(self, wanted: Manners, who: Who) -> Lexicon | None:
        """The words of a request; ApiError for one that the voice cannot say."""
        if not wanted.lexicon:
            return None
        words = Lexicon.of(wanted.lexicon)
        try:
            self.voices.check(who, words)
        except ValueError as error:
            raise ApiError(400, str(error), "lexicon", "invalid_lexicon") from None
        return words

    def output_rate(self, kind: str, wanted: int | None, spoken: int) -> int:
        """Of an answer, Hz; ApiError for one that its format does not have."""
        try:
            return rate_of(kind, wanted, spoken)
        except UserError as error:
            raise ApiError(400, str(error), "sample_rate", "unsupported_sample_rate") from None

    def check_length(self, chars: int) -> None:
        """Raise ApiError for a text that is too long."""
        most = self.settings.limits.input_chars
        if chars > most:
            message = f"got {chars} characters; expected {most} at most; send the text in parts"
            raise ApiError(400, message, "input", "string_above_max_length")

    @property
    def takes_prompts(self) -> bool:
        """Whether any voice does."""
        return any(map(self.voices.takes_prompts, self.voices.loaded))

    async def speaker(self, session: Session, wanted: Manners, who: Who, words: Lexicon | None) -> Speaker:
        """What speaks as somebody; of a prompt, once the engine has listened to it.

        Raises:
            ApiError: a prompt that says too little of a voice.
        """
        if not wanted.prompt:
            return Speaker(lambda: self.voices.speaking(who, words))
        prompt = Prompt(self.voices.loaded[who.voice], wanted.prompt, self.settings.limits)
        session.speak(prompt.pieces(), self.rate(who))
        async for _ in session:
            pass
        return Speaker(lambda: prompt.tts.sharing(words=words), prompt.findings)

    def renderer(self, tts: TTS, kind: str, rate: int, whole: bool) -> Renderer:
        """Of one answer, with what it says of itself."""
        encoder = open_encoder(kind, rate, provenance(tts.voice, self.settings.watermark), whole)
        return Renderer(encoder, tts.sample_rate, self.settings.limits.audio_s)

    def spoken(self, wanted: SpeechRequest, speaker: Speaker, rate: int, whole: bool) -> Iterator[Encoded]:
        """An answer, made by whoever iterates: the engine's threads."""
        tts = speaker.tts()
        options = {"speed": wanted.speed, "watermark": self.settings.watermark, **wanted.sampling}
        renderer = self.renderer(tts, wanted.response_format, rate, whole)
        yield from renderer.whole(tts.pieces([wanted.input], wanted.seed, **options))

    async def session(self, request: Request) -> Session:
        """A session for a client, when it is its turn.

        Raises:
            ApiError: the server is not ready, or too many wait.
        """
        if not self.ready:
            raise ApiError(503, "the server is warming up; try again", code="not_ready")
        heard = Heard(time.monotonic())
        place = await attended(request, self.admission.enter(), Place.leave)
        return Session(self.scheduler, place, self.metrics, heard, self.settings.limits.request_s)

    def gauges(self) -> dict[str, float]:
        """What is true at this moment."""
        admission = self.admission
        waiting = len(admission.waiting)
        return {"streams": admission.taken, "places": admission.places, "queue": waiting, "ready": float(self.ready)}

    def close(self) -> None:
        """End the engine's threads."""
        self.ready = False
        self.scheduler.close()
