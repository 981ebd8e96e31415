"""A server in a thread, on loopback, with a toy voice; and one whose speech a test controls."""

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn

from pipelines.serving.app import create_app
from pipelines.serving.service import Service
from pipelines.serving.settings import Limits, Settings
from pipelines.serving.transport import uvicorn_config
from sources import ROOT

LIMITS = Limits(wait_s=5.0, idle_s=5.0, request_s=60.0)


@dataclass
class Server:
    """Where it is, and what runs inside."""

    url: str
    service: Service

    def post(self, path: str = "/v1/audio/speech", **body) -> httpx.Response:
        """Ask for something."""
        return httpx.post(self.url + path, json=body, timeout=60)

    def settle(self, seconds: float = 5.0) -> bool:
        """Whether nobody is spoken for any more, soon."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            admission = self.service.admission
            if not admission.taken and not admission.waiting and not self.service.scheduler.streams:
                return True
            time.sleep(0.02)
        return False


@contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    """A server until the end of the block."""
    service = Service(settings)
    place = socket.socket()
    place.bind(("127.0.0.1", 0))
    config = uvicorn_config(create_app(service), settings.limits)
    config.timeout_graceful_shutdown = 2
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not (server.started and service.ready):
        assert time.monotonic() < until and thread.is_alive(), "the server does not start"
        time.sleep(0.01)
    try:
        yield Server(f"http://127.0.0.1:{place.getsockname()[1]}", service)
    finally:
        server.should_exit = True
        thread.join(10)
        place.close()


@contextmanager
def process(voice, *flags: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """A server as a process of its own, and its address."""
    command = [sys.executable, str(ROOT / "pipelines/serve.py"), "--voice", str(voice), "--port", "0", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        try:
            url = running.stderr.readline().partition(",")[0]
            until = time.monotonic() + 60
            while not answers(f"{url}/ready"):
                assert time.monotonic() < until and running.poll() is None, "the server does not start"
                time.sleep(0.05)
            yield url, running
        finally:
            running.kill()


def answers(url: str) -> bool:
    """Whether there is a server that is well."""
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def blocks(language: str) -> list[str]:
    """The blocks of a language in docs/serving.md; of none, all of it."""
    text = (ROOT / "docs/serving.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if language else [text]


def toy_settings(voice, **changes) -> Settings:
    return Settings(**{"voices": (str(voice),), "threads": 2, "streams": 4, "limits": LIMITS, **changes})
