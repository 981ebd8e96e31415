"""POST /v1/audio/speech and /v1/audio/speech/captioned."""

import base64
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from pipelines.serving.encoding import media_type
from pipelines.serving.errors import ApiError
from pipelines.serving.events import MEDIA, error_event, event_of
from pipelines.serving.rendering import Encoded
from pipelines.serving.requests import SpeechRequest
from pipelines.serving.responses import SessionResponse
from pipelines.serving.service import Service
from pipelines.serving.sessions import Session, attended, gathered
from pipelines.serving.words import word_news, word_times

router = APIRouter()


@router.post("/v1/audio/speech", response_class=StreamingResponse)
async def speech(wanted: SpeechRequest, request: Request) -> Response:
    """Speak a text: bytes of audio as they are spoken, or server-sent events."""
    service: Service = request.app.state.service
    sse = wanted.stream_format == "sse"
    whole = not wanted.stream and not sse
    session, headers = await begun(service, request, wanted, whole)
    kind = media_type(wanted.response_format, int(headers["x-sample-rate"]))
    if whole:
        pieces = await collected(request, session)
        return Response(b"".join(piece.data for piece in pieces), headers=headers, media_type=kind)
    first = await opened(request, session)
    if sse:
        return SessionResponse(session, service, events(session, first, wanted.timestamps), headers, MEDIA)
    return SessionResponse(session, service, audio(session, first), headers, kind)


@router.post("/v1/audio/speech/captioned")
async def captioned(wanted: SpeechRequest, request: Request) -> Response:
    """Speak a text: its audio as base64, and when each word is heard."""
    service: Service = request.app.state.service
    session, headers = await begun(service, request, wanted, whole=True)
    pieces = await collected(request, session)
    body = {
        "audio": base64.b64encode(b"".join(piece.data for piece in pieces)).decode(),
        "audio_format": wanted.response_format,
        "sample_rate": int(headers["x-sample-rate"]),
        "duration": session.heard.audio_s,
        "timestamps": [word for piece in pieces for word in word_times(piece.words)],
        "usage": usage(session),
    }
    return JSONResponse(body, headers=headers)


async def begun(
    service: Service, request: Request, wanted: SpeechRequest, whole: bool
) -> tuple[Session, dict[str, str]]:
    """A session that speaks what is wanted, and the headers of its answer."""
    service.check_length(len(wanted.input))
    who = service.who(wanted)
    spoken = service.rate(who)
    words = service.words(wanted, who)
    rate = service.output_rate(wanted.response_format, wanted.sample_rate, spoken)
    request.scope["said"] = {"voice": who.speaker or who.voice, "format": wanted.response_format, "text": wanted.input}
    session = await service.session(request)
    request.scope["said"]["heard"] = session.heard
    try:
        speaker = await attended(request, service.speaker(session, wanted, who, words))
    except BaseException:
        session.close()
        raise
    session.speak(service.spoken(wanted, speaker, rate, whole), spoken)
    name = (who.speaker or who.voice).encode("ascii", "backslashreplace").decode()  # folders may be called anything
    headers = {"x-sample-rate": str(rate), "x-voice": name, "cache-control": "no-store"}
    headers["x-accel-buffering"] = "no"  # nginx would gather the answer
    if speaker.findings:
        headers["x-prompt"] = speaker.findings
    if wanted.ignored:
        headers["x-ignored-parameters"] = ", ".join(wanted.ignored)
    return session, headers


async def opened(request: Request, session: Session) -> Encoded:
    """The first piece: what cannot be spoken at all gets a status of its own."""
    try:
        return await attended(request, session.__anext__())
    except StopAsyncIteration:  # an engine that gives nothing
        session.close()
        raise ApiError(500, "nothing was spoken", code="internal_error") from None
    except BaseException:
        session.close()
        raise


async def collected(request: Request, session: Session) -> list[Encoded]:
    """All pieces, while the client waits."""
    try:
        return await attended(request, gathered(session))
    finally:
        session.close()


async def audio(session: Session, first: Encoded) -> AsyncIterator[bytes]:
    """The bytes as they are made. What goes wrong cuts the connection: half a speech must not look whole."""
    if first.data:
        yield first.data
    async for piece in session:
        if piece.data:
            yield piece.data


async def events(session: Session, first: Encoded, timestamps: bool) -> AsyncIterator[bytes]:
    """The same as server-sent events; an error is one too."""
    try:
        for event in piece_events(first, timestamps):
            yield event
        async for piece in session:
            for event in piece_events(piece, timestamps):
                yield event
        yield event_of({"type": "speech.audio.done", "usage": usage(session)})
    except ApiError as error:
        yield error_event(error)


def piece_events(piece: Encoded, timestamps: bool) -> list[bytes]:
    """The events of one piece."""
    found = []
    if piece.data:
        found.append(event_of({"type": "speech.audio.delta", "audio": base64.b64encode(piece.data).decode()}))
    if timestamps and (news := word_news(piece)):
        found.append(event_of({"type": "speech.audio.words", **news}))
    return found


def usage(session: Session) -> dict[str, int]:
    """Tokens of the text, and codec frames."""
    heard = session.heard
    return {"input_tokens": heard.tokens, "output_tokens": heard.frames, "total_tokens": heard.tokens + heard.frames}
