"""WebSocket /v1/audio/speech/stream: text in as an LLM writes it, audio out sentence by sentence.

From the client, JSON: {"type": "session.config", "voice": ..., "response_format": "pcm", ...} first, if at all;
{"type": "input.text", "text": ...} as often as there is some; {"type": "input.done"} at the end.
To the client: {"type": "audio.start", "sample_rate": ...}, bytes of audio, {"type": "sentence.done", "text": ...,
"words": ...} behind each sentence, {"type": "audio.done", "usage": ...}; or {"type": "error", "error": ...}, the end.

The samples are those of the whole text sent at once. Source of the names: vLLM-Omni's route of this path.
"""

import asyncio
import contextlib
import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from codec.watermark.embedding import Watermark
from pipelines.serving.errors import ApiError, as_api_error, from_validation
from pipelines.serving.rendering import Encoded
from pipelines.serving.requests import Manners
from pipelines.serving.service import Service
from pipelines.serving.sessions import Heard, Session, within
from pipelines.serving.speech import usage, word_times
from pipelines.serving.voices import Who
from pipelines.speaking.manner import Manner
from pipelines.speaking.passages import Passage
from pipelines.speaking.pieces import Piece, WordTime
from pipelines.speaking.synthesis import TTS

router = APIRouter()
WAITING = 64  # messages of text that are not read yet; more make the client wait
MESSAGE_CHARS = 16_384


class Sentences:
    """Text that comes in messages -> sentences, cut by a thread of its own, as reading on means waiting.

    Args:
        tts: whose sentences they are.
        manner: how the text is taken.
    """

    def __init__(self, tts: TTS, manner: Manner):
        self.texts: queue.Queue[str | None] = queue.Queue(WAITING)
        self.found: asyncio.Queue[Passage | BaseException | None] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()
        threading.Thread(target=self.cut, args=(tts, manner), name="sentences", daemon=True).start()

    def cut(self, tts: TTS, manner: Manner) -> None:
        """What the thread does, until the text ends."""
        try:
            for passage in tts.passages(iter(self.texts.get, None), manner):
                self.tell(passage)
            self.tell(None)
        except Exception as error:
            self.tell(error)

    def tell(self, item: Passage | BaseException | None) -> None:
        """Give the loop something, unless it is over."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.found.put_nowait, item)

    async def add(self, text: str | None) -> None:
        """Some text; None is its end."""
        while True:
            with contextlib.suppress(queue.Full):
                self.texts.put_nowait(text)
                return
            await asyncio.sleep(0.05)

    def close(self) -> None:
        """Let the thread end."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.texts.get_nowait()
        self.texts.put_nowait(None)

    async def __aiter__(self) -> Any:
        """The sentences as they become certain."""
        while (item := await self.found.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item


class Talk:
    """One connection.

    Args:
        socket: accepted.
        service: that speaks.
        wanted: how.
        who: is to speak.
        rate: of what is sent, Hz.
        tts: that speaks as `who`.
    """

    def __init__(self, socket: WebSocket, service: Service, wanted: Manners, who: Who, rate: int, tts: TTS):
        self.socket, self.service, self.wanted = socket, service, wanted
        self.spoken, self.rate, self.tts = tts.sample_rate, rate, tts
        self.manner = Manner(speed=wanted.speed, watermark=service.settings.watermark)
        self.renderer = service.renderer(who, wanted.response_format, rate, whole=False)
        self.watermark = Watermark(self.spoken) if self.manner.watermark else None
        self.sentences = Sentences(self.tts, self.manner)
        self.samples, self.chars = 0, 0  # rendered; received
        self.idle_s = service.settings.limits.idle_s

    async def listen(self) -> None:
        """Take text until its end, then wait for the client to go."""
        while True:
            message = await within(self.idle_s, received(self.socket))
            if message.get("type") == "input.text" and isinstance(text := message.get("text"), str):
                self.chars += len(text)
                self.service.check_length(self.chars)
                await self.sentences.add(text)
            elif message.get("type") == "input.done":
                await self.sentences.add(None)
                break
            else:
                raise ApiError(400, "expected input.text with a text, or input.done", "type", "unknown_message")
        while True:
            await received(self.socket)

    async def speak(self, session: Session) -> None:
        """Speak sentence after sentence."""
        await self.send({"type": "audio.start", "format": self.wanted.response_format, "sample_rate": self.rate})
        number = 0
        async for passage in self.sentences:
            session.speak(self.sentence(passage, number), self.spoken)
            async for piece in session:
                await self.pass_on(piece, passage)
            number += 1
        session.speak(self.rest(), self.spoken)
        async for piece in session:
            await self.pass_on(piece, None)
        await self.send({"type": "audio.done", "usage": usage(session)})

    def sentence(self, passage: Passage, number: int) -> Iterator[Encoded]:
        """One sentence, made by the engine's threads."""
        written = self.tts.write([passage], self.wanted.seed, number, **self.wanted.sampling)
        begin_s = self.samples / self.spoken
        for piece in self.tts.render(written, self.manner):
            self.samples += len(piece.audio)
            words = [WordTime(word, start + begin_s, end + begin_s) for word, start, end in piece.words]
            marked = self.watermark.push(piece.audio) if self.watermark else piece.audio
            yield from self.renderer.add([replace(piece, audio=marked, words=words)])

    def rest(self) -> Iterator[Encoded]:
        """What the watermark and the encoder hold back."""
        if self.watermark:
            yield from self.renderer.add([Piece(self.watermark.flush(), self.tts.stack([]))])
        yield from self.renderer.end()

    async def pass_on(self, piece: Encoded, passage: Passage | None) -> None:
        """Send a piece; a client that takes none is given up."""
        if piece.data:
            await within(self.idle_s, self.socket.send_bytes(piece.data))
        if piece.sentence and passage:
            await self.send({"type": "sentence.done", "text": passage.text, "words": word_times(piece)})

    async def send(self, body: dict[str, Any]) -> None:
        """A message of JSON."""
        await within(self.idle_s, self.socket.send_text(json.dumps(body)))

    def close(self) -> None:
        """Free what it holds."""
        self.sentences.close()
        self.renderer.encoder.close()


async def received(socket: WebSocket) -> dict[str, Any]:
    """A message of the client; ApiError for what is none."""
    text = await socket.receive_text()
    if len(text) > MESSAGE_CHARS:
        raise ApiError(
            413, f"got a message of {len(text)} characters; expected {MESSAGE_CHARS} at most", code="too_large"
        )
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ApiError(400, "a message is not JSON", code="invalid_json") from None
    if not isinstance(message, dict):
        raise ApiError(400, "expected a JSON object with a type", code="invalid_json")
    return message


def configured(message: dict[str, Any]) -> Manners:
    """How to speak; pcm unless told otherwise."""
    values = {name: value for name, value in message.items() if name != "type"}
    try:
        return Manners(**{"response_format": "pcm", **values})
    except ValidationError as error:
        raise from_validation(error.errors()[0]) from None


@router.websocket("/v1/audio/speech/stream")
async def stream(socket: WebSocket) -> None:
    """See above."""
    service: Service = socket.app.state.service
    await socket.accept()
    try:
        await conversation(socket, service)
    except (WebSocketDisconnect, RuntimeError):
        service.metrics.count("cancelled_total")
    except TimeoutError:
        await failed(socket, ApiError(408, "nothing came for too long", code="timeout"))
    except Exception as error:
        await failed(socket, as_api_error(error))


async def failed(socket: WebSocket, error: ApiError) -> None:
    """Tell the client, if it is still there."""
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_text(json.dumps({"type": "error", **error.body}))
        await socket.close(1011 if error.status >= 500 else 1008)


async def conversation(socket: WebSocket, service: Service) -> None:
    """From the first message to the last."""
    if not service.ready:
        raise ApiError(503, "the server is warming up; try again", code="not_ready")
    message = await within(service.settings.limits.idle_s, received(socket))
    if message.get("type") != "session.config":
        raise ApiError(400, "expected session.config as the first message", "type", "unknown_message")
    wanted = configured(message)
    who = service.who(wanted)
    words = service.words(wanted, who)
    rate = service.output_rate(wanted.response_format, wanted.sample_rate, service.rate(who))
    heard, limits = Heard(time.monotonic()), service.settings.limits
    session = Session(service.scheduler, await service.admission.enter(), service.metrics, heard, limits.request_s)
    try:
        tts = await asyncio.to_thread(service.voices.speaking, who, words)
        talk = Talk(socket, service, wanted, who, rate, tts)
        try:
            await both(talk.listen(), talk.speak(session))
        finally:
            talk.close()
    finally:
        session.close()
    await socket.close()


async def both(listening: Any, speaking: Any) -> None:
    """Take text and speak at once, until all is spoken or one of them fails; the other is ended then.

    Args:
        listening: ends only by failing, as when the client goes.
        speaking: ends when all is spoken.
    """
    tasks = {asyncio.ensure_future(listening), asyncio.ensure_future(speaking)}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
