"""An answer that frees its session however it ends, and gives up on a client that takes nothing."""

from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from pipelines.serving.service import Service
from pipelines.serving.sessions import Session, within


class SessionResponse(StreamingResponse):
    """The pieces of a session.

    Args:
        session: closed at the end, at an error and when the client goes.
        service: whose limits hold.
        content: bytes, made of the session.
        headers: of the answer.
        media_type: of the bytes.
    """

    def __init__(
        self,
        session: Session,
        service: Service,
        content: AsyncIterator[bytes],
        headers: dict[str, str],
        media_type: str,
    ):
        super().__init__(content, headers=headers, media_type=media_type)
        self.session, self.service = session, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of ASGI."""
        idle_s, finished = self.service.settings.limits.idle_s, False

        async def timed(message: Message) -> None:
            nonlocal finished
            # Before it is sent: the end of an answer is also when the server says that its client has gone.
            finished = message["type"] == "http.response.body" and not message.get("more_body")
            await within(idle_s, send(message))

        try:
            await super().__call__(scope, receive, timed)
        finally:
            self.session.close()
            if not finished:
                self.service.metrics.count("cancelled_total")
