"""What stands at Ray's proxy, without Ray: a small app in its place, asked by a client of ASGI."""

import asyncio
import json

import pytest

from pipelines.serving.events import event_of
from pipelines.serving.proxy_errors import IMPORT_PATH, REPLICA, ProxyErrors, middleware

EVENTS, TEXT = "text/event-stream; charset=utf-8", "text/plain"
FIRST = event_of({"type": "speech.audio.delta", "audio": ""})


def begins(status: int, kind: str, *headers: tuple[str, str]) -> dict:
    raw = [(name.encode(), value.encode()) for name, value in [("content-type", kind), *headers]]
    return {"type": "http.response.start", "status": status, "headers": raw}


def part(data: bytes, more: bool) -> dict:
    return {"type": "http.response.body", "body": data, "more_body": more}


def asked(*messages: dict, path: str = "/v1/audio/speech", kind: str = "http") -> list[dict]:
    """What reaches the client of an app that sends this and returns."""
    sent = []

    async def app(scope, receive, send):
        for message in messages:
            await send(message)
            assert sent[-1:] == [message] or not own  # nothing is held back

    async def send(message):
        sent.append(message)

    own = path == "/metrics" or (messages and any(name == REPLICA.encode() for name, _ in messages[0]["headers"]))
    asyncio.run(ProxyErrors(app)({"type": kind, "path": path}, None, send))
    return sent


def test_ray_finds_it_by_its_name():
    module, _, name = IMPORT_PATH.rpartition(".")
    assert module == middleware.__module__ and name == middleware.__name__
    assert [found.cls for found in middleware()] == [ProxyErrors]


def test_events_that_break_off_end_with_an_error():
    began = begins(200, EVENTS, (REPLICA, "one")), part(FIRST, True)
    *same, last = asked(*began)
    assert tuple(same) == began
    event = json.loads(last["body"].removeprefix(b"data: "))
    assert event["type"] == "speech.audio.error" and not last.get("more_body")
    assert event["error"]["code"] == "replica_lost" and event["error"]["type"] == "server_error"


@pytest.mark.parametrize(
    "messages",
    [
        [begins(200, EVENTS, (REPLICA, "one")), part(FIRST, True), part(b"", False)],
        [begins(200, "audio/mpeg", (REPLICA, "one")), part(b"sound", True)],  # cut: it has no end
        [begins(429, "application/json", (REPLICA, "one")), part(b"{}", False)],
    ],
)
def test_other_answers_of_replicas_stay_as_they_are(messages):
    assert asked(*messages) == messages


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (503, "server_error"), (408, None)])
def test_what_ray_refuses_is_refused_in_openai_s_shape(status, kind):
    start, body = asked(begins(status, TEXT, ("x-request-id", "id-1")), part(b"Request dropped", False))
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    error = json.loads(body["body"])["error"]
    assert start["status"] == status and headers["content-type"] == "application/json"
    assert headers["x-request-id"] == "id-1" and ("retry-after" in headers) == (status != 408)
    assert error["message"] and error["type"] == (kind or "invalid_request_error")


def test_a_replica_that_dies_before_it_answers_may_be_asked_again():
    start, body = asked()
    assert start["status"] == 503 and (b"retry-after", b"1") in start["headers"]
    assert json.loads(body["body"])["error"]["code"] == "replica_lost"


def test_other_paths_are_left_alone():
    refusal = [begins(503, TEXT), part(b"unavailable", False)]
    assert asked(*refusal, path="/metrics") == refusal
