"""Text that comes in parts, as an LLM writes it -> speech sentence by sentence; whatever carries the two.

The samples are those of the whole text spoken at once.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

from codec.watermark.embedding import Watermark
from pipelines.serving.rendering import Encoded
from pipelines.serving.requests import Manners
from pipelines.serving.service import Service
from pipelines.serving.sessions import Session
from pipelines.speaking.manner import Manner
from pipelines.speaking.passages import Passage
from pipelines.speaking.pieces import Piece
from pipelines.speaking.synthesis import TTS

WAITING = 64  # messages of text that are not read yet; more make the client wait


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
    """One text and its speech.

    Args:
        service: that speaks.
        wanted: how.
        tts: that speaks.
        rate: of what is sent, Hz.
        ssml: whether the text is SSML.
    """

    def __init__(self, service: Service, wanted: Manners, tts: TTS, rate: int, ssml: bool = False):
        self.service, self.wanted, self.tts, self.spoken = service, wanted, tts, tts.sample_rate
        self.manner = Manner(speed=wanted.speed, ssml=ssml, watermark=service.settings.watermark)
        self.renderer = service.renderer(tts, wanted.response_format, rate, whole=False)
        self.watermark = Watermark(self.spoken) if self.manner.watermark else None
        self.sentences = Sentences(self.tts, self.manner)
        self.samples, self.chars = 0, 0  # rendered; received

    async def add(self, text: str | None) -> None:
        """Some of the text; None is its end. ApiError for more of it than is allowed."""
        self.chars += len(text or "")
        self.service.check_length(self.chars)
        await self.sentences.add(text)

    async def pieces(self, session: Session) -> AsyncIterator[tuple[Encoded, str]]:
        """The speech; with the last piece of a sentence its text."""
        number = 0
        async for passage in self.sentences:
            session.speak(self.sentence(passage, number), self.spoken)
            async for piece in session:
                yield piece, passage.text if piece.sentence else ""
            number += 1
        session.speak(self.rest(), self.spoken)
        async for piece in session:
            yield piece, ""

    def sentence(self, passage: Passage, number: int) -> Iterator[Encoded]:
        """One sentence, made by the engine's threads."""
        written = self.tts.write([passage], self.wanted.seed, number, **self.wanted.sampling)
        begin_s = self.samples / self.spoken
        for piece in self.tts.render(written, self.manner):
            self.samples += len(piece.audio)
            marked = self.watermark.push(piece.audio) if self.watermark else piece.audio
            yield from self.renderer.add([replace(piece.later(begin_s), audio=marked)])

    def rest(self) -> Iterator[Encoded]:
        """What the watermark and the encoder hold back."""
        if self.watermark:
            yield from self.renderer.add([Piece(self.watermark.flush(), self.tts.stack([]))])
        yield from self.renderer.end()

    def close(self) -> None:
        """Free what it holds."""
        self.sentences.close()
        self.renderer.close()


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
