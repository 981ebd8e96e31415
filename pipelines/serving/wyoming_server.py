"""The Wyoming protocol, by which Home Assistant asks for speech: lines of JSON, and PCM behind them, over TCP.

    describe -> info, with every name that can speak: Home Assistant asks for no other
    synthesize -> audio-start, audio-chunk ..., audio-stop
    synthesize-start, synthesize-chunk ..., synthesize-stop -> the same, as sentences end, and synthesize-stopped

What goes wrong is an error event and the end of the connection: half a speech has no audio-stop. Source: the protocol's
description, README.md of the package wyoming. It has no keys; whoever can connect can speak.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from pydantic import ValidationError
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event, async_write_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped

from pipelines.serving.errors import ApiError, as_api_error, from_validation
from pipelines.serving.requests import Manners
from pipelines.serving.service import Service
from pipelines.serving.sessions import Heard, Session, within
from pipelines.serving.talking import Talk, both
from pipelines.speaking.provenance import software

LINE_BYTES = 65_536  # of an event's first line
EVENT_BYTES = 1_000_000  # of the rest of one
WAITING = 64  # events that are not looked at yet; more make the client wait
WIDTH = 2  # bytes of a sample
logger = logging.getLogger(__name__)


class Gone(Exception):
    """The client is no longer there."""


class BoundedReader:
    """A stream from which no event is read that is larger than EVENT_BYTES, whatever it says of itself."""

    def __init__(self, reader: asyncio.StreamReader):
        self.readline, self.reader = reader.readline, reader

    async def readexactly(self, size: int) -> bytes:
        """Of StreamReader."""
        if not 0 <= size <= EVENT_BYTES:
            raise ValueError(f"got an event of {size} bytes; expected {EVENT_BYTES} at most")
        return await self.reader.readexactly(size)


class Connection:
    """One client.

    Args:
        service: that speaks.
        reader, writer: of asyncio.
    """

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.service, self.reader, self.writer = service, BoundedReader(reader), writer
        self.events: asyncio.Queue[Event | None] = asyncio.Queue(WAITING)
        self.gone = asyncio.Event()
        self.idle_s = service.settings.limits.idle_s

    async def read(self) -> None:
        """Read ahead, so that it is noticed when the client goes."""
        event = None
        with contextlib.suppress(Exception):  # whatever is wrong with what it sends, it is the end
            while (event := await async_read_event(self.reader)) is not None:  # type: ignore[arg-type]
                await self.events.put(event)
        self.gone.set()
        await self.events.put(None)

    async def left(self) -> None:
        """Wait until the client has gone."""
        await self.gone.wait()
        raise Gone

    async def next(self) -> Event:
        """The next event."""
        event = await within(self.idle_s, self.events.get())
        if event is None:
            raise Gone
        assert isinstance(event, Event)
        return event

    async def send(self, thing: Eventable) -> None:
        """Send an event; a client that takes none is given up."""
        await within(self.idle_s, async_write_event(thing.event(), self.writer))

    async def run(self) -> None:
        """From the first event to the last."""
        reading = asyncio.ensure_future(self.read())
        try:
            while True:
                await self.handle(await self.next())
        except (Gone, TimeoutError, OSError):
            pass
        except Exception as error:
            told = as_api_error(error)
            with contextlib.suppress(Exception):
                await self.send(Error(text=told.message, code=told.code))
        finally:
            reading.cancel()
            self.writer.close()

    async def handle(self, event: Event) -> None:
        """Answer one event; those that mean nothing here are passed over, as the protocol asks."""
        if Describe.is_type(event.type):
            await self.send(info(self.service))
        elif Ping.is_type(event.type):
            await self.send(Pong())
        elif Synthesize.is_type(event.type):
            whole = parsed(Synthesize, event)
            await both(self.left(), self.speak(whole, partial(self.feed_text, whole.text)))
        elif SynthesizeStart.is_type(event.type):
            await both(self.left(), self.speak(parsed(SynthesizeStart, event), self.feed_chunks))
            await self.send(SynthesizeStopped())

    async def speak(self, asked: Synthesize | SynthesizeStart, feed: Callable[[Talk], Awaitable[None]]) -> None:
        """Speak what `feed` gives, when it is this client's turn."""
        service = self.service
        if not service.ready:
            raise ApiError(503, "the server is warming up; try again", code="not_ready")
        wanted = manners(asked)
        who = service.who(wanted)
        rate, heard = service.rate(who), Heard(time.monotonic())
        place = await service.admission.enter()
        session = Session(service.scheduler, place, service.metrics, heard, service.settings.limits.request_s)
        try:
            tts = await asyncio.to_thread(service.voices.speaking, who)
            talk = Talk(service, wanted, tts, rate, ssml=asked.text_format == "ssml")
            try:
                await both(feed(talk), self.send_audio(talk, session, rate))
            finally:
                talk.close()
                what = who.speaker or who.voice, talk.chars, heard.audio_s, 1000 * heard.first_s
                logger.info("wyoming voice=%s chars=%d audio_s=%.2f first_ms=%.0f", *what)
        finally:
            session.close()

    async def feed_text(self, text: str, talk: Talk) -> None:
        """A text that is there."""
        await talk.add(text)
        await talk.add(None)
        await self.left()

    async def feed_chunks(self, talk: Talk) -> None:
        """A text that comes in parts. The whole is sent too, as synthesize, for servers that do not stream."""
        while not SynthesizeStop.is_type((event := await self.next()).type):
            if SynthesizeChunk.is_type(event.type):
                await talk.add(parsed(SynthesizeChunk, event).text)
        await talk.add(None)
        await self.left()

    async def send_audio(self, talk: Talk, session: Session, rate: int) -> None:
        """The speech; audio-stop comes last, and after all of it alone."""
        begun = False
        async for piece, _ in talk.pieces(session):
            if piece.data and not begun:
                await self.send(AudioStart(rate=rate, width=WIDTH, channels=1))
                begun = True
            if piece.data:
                await self.send(AudioChunk(rate=rate, width=WIDTH, channels=1, audio=piece.data))
        await self.send(AudioStop())


def parsed(kind: Any, event: Event) -> Any:
    """An event as the package has it; ApiError for one that lacks something."""
    try:
        found = kind.from_event(event)
    except (KeyError, TypeError, AttributeError) as error:
        raise ApiError(400, f"the event {event.type!r} is not as expected ({error!r})", code="invalid_event") from None
    if not isinstance(getattr(found, "text", ""), str):
        raise ApiError(400, f"the text of {event.type!r} is none; expected a string", "text", "invalid_event")
    return found


def manners(asked: Synthesize | SynthesizeStart) -> Manners:
    """How to speak: a name of `info`, or `VOICE` with a speaker; whoever asks for a language alone gets the default."""
    voice = asked.voice
    name = (voice.name or "") if voice else ""
    name = f"{name}:{voice.speaker}" if voice and name and voice.speaker else name
    try:
        return Manners.model_validate({"voice": name, "response_format": "pcm"})
    except ValidationError as error:
        raise from_validation(error.errors()[0]) from None


def info(service: Service) -> Info:
    """Who can speak."""
    name, _, version = software().partition(" ")
    ours: Any = {"attribution": Attribution(name=name, url=""), "installed": True, "version": version or None}
    voices = [
        TtsVoice(
            name=row["name"],
            description=f"{row['name']}, {row['about']}" if "about" in row else row["name"],
            languages=[f"en-{row['accent']}" if "accent" in row else "en"],
            **ours,
        )
        for row in service.voices.rows()
        if "alias_of" not in row
    ]
    program = TtsProgram(
        name=name, description="synthetic speech", voices=voices, supports_synthesize_streaming=True, **ours
    )
    return Info(tts=[program])


async def serve(service: Service, place: socket.socket) -> None:
    """Serve until cancelled.

    Args:
        service: started here, closed by the caller.
        place: bound.
    """
    open_now = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        if open_now >= service.settings.limits.connections:
            writer.close()
            return
        open_now += 1
        try:
            await Connection(service, reader, writer).run()
        finally:
            open_now -= 1

    service.start()
    server = await asyncio.start_server(connected, sock=place, limit=LINE_BYTES)
    async with server:
        await server.serve_forever()
