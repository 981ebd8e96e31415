"""Many at once, slow ones, and those who leave: nobody waits for them, and nothing of them stays."""

import asyncio
import threading
import time

import httpx
import numpy as np
import pytest

from pipelines.serving.admission import Admission, Place
from pipelines.serving.errors import ApiError
from pipelines.serving.rendering import Encoded
from pipelines.serving.sessions import attended
from pipelines.serving.settings import Limits
from pipelines.speaking.scheduler import MOST_WAITING
from servers import serving, toy_settings

SECOND = np.zeros(22_050, np.float32)


class Endless:
    """Speech that does not end by itself; counts what was made and what was closed."""

    def __init__(self, service, monkeypatch, size: int = 50_000):
        self.made, self.closed, self.size = 0, 0, size
        monkeypatch.setattr(service, "spoken", self.spoken)

    def spoken(self, *_args):
        try:
            while True:
                time.sleep(0.01)
                self.made += 1
                yield Encoded(SECOND, np.zeros((8, 21), np.int64), data=bytes(self.size))
        finally:
            self.closed += 1


def test_a_reader_that_takes_nothing_costs_little_and_holds_nobody_up(server, monkeypatch):
    with monkeypatch.context() as patched:
        endless = Endless(server.service, patched, size=1_000_000)
        body = {"input": "Hello.", "response_format": "pcm"}
        with httpx.stream("POST", f"{server.url}/v1/audio/speech", json=body, timeout=60) as answer:
            chunks = answer.iter_raw()
            next(chunks)
            time.sleep(0.5)
            before = endless.made
            time.sleep(0.5)
            # What the sockets hold, some megabytes, and the pieces that may wait.
            assert endless.made == before <= MOST_WAITING + 20
            patched.undo()
            assert server.post(input="Hello there.").status_code == 200
        assert server.settle() and endless.closed == 1


def test_who_takes_nothing_for_too_long_is_given_up(exported_voice, monkeypatch):
    limits = Limits(idle_s=0.3, wait_s=5.0)
    with serving(toy_settings(exported_voice, limits=limits)) as running:
        endless = Endless(running.service, monkeypatch, size=1_000_000)
        body = {"input": "Hello.", "response_format": "pcm"}
        with httpx.stream("POST", f"{running.url}/v1/audio/speech", json=body, timeout=60) as answer:
            chunks = answer.iter_raw()
            next(chunks)
            assert running.settle() and endless.closed == 1


@pytest.mark.parametrize("how", ["audio", "sse", "whole", "captioned"])
def test_whoever_leaves_is_forgotten_at_once(server, monkeypatch, how):
    endless = Endless(server.service, monkeypatch)
    path = "/v1/audio/speech/captioned" if how == "captioned" else "/v1/audio/speech"
    body = {"input": "Hello.", "response_format": "pcm", "stream": how != "whole"}
    body |= {"stream_format": "sse"} if how == "sse" else {}
    if how in ("audio", "sse"):
        with httpx.stream("POST", server.url + path, json=body, timeout=10) as answer:
            next(answer.iter_raw())
    else:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(server.url + path, json=body, timeout=0.7)
    assert server.settle(3.0) and endless.closed == 1


def test_whoever_leaves_the_queue_is_forgotten_too(exported_voice, monkeypatch):
    with serving(toy_settings(exported_voice, streams=1)) as running:
        endless = Endless(running.service, monkeypatch)
        body = {"input": "Hello.", "response_format": "pcm"}
        with httpx.stream("POST", f"{running.url}/v1/audio/speech", json=body, timeout=60) as first:
            chunks = first.iter_raw()  # httpx closes an answer whose iterator is gone
            next(chunks)
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{running.url}/v1/audio/speech", json=body, timeout=0.4)
            until = time.monotonic() + 3
            while running.service.admission.waiting and time.monotonic() < until:
                time.sleep(0.02)
            assert not running.service.admission.waiting
        assert running.settle() and endless.closed == 1


def test_more_than_the_machine_can_speak_is_429_and_the_others_are_complete(exported_voice):
    with serving(toy_settings(exported_voice, streams=1, limits=Limits(queue=1, wait_s=20.0))) as running:
        answers: list = []
        alone = running.post(input="Hello there. " * 10, response_format="pcm").content

        def ask() -> None:
            answers.append(running.post(input="Hello there. " * 10, response_format="pcm"))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 4 and len(answers) - len(refused) >= 2
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert all(answer.json()["error"]["code"] == "server_overloaded" for answer in refused)
        assert all(answer.content == alone for answer in answers if answer.status_code == 200)
        assert running.settle()


def test_an_answer_has_a_longest_time_and_length(exported_voice, monkeypatch):
    with serving(toy_settings(exported_voice, limits=Limits(audio_s=3.0))) as running:
        answer = running.post(input="Hello there. " * 50, stream=False)
        assert answer.status_code == 400 and "longer than 3 s" in answer.json()["error"]["message"]

        def stuck(*_args):
            time.sleep(1.0)
            yield Encoded(SECOND, np.zeros((8, 21), np.int64))

        monkeypatch.setattr(running.service, "spoken", stuck)
        running.service.settings = toy_settings(exported_voice, limits=Limits(request_s=0.5))
        answer = running.post(input="Hello.", stream=False)
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        assert running.settle()


def test_a_client_that_always_takes_a_little_has_a_longest_time_too(exported_voice, monkeypatch):
    with serving(toy_settings(exported_voice, limits=Limits(request_s=1.0))) as running:
        endless = Endless(running.service, monkeypatch)
        body = {"input": "Hello.", "response_format": "pcm"}
        begin_s = time.monotonic()
        with httpx.stream("POST", f"{running.url}/v1/audio/speech", json=body, timeout=60) as answer:
            with pytest.raises(httpx.RemoteProtocolError):
                all(time.monotonic() < begin_s + 10 for _ in answer.iter_raw())
            assert time.monotonic() < begin_s + 10
        assert running.settle() and endless.closed == 1


def test_more_connections_than_allowed_are_refused(exported_voice, monkeypatch):
    with serving(toy_settings(exported_voice, limits=Limits(connections=1))) as running:
        endless = Endless(running.service, monkeypatch)
        body = {"input": "Hello.", "response_format": "pcm"}
        with httpx.stream("POST", f"{running.url}/v1/audio/speech", json=body, timeout=60) as answer:
            chunks = answer.iter_raw()  # httpx closes an answer whose iterator is gone
            next(chunks)
            refused = httpx.get(f"{running.url}/health", timeout=30)
            assert refused.status_code == 429 and "connections" in refused.json()["error"]["message"]
        assert running.settle() and endless.closed == 1
        assert httpx.get(f"{running.url}/health", timeout=30).status_code == 200


def test_places_are_given_in_order_and_given_back():
    async def scene() -> None:
        admission = Admission(1, 2, 0.2)
        first = await admission.enter()
        order: list[str] = []

        async def wait(name: str) -> None:
            place = await admission.enter()
            order.append(name)
            place.leave()

        waiting = [asyncio.ensure_future(wait(name)) for name in "ab"]
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="2 requests wait"):
            await admission.enter()
        first.leave()
        first.leave()
        await asyncio.gather(*waiting)
        assert order == ["a", "b"] and admission.taken == 0

        held = await admission.enter()
        with pytest.raises(ApiError, match=r"for 0\.2 s"):
            await admission.enter()
        task = asyncio.ensure_future(admission.enter())
        await asyncio.sleep(0)
        task.cancel()
        held.leave()  # before the cancelled one has noticed
        await asyncio.gather(task, return_exceptions=True)
        assert admission.taken == 0 and not admission.waiting

        held = await admission.enter()
        task = asyncio.ensure_future(admission.enter())
        await asyncio.sleep(0)
        held.leave()
        task.cancel()  # after its turn has come
        await asyncio.gather(task, return_exceptions=True)
        assert admission.taken == 0

    asyncio.run(scene())


@pytest.mark.parametrize("steps", range(6))
def test_a_handler_that_is_cancelled_gives_its_place_back_whenever_that_is(steps):
    async def go():
        admission = Admission(places=1, queue=1, wait_s=1.0)
        handler = asyncio.ensure_future(attended(None, admission.enter(), Place.leave))
        for _ in range(steps):
            await asyncio.sleep(0)
        handler.cancel()
        (place,) = await asyncio.gather(handler, return_exceptions=True)
        if isinstance(place, Place):  # it was too late to cancel it
            place.leave()
        return admission.taken, len(admission.waiting)

    assert asyncio.run(go()) == (0, 0)
