"""Names of the server, clients that are slow on purpose, and what may be held in memory at once."""

import json
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

from pipelines.serve import hosts_of
from pipelines.serving.flags import listening
from pipelines.serving.settings import Limits
from pipelines.shared.errors import UserError
from servers import serving, toy_settings

SLOW = Limits(header_s=0.6, body_s=0.6, wait_s=5.0, idle_s=5.0)
HEAD = b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
KNOWN = {"hosts": hosts_of("127.0.0.1", ["tts.example"])}


@pytest.fixture(scope="module")
def strict(exported_voice):
    """A server that knows its names and waits for nobody."""
    with serving(toy_settings(exported_voice, limits=SLOW, **KNOWN)) as running:
        yield running


@contextmanager
def connected(server):
    """A socket to a server."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        yield client


def everything(client) -> bytes:
    """What comes until the server closes the connection."""
    found = b""
    try:
        while data := client.recv(65_536):
            found += data
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8880", "127.0.0.1:1", "[::1]:8880", "[::1]", "tts.example"])
def test_the_names_of_the_server_are_taken(strict, host):
    assert httpx.get(f"{strict.url}/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8880", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1", "a@b"]
)
def test_any_other_name_is_refused(strict, host):
    answer = httpx.post(f"{strict.url}/v1/audio/speech", json={"input": "Hello."}, headers={"host": host})
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "host_not_allowed"
    assert "--allowed-host" in answer.json()["error"]["message"]


def test_no_websocket_under_another_name(strict):
    websockets = pytest.importorskip("websockets.sync.client")
    with connected(strict) as client, pytest.raises(Exception, match="403"):
        websockets.connect("ws://evil.example/v1/audio/speech/stream", sock=client)


def test_which_names_are_known_follows_from_where_it_listens():
    assert hosts_of("127.0.0.1", []) == ("localhost", "127.0.0.1", "::1")
    assert hosts_of("0.0.0.0", []) == ()
    assert hosts_of("0.0.0.0", ["TTS.example"]) == ("localhost", "127.0.0.1", "::1", "0.0.0.0", "tts.example")


def test_a_head_that_never_ends_is_closed(strict):
    with connected(strict) as client:
        begin_s = time.monotonic()
        client.sendall(HEAD)
        stopped = threading.Event()

        def dribble() -> None:
            while not stopped.wait(0.1):
                try:
                    client.sendall(b"X-A: b\r\n")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        answer = everything(client)
        stopped.set()
        thread.join()
    assert answer.startswith(b"HTTP/1.1 408 ") and time.monotonic() - begin_s < 3
    assert httpx.get(f"{strict.url}/health").status_code == 200


def test_who_connects_and_says_nothing_is_closed(strict):
    with connected(strict) as client:
        assert everything(client).startswith(b"HTTP/1.1 408 ")


def test_the_second_head_of_a_connection_has_a_limit_too(strict):
    with connected(strict) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b'"ok"' in client.recv(65_536)
        client.sendall(b"GET /health HTTP/1.1\r\n")
        assert everything(client).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("length", [b"Content-Length: 1000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_body_of_a_byte_a_moment_is_408(strict, length):
    with connected(strict) as client:
        client.sendall(HEAD + length + b"\r\n")
        stopped = threading.Event()

        def dribble() -> None:
            while not stopped.wait(0.1):
                try:
                    client.sendall(b"1\r\n \r\n" if b"chunked" in length else b" ")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        head, _, body = everything(client).partition(b"\r\n\r\n")
        stopped.set()
        thread.join()
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"]["code"] == "timeout"
    assert strict.settle()


def test_a_slow_listener_is_no_slow_sender(strict):
    """An answer may take longer than a request."""
    body = {"input": "Hello there, my old friend. " * 4, "response_format": "pcm"}
    with httpx.stream("POST", f"{strict.url}/v1/audio/speech", json=body, timeout=30) as answer:
        chunks = answer.iter_raw()
        first = next(chunks)
        time.sleep(1.0)
        whole = first + b"".join(chunks)
    assert whole == strict.post(**body).content


def test_the_bodies_held_at_once_have_a_limit(exported_voice):
    limits = Limits(bodies_bytes=300_000, upload_bytes=250_000, wait_s=5.0)
    with serving(toy_settings(exported_voice, limits=limits)) as running, connected(running) as client:
        head = b"POST /v1/audio/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 240000\r\n\r\n"
        client.sendall(head + bytes(200_000))
        time.sleep(0.3)
        answer = httpx.post(f"{running.url}/v1/audio/tokens", content=bytes(200_000))
        assert answer.status_code == 503 and answer.json()["error"]["code"] == "server_overloaded"
        client.close()
        time.sleep(0.3)
        assert httpx.post(f"{running.url}/v1/audio/tokens", content=bytes(200_000)).status_code == 400


def test_a_port_that_is_taken_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="choose another"):
        listening("127.0.0.1", taken.getsockname()[1])
