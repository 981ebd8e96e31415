"""A server as a process: the same samples however it is asked for them, and no answer that is cut off looks whole."""

import io
import json
import threading

import httpx
import pytest

from codec.audio.decoding import ForwardFile
from servers import process

TEXT = "Hello there, my old friend."
WAYS = [(kind, stream) for kind in ("wav", "pcm", "flac") for stream in (True, False)]
LONG = {"input": TEXT * 140, "response_format": "pcm"}


def samples(url: str, kind: str, stream: bool) -> bytes:
    """What an answer holds, 16-bit."""
    body = {"input": TEXT, "seed": 3, "sample_rate": 22_050, "response_format": kind, "stream": stream}
    answer = httpx.post(f"{url}/v1/audio/speech", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    if kind == "pcm":
        return answer.content
    with ForwardFile(io.BytesIO(answer.content)) as file:  # a streamed FLAC does not say how long it is
        return file.read(10**6, dtype="int16").tobytes()


def together(url: str, count: int) -> list[bytes]:
    """Many at once, in all ways."""
    found = [b""] * count

    def ask(number: int) -> None:
        found[number] = samples(url, *WAYS[number % len(WAYS)])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_the_same_alone_among_others_streamed_whole_and_after_a_restart_and_cut_by_a_kill(exported_voice):
    with process(exported_voice, "--streams", "16") as (url, running):
        alone = samples(url, *WAYS[0])
        assert len(alone) > 10_000
        assert [samples(url, *way) for way in WAYS] == [alone] * len(WAYS)
        assert together(url, 16) == [alone] * 16
        errors = cut_off(url, running)
        assert len(errors) == 3 and all(errors), errors
    with process(exported_voice, "--threads", "1") as (url, _):
        assert samples(url, "pcm", stream=True) == alone


def cut_off(url: str, running) -> list[str]:
    """What listeners of every kind are told when the process is killed in the middle."""
    found: list[str] = []
    ready = threading.Barrier(4)

    def listen(**how) -> None:
        with httpx.stream("POST", f"{url}/v1/audio/speech", json=LONG | how, timeout=30) as answer:
            chunks = answer.iter_raw()
            next(chunks)
            ready.wait(30)
            try:
                rest = b"".join(chunks)
                found.append("")  # a clean end
                assert b"audio.done" not in rest
            except httpx.TransportError as error:
                found.append(repr(error))

    def converse() -> None:
        sync = pytest.importorskip("websockets.sync.client")
        with sync.connect(url.replace("http", "ws") + "/v1/audio/speech/stream") as socket:
            socket.send(json.dumps({"type": "session.config"}))
            socket.send(json.dumps({"type": "input.text", "text": LONG["input"]}))
            while not isinstance(socket.recv(30), bytes):
                pass
            ready.wait(30)
            try:
                for message in socket:
                    assert "audio.done" not in str(message)[:50]
                found.append("")
            except Exception as error:  # ConnectionClosedError, of that package
                found.append(repr(error))

    threads = [threading.Thread(target=listen)]
    threads += [threading.Thread(target=listen, kwargs={"stream_format": "sse"}), threading.Thread(target=converse)]
    for thread in threads:
        thread.start()
    ready.wait(30)
    running.kill()
    for thread in threads:
        thread.join(30)
    return found
