"""Two replicas under a real Ray Serve: one app for its clients, and what happens when one of them dies."""

import asyncio
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from sources import ROOT

pytest.importorskip("ray", reason="replicas need lfsc-tts[serve-ray]")
replicas = pytest.importorskip("pipelines.serving.replicas", reason="replicas need lfsc-tts[serve-ray]")

pytestmark = pytest.mark.slow
TEXT = "The machine speaks for a while, so that there is time for something to go wrong in the middle of it. "
STREAMS, QUEUE = 4, 2
START_S = 300  # five processes import Ray, which a busy machine is slow to do


class Cluster:
    """The command, as a user runs it."""

    def __init__(self, voice: Path, log: Path):
        with socket.socket() as place:
            place.bind(("127.0.0.1", 0))
            port = place.getsockname()[1]
        flags = f"--ray --replicas 2 --threads 1 --streams {STREAMS} --queue {QUEUE} --port {port}".split()
        self.url, self.log = f"http://127.0.0.1:{port}", log
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTHONPATH"))}
        clean["RAY_SERVE_QUEUE_LENGTH_CACHE_TIMEOUT_S"] = "1"  # 10 s for which a replica that was full gets nothing
        with log.open("w") as stderr:
            command = [sys.executable, str(ROOT / "pipelines/serve.py"), *flags, "--voice", str(voice)]
            self.process = subprocess.Popen(command, cwd=log.parent, env=clean, stdout=stderr, stderr=stderr)

    def wait(self) -> None:
        """Until it speaks."""
        until = time.monotonic() + START_S
        while f"\n{self.url}, without keys" not in self.log.read_text():
            running = self.process.poll() is None and time.monotonic() < until
            assert running, f"Ray Serve does not start:\n{self.log.read_text()[-3000:]}"
            time.sleep(0.1)

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()

    def pids(self) -> list[int]:
        """The replicas' processes: children of the command's child that starts workers."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "cmdline").read_bytes().startswith(b"ray::ServeReplica"):
                    parent = re.search(r"PPid:\s*(\d+)", (folder / "status").read_text())[1]
                    above = re.search(r"PPid:\s*(\d+)", Path(f"/proc/{parent}/status").read_text())[1]
                    found += [int(folder.name)] if int(above) == self.process.pid else []
            except FileNotFoundError:  # it has just ended
                continue
        return found

    def of_each(self, path: str) -> dict[str, httpx.Response]:
        """The answers of both replicas to a GET; which of them is asked is chance."""
        found: dict[str, httpx.Response] = {}
        until = time.monotonic() + 30
        while time.monotonic() < until:
            answer = httpx.get(self.url + path, timeout=30)
            found[answer.headers["x-replica"]] = answer
            if len(found) == 2:
                return found
        raise AssertionError(f"only {list(found)} answered")

    def settle(self) -> None:
        """Until nobody is spoken for."""
        until = time.monotonic() + 30
        while any(answer.json()["streams"] or answer.json()["queue"] for answer in self.of_each("/ready").values()):
            assert time.monotonic() < until
            time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster(exported_voice, tmp_path_factory):
    if not Path("/proc/self/status").is_file():
        pytest.skip("finds processes in /proc")
    running = Cluster(exported_voice, tmp_path_factory.mktemp("ray") / "log")
    try:
        running.wait()
        yield running
    finally:
        running.end()


def body(seed: int, sentences: int = 6, **options) -> dict:
    return {"input": TEXT * sentences, "seed": seed, "response_format": "pcm", "sample_rate": 22_050, **options}


def whole(cluster, seed: int) -> bytes:
    answer = httpx.post(f"{cluster.url}/v1/audio/speech", json=body(seed), timeout=60)
    assert answer.status_code == 200
    return answer.content


def test_all_routes_are_answered_by_a_replica_that_says_its_name(cluster):
    names = {
        tuple(sorted(cluster.of_each(path))) for path in ("/", "/health", "/ready", "/v1/audio/voices", "/metrics")
    }
    assert len(names) == 1
    for answer in cluster.of_each("/ready").values():
        assert answer.json()["places"] == STREAMS
        assert len(answer.headers.get_list("x-request-id")) == 1
    for name, answer in cluster.of_each("/metrics").items():
        assert f'lfsc_tts_places{{replica="{name}"}} {STREAMS}' in answer.text


def test_errors_keep_openai_s_shape(cluster):
    answer = httpx.post(f"{cluster.url}/v1/audio/speech", json={"input": "Hello.", "voice": "nobody"}, timeout=30)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "voice_not_found"


def test_the_same_seed_sounds_the_same_from_both(cluster):
    found = {}
    while len(found) < 2:
        answer = httpx.post(f"{cluster.url}/v1/audio/speech", json=body(5, sentences=1), timeout=60)
        found[answer.headers["x-replica"]] = answer.content
    assert len(set(found.values())) == 1


def test_answers_are_streamed(cluster):
    with httpx.stream("POST", f"{cluster.url}/v1/audio/speech", json=body(0), timeout=60) as answer:
        begin_s = time.monotonic()
        chunks = answer.iter_raw()
        next(chunks)
        first_s = time.monotonic() - begin_s
        assert sum(1 for _ in chunks) > 5
    assert first_s < 0.5 * (time.monotonic() - begin_s)


def test_a_websocket_works_too(cluster):
    from websockets.sync.client import connect

    with connect(cluster.url.replace("http", "ws") + "/v1/audio/speech/stream") as socket:
        for kind in ("session.config", "input.text", "input.done"):
            socket.send(json.dumps({"type": kind} | ({"text": "Hello there."} if kind == "input.text" else {})))
        received = list(socket)
    kinds = [json.loads(message)["type"] for message in received if isinstance(message, str)]
    assert kinds[0] == "audio.start" and kinds[-1] == "audio.done"
    assert sum(len(message) for message in received if isinstance(message, bytes)) > 10_000


def test_a_client_that_leaves_is_forgotten_by_its_replica(cluster):
    with httpx.stream("POST", f"{cluster.url}/v1/audio/speech", json=body(0, sentences=30), timeout=60) as answer:
        name = answer.headers["x-replica"]
        next(answer.iter_raw())
    cluster.settle()
    assert f'lfsc_tts_cancelled_total{{replica="{name}"}} 1' in cluster.of_each("/metrics")[name].text


def test_more_than_all_replicas_take_is_refused_with_429(cluster):
    async def refusals() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            base_url=cluster.url, timeout=60, limits=httpx.Limits(max_connections=40)
        ) as client:
            places = 2 * (2 * STREAMS + replicas.SPARE)  # those that speak or wait at a replica, and at the proxy
            asked = [client.post("/v1/audio/speech", json=body(0, 30)) for _ in range(places + 4)]
            tasks = [asyncio.ensure_future(one) for one in asked]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()  # these clients leave
            return [task.result() for task in done]

    refused = asyncio.run(refusals())
    assert {answer.status_code for answer in refused} == {429}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {answer.json()["error"]["type"] for answer in refused} == {"rate_limit_error"}
    assert all(answer.headers["x-request-id"] for answer in refused)
    cluster.settle()


def heard(answer: httpx.Response, kind: str) -> bytes | str:
    """The samples of an answer that has come to its proper end, or how it ended otherwise."""
    try:
        data = b"".join(answer.iter_raw())
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return "cut"
    if kind == "audio":
        return data
    events = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: ")]
    if events[-1]["type"] == "speech.audio.error":
        return events[-1]["error"]["code"]
    assert events[-1]["type"] == "speech.audio.done"
    return b"".join(base64.b64decode(event["audio"]) for event in events if event["type"] == "speech.audio.delta")


def test_a_replica_that_dies_ends_its_answers_and_no_others(cluster):
    cluster.settle()
    right = {seed: whole(cluster, seed) for seed in (1, 2)}
    kinds = [("audio", 1), ("sse", 2), ("sse", 1), ("audio", 2), ("audio", 1), ("sse", 2)]
    endings = {"audio": "cut", "sse": "replica_lost"}
    with httpx.Client(base_url=cluster.url, timeout=60) as client, ThreadPoolExecutor(len(kinds)) as pool:
        bodies = [body(seed, stream_format=kind) for kind, seed in kinds]
        asked = [client.build_request("POST", "/v1/audio/speech", json=each) for each in bodies]
        answers = [client.send(request, stream=True) for request in asked]  # each has begun before the next is asked
        assert {answer.status_code for answer in answers} == {200}
        os.kill(cluster.pids()[0], signal.SIGKILL)
        ends = list(pool.map(heard, answers, [kind for kind, _ in kinds]))

        names = [answer.headers["x-replica"] for answer in answers]
        assert len(set(names)) == 2, "one replica had all of them"
        (dead,) = {name for name, end in zip(names, ends, strict=True) if isinstance(end, str)}
        for name, end, (kind, seed) in zip(names, ends, kinds, strict=True):
            assert end == (endings[kind] if name == dead else right[seed])
    assert [whole(cluster, 2) == right[2] for _ in range(4)] == [True] * 4  # by the other one, and by a new one


def test_it_ends_when_it_is_told_to(cluster):
    cluster.end()
    assert cluster.process.returncode == 128 + signal.SIGTERM
    assert not cluster.pids()
