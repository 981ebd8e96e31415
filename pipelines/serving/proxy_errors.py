"""What stands at Ray's proxy, before all replicas: it says what Ray itself would say otherwise, and for dead replicas.

Ray Serve's proxies find it by a name in their environment, CALLBACK=IMPORT_PATH. Messages are passed on as they come.
"""

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.serving.errors import ApiError, overloaded
from pipelines.serving.events import MEDIA, error_event

CALLBACK = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
IMPORT_PATH = "pipelines.serving.proxy_errors.middleware"
ROUTES = "/v1/"  # where answers have OpenAI's shape
REPLICA = "x-replica"  # header of whatever a replica has answered
LOST = ApiError(503, "the replica that was speaking has died; try again", code="replica_lost")


def middleware() -> list[Middleware]:
    """For Ray."""
    return [Middleware(ProxyErrors)]


class ProxyErrors:
    """Ray's proxy with errors in OpenAI's shape.

    Events that break off end with an error. Audio has no place for one: there the connection is cut.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of ASGI."""
        if scope["type"] != "http" or not scope["path"].startswith(ROUTES):
            await self.app(scope, receive, send)
            return
        answer = Answer(send)
        await self.app(scope, receive, answer.send)
        if answer.error:  # Ray refused, or nobody has answered
            await answer.error.response(answer.request_id)(scope, receive, send)
        elif answer.events and not answer.ended:
            await send({"type": "http.response.body", "body": error_event(LOST)})


class Answer:
    """One answer on its way to the client.

    Args:
        send: of ASGI, to the client.
    """

    def __init__(self, send: Send):
        self.to_client = send
        self.error: ApiError | None = LOST  # to be sent, until an answer begins
        self.request_id = ""
        self.events = self.ended = False

    async def send(self, message: Message) -> None:
        """Pass a message on, unless it is Ray's own refusal."""
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            self.error = None if REPLICA in headers else refusal(message["status"])
            self.events = headers.get("content-type", "").startswith(MEDIA)
            self.request_id = headers.get("x-request-id", "")
        if not self.error:
            self.ended |= message["type"] == "http.response.body" and not message.get("more_body")
            await self.to_client(message)


def refusal(status: int) -> ApiError | None:
    """What Ray means; None for what is no refusal."""
    if status == 429:
        return overloaded("all replicas are taken and too many requests wait; try again")
    return ApiError(status, f"Ray Serve answered {status}; its log says why") if status >= 400 else None
