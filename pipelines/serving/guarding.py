"""What stands before every route, as plain ASGI: keys, sizes, request ids, the log. It never holds an answer back."""

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.serving.errors import ApiError, as_api_error
from pipelines.serving.prompting import most_chars
from pipelines.serving.service import Service
from pipelines.serving.sessions import within

OPEN = ("/health", "/healthz", "/ready", "/")  # without a key
PAGE = "/page/"  # its files need none either: it asks for one
SPEECH = ("/v1/audio/speech", "/v1/audio/speech/captioned")  # with a prompt
UPLOADS = ("/v1/audio/tokens", "/v1/audio/detokenize")  # bodies are larger there
SECURITY = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY"}
logger = logging.getLogger("pipelines.serving.access")


class Keys:
    """Who may speak. Keys are compared by their digests, all of them each time, so that time tells nothing."""

    def __init__(self, keys: Sequence[str]):
        self.digests = [hashlib.sha256(key.encode()).digest() for key in keys]

    def allow(self, header: str) -> bool:
        """Whether an Authorization header has one of them; of no keys everybody has one."""
        scheme, _, given = header.partition(" ")
        found = hashlib.sha256(given.strip().encode("utf-8", "surrogateescape")).digest()
        right = [hmac.compare_digest(found, each) for each in self.digests]
        return not self.digests or (scheme.lower() == "bearer" and any(right))


class Guard:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, service: Service):
        self.app, self.service, self.keys = app, service, Keys(service.settings.keys)
        self.open = 0  # connections in this moment
        self.held = 0  # bytes of their bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of ASGI."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        self.open += 1
        try:
            if scope["type"] == "http":
                await self.guarded(scope, receive, send)
            elif self.welcome(scope):
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})  # before it is accepted: an answer of 403
        finally:
            self.open -= 1

    def called(self, headers: Headers) -> bool:
        """Whether the Host header has a name of this server, in whatever case and with whatever port."""
        hosts = self.service.settings.hosts
        try:
            return not hosts or urlsplit(f"//{headers.get('host', '')}").hostname in hosts
        except ValueError:  # of a broken address
            return False

    def welcome(self, scope: Scope) -> bool:
        """Whether a WebSocket may be opened: with a key, and not by a page of somebody else."""
        if self.open > self.service.settings.limits.connections:
            return False
        headers = Headers(scope=scope)
        if not self.called(headers):
            return False
        origin = headers.get("origin")
        own = origin is None or origin.partition("://")[2] == headers.get("host")
        return (own or origin in self.service.settings.origins) and self.keys.allow(headers.get("authorization", ""))

    async def guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: check it, pass it on, log it."""
        begin_s, state = time.monotonic(), {"status": 0, "ended": False}
        request_id = scope.setdefault("request_id", f"req_{secrets.token_hex(12)}")  # Ray's proxy gives one

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["openai-processing-ms"] = str(round(1000 * (time.monotonic() - begin_s)))
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)
            state["ended"] |= message["type"] == "http.response.body" and not message.get("more_body")

        try:
            refused = self.refused(scope)
            if refused:
                await refused.response()(scope, receive, marked)
            else:
                body = Body(self, receive, self.most(scope))
                try:
                    await self.app(scope, body.receive, marked)
                finally:
                    self.held -= body.seen
        except Exception as error:
            if not state["status"]:
                await as_api_error(RuntimeError(repr(error))).response()(scope, receive, marked)
                return
            # Too late for a status: uvicorn cuts the connection of an answer without an end, and the client is told.
            logger.warning("%s was cut: %s", request_id, error or type(error).__name__)
        finally:
            self.log(scope, state, begin_s)

    def refused(self, scope: Scope) -> ApiError | None:
        """Why a request goes no further, if it does not."""
        headers = Headers(scope=scope)
        if self.open > self.service.settings.limits.connections:
            return ApiError(429, "too many connections; try again", code="server_overloaded")
        if not self.called(headers):
            message = f"got Host {headers.get('host', '')[:100]!r}; expected localhost or a name of --allowed-host"
            return ApiError(403, message, code="host_not_allowed")
        free = (
            scope["path"] in OPEN
            or scope["path"].startswith(PAGE)
            or (scope["method"] == "OPTIONS" and self.service.settings.origins)
        )
        if not free and not self.keys.allow(headers.get("authorization", "")):
            return ApiError(401, "no valid API key; expected Authorization: Bearer KEY", code="invalid_api_key")
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self.most(scope):
            return ApiError(413, f"the body is larger than {self.most(scope)} bytes", code="body_too_large")
        return None

    def most(self, scope: Scope) -> int:
        """Bytes that a body may have."""
        limits = self.service.settings.limits
        if scope["path"] in UPLOADS:
            return limits.upload_bytes
        prompts = self.service.takes_prompts and scope["path"] in SPEECH
        return limits.body_bytes + (most_chars(limits) if prompts else 0)

    def log(self, scope: Scope, state: dict[str, Any], begin_s: float) -> None:
        """One line; the text that was spoken only if the server was told to."""
        self.service.metrics.count("requests_total", label=f'status="{state["status"] or 499}"')
        said = scope.get("said", {})
        facts = [f"{name}={said[name]}" for name in ("voice", "format") if name in said]
        if "text" in said:
            facts.append(f"chars={len(said['text'])}")
        if said.get("heard"):
            facts += [f"audio_s={said['heard'].audio_s:.2f}", f"first_ms={1000 * said['heard'].first_s:.0f}"]
        if "text" in said and self.service.settings.log_text:
            facts.append(f"text={said['text']!r}")
        what = f"{scope['method']} {scope['path']!r} {state['status']}{'' if state['ended'] else ' cut'}"
        logger.info("%s %s %.0f ms %s", scope["request_id"], what, 1000 * (time.monotonic() - begin_s), " ".join(facts))


class Body:
    """What a client sends, as long as it is not too large and does not take too long.

    Args:
        guard: counts the bytes of all bodies.
        receive: of ASGI.
        most: bytes; a client may send more than it said, or not say it.
    """

    def __init__(self, guard: Guard, receive: Receive, most: int):
        self.guard, self.source, self.most = guard, receive, most
        self.limits = guard.service.settings.limits
        self.until_s = time.monotonic() + self.limits.body_s
        self.seen, self.ended = 0, False

    async def receive(self) -> Message:
        """Of ASGI; raises HTTPException, which FastAPI passes on."""
        if self.ended:
            return await self.source()
        try:
            message = await within(max(self.until_s - time.monotonic(), 0.0), self.source())
        except TimeoutError:
            raise HTTPException(408, f"the body did not come within {self.limits.body_s:g} s") from None
        self.ended = not message.get("more_body", False)
        size = len(message.get("body", b""))
        self.seen += size
        self.guard.held += size
        if self.seen > self.most:
            raise HTTPException(413, f"the body is larger than {self.most} bytes")
        if self.guard.held > self.limits.bodies_bytes:
            raise HTTPException(503, "the server holds too many large requests; try again")
        return message
