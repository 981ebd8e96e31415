"""HTTP/1.1 by uvicorn, for clients who send their requests in time: the head, then the body.

uvicorn has a limit for connections between requests alone; one that never ends its headers would be kept for ever.
"""

import asyncio
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipelines.serving.prompting import most_chars
from pipelines.serving.settings import Limits

GRACE_S = 10  # for answers that are being spoken when the server is told to end
ANSWER_S = 2.0  # for the answer that the body was too slow
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PunctualProtocol(H11Protocol):
    """A connection that is closed when a request does not come in time. `limits` is set by `protocol_of`."""

    limits = Limits()
    awaited: Any = None  # what the client is to send now, a state of h11
    timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Of asyncio."""
        super().connection_made(transport)
        self.watch()

    def data_received(self, data: bytes) -> None:
        """Of asyncio."""
        super().data_received(data)
        self.watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Of asyncio."""
        self.stop_timer()
        super().connection_lost(exc)

    def watch(self) -> None:
        """Start a clock for each part of a request; more bytes of the same part do not start it anew."""
        state = self.conn.their_state
        if state is self.awaited:
            return
        self.awaited = state
        self.stop_timer()
        seconds = {h11.IDLE: self.limits.header_s, h11.SEND_BODY: self.limits.body_s + ANSWER_S}.get(state)
        if seconds is not None:
            self.timer = self.loop.call_later(seconds, self.give_up)

    def stop_timer(self) -> None:
        """What was awaited has come, or never will."""
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def give_up(self) -> None:
        """Close the connection; who sent half a head is told why, half a body has been answered by the app."""
        if self.awaited is h11.IDLE:
            self.transport.write(TOO_SLOW)
            self.transport.close()
        else:
            self.transport.abort()


def protocol_of(limits: Limits) -> type[PunctualProtocol]:
    """The protocol with other limits."""
    return type("Protocol", (PunctualProtocol,), {"limits": limits})


def uvicorn_config(app: ASGIApp, limits: Limits, **options: Any) -> uvicorn.Config:
    """How uvicorn runs the app."""
    return uvicorn.Config(
        app,
        http=protocol_of(limits),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        ws_max_size=limits.body_bytes + most_chars(limits),
        **options,
    )
