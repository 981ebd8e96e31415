"""WebSocket /v1/audio/speech/stream: text in as an LLM writes it, audio out sentence by sentence.

From the client, JSON: {"type": "session.config", "voice": ..., "response_format": "pcm", ...} first, if at all;
{"type": "input.text", "text": ...} as often as there is some; {"type": "input.done"} at the end.
To the client: {"type": "audio.start", "sample_rate": ...}, bytes of audio, {"type": "sentence.done", "text": ...,
"words": ...} behind each sentence, {"type": "audio.done", "usage": ...}; or {"type": "error", "error": ...}, the end.
With `"timestamps": true` also {"type": "audio.words", ...} behind the audio in which words end or begin.

The samples are those of the whole text sent at once. Source of the names: vLLM-Omni's route of this path.
"""

import asyncio
import contextlib
import json
import time
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from pipelines.serving.errors import ApiError, as_api_error, from_validation
from pipelines.serving.prompting import most_chars
from pipelines.serving.requests import TalkRequest
from pipelines.serving.service import Service
from pipelines.serving.sessions import Heard, Session, within
from pipelines.serving.speech import usage
from pipelines.serving.talking import Talk, both
from pipelines.serving.words import word_news, word_times
from pipelines.speaking.pieces import WordTime

router = APIRouter()
MESSAGE_CHARS = 16_384


class Socket:
    """A connection, given up where the client sends or takes nothing for too long.

    Args:
        socket: accepted.
        idle_s: how long that is.
        timestamps: whether words are told as they are spoken, not behind their sentence alone.
    """

    def __init__(self, socket: WebSocket, idle_s: float, timestamps: bool):
        self.socket, self.idle_s, self.timestamps = socket, idle_s, timestamps

    async def listen(self, talk: Talk) -> None:
        """Take text until its end, then wait for the client to go."""
        while True:
            message = await within(self.idle_s, received(self.socket))
            if message.get("type") == "input.text" and isinstance(text := message.get("text"), str):
                await talk.add(text)
            elif message.get("type") == "input.done":
                await talk.add(None)
                break
            else:
                raise ApiError(400, "expected input.text with a text, or input.done", "type", "unknown_message")
        while True:
            await received(self.socket)

    async def speak(self, talk: Talk, session: Session, start: dict[str, Any]) -> None:
        """Speak sentence after sentence."""
        await self.send({"type": "audio.start", **start})
        words: list[WordTime] = []  # of the sentence
        async for piece, text in talk.pieces(session):
            if piece.data:
                await within(self.idle_s, self.socket.send_bytes(piece.data))
            if self.timestamps and (news := word_news(piece)):
                await self.send({"type": "audio.words", **news})
            words += piece.words
            if text:
                await self.send({"type": "sentence.done", "text": text, "words": word_times(words)})
                words = []
        await self.send({"type": "audio.done", "usage": usage(session)})

    async def send(self, body: dict[str, Any]) -> None:
        """A message of JSON."""
        await within(self.idle_s, self.socket.send_text(json.dumps(body)))


async def received(socket: WebSocket, most: int = MESSAGE_CHARS) -> dict[str, Any]:
    """A message of the client; ApiError for what is none."""
    text = await socket.receive_text()
    if len(text) > most:
        raise ApiError(413, f"got a message of {len(text)} characters; expected {most} at most", code="too_large")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ApiError(400, "a message is not JSON", code="invalid_json") from None
    if not isinstance(message, dict):
        raise ApiError(400, "expected a JSON object with a type", code="invalid_json")
    return message


def configured(message: dict[str, Any]) -> TalkRequest:
    """How to speak; pcm unless told otherwise."""
    values = {name: value for name, value in message.items() if name != "type"}
    try:
        return TalkRequest(**{"response_format": "pcm", **values})
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
    limits = service.settings.limits
    message = await within(limits.idle_s, received(socket, MESSAGE_CHARS + most_chars(limits)))
    if message.get("type") != "session.config":
        raise ApiError(400, "expected session.config as the first message", "type", "unknown_message")
    wanted = configured(message)
    who = service.who(wanted)
    words = service.words(wanted, who)
    rate = service.output_rate(wanted.response_format, wanted.sample_rate, service.rate(who))
    heard = Heard(time.monotonic())
    session = Session(service.scheduler, await service.admission.enter(), service.metrics, heard, limits.request_s)
    try:
        speaker = await service.speaker(session, wanted, who, words)
        start: dict[str, Any] = {"format": wanted.response_format, "sample_rate": rate}
        start |= {"prompt": speaker.findings} if speaker.findings else {}
        talk = Talk(service, wanted, await asyncio.to_thread(speaker.tts), rate)
        try:
            client = Socket(socket, limits.idle_s, wanted.timestamps)
            await both(client.listen(talk), client.speak(talk, session, start))
        finally:
            talk.close()
    finally:
        session.close()
    await socket.close()
