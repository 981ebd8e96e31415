"""The Wyoming protocol, with the client of the package that Home Assistant uses."""

import asyncio
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest

pytest.importorskip("wyoming", reason="the Wyoming server needs lfsc-tts[serve]")

from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeVoice,
)

from pipelines.serving.rendering import Encoded
from pipelines.serving.service import Service
from pipelines.serving.settings import Limits
from pipelines.serving.talking import Talk
from pipelines.serving.wyoming_server import serve
from pipelines.speaking.outputs import to_pcm
from pipelines.speaking.synthesis import TTS
from servers import Server, toy_settings

TEXT = "Hello there, my old friend. How do you do?"


@contextmanager
def wyoming(voice, **changes):
    """A server in a thread until the end of the block."""
    service = Service(toy_settings(voice, **changes))
    place, loop = socket.create_server(("127.0.0.1", 0)), asyncio.new_event_loop()
    task = loop.create_task(serve(service, place))

    def run() -> None:
        asyncio.set_event_loop(loop)
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run, daemon=True)
    port = place.getsockname()[1]
    thread.start()
    until = time.monotonic() + 30
    while not service.ready:
        assert time.monotonic() < until
        time.sleep(0.01)
    try:
        yield Server(f"tcp://127.0.0.1:{port}", service)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        service.close()


@pytest.fixture(scope="module")
def running(exported_voice):
    with wyoming(exported_voice) as found:
        yield found


@pytest.fixture(scope="module")
def spoken(exported_voice):
    return to_pcm(TTS.from_pretrained(str(exported_voice), threads=1).synthesize(TEXT).audio)


def port_of(running) -> int:
    return int(running.url.rpartition(":")[2])


def conversation(running, events, last: str = "audio-stop") -> list:
    """What comes back up to an event of the type `last`, or the end of the connection."""

    async def talk() -> list:
        found = []
        async with AsyncTcpClient("127.0.0.1", port_of(running), 5, 20) as client:
            for event in events:
                await client.write_event(event.event())
            while (event := await client.read_event()) is not None:
                found.append(event)
                if event.type == last:
                    break
        return found

    return asyncio.run(talk())


def types(events) -> list[str]:
    """Without repetitions."""
    return [e.type for i, e in enumerate(events) if not i or events[i - 1].type != e.type]


def audio(events) -> bytes:
    return b"".join(event.payload for event in events if event.type == "audio-chunk")


def in_parts(text: str) -> list:
    """As Home Assistant sends it: the whole is among the parts, for servers that do not stream."""
    parts = [SynthesizeChunk(text=text[i : i + 7]) for i in range(0, len(text), 7)]
    return [SynthesizeStart(), *parts, Synthesize(text=text), SynthesizeStop()]


def test_it_describes_everybody_who_can_speak(running):
    (event,) = conversation(running, [Describe()], "info")
    (program,) = Info.from_event(event).tts
    assert program.supports_synthesize_streaming and program.installed
    assert [voice.name for voice in program.voices] == list(running.service.voices.people)
    assert all(voice.languages == ["en"] and voice.installed for voice in program.voices)


def test_it_answers_pings_and_passes_over_what_it_does_not_know(running):
    class Unknown:
        def event(self):
            return Event("transcribe", {"language": "en"})

    assert types(conversation(running, [Unknown(), Ping()], "pong")) == ["pong"]


def test_a_text_is_spoken_and_audio_stop_is_last(running, spoken):
    voice = SynthesizeVoice(name="toy")
    found = conversation(running, [Synthesize(text=TEXT, voice=voice)])
    assert types(found) == ["audio-start", "audio-chunk", "audio-stop"]
    assert found[0].data["rate"] == 22_050 and found[0].data["width"] == 2 and found[0].data["channels"] == 1
    assert audio(found) == spoken
    assert running.settle()


def test_a_text_in_parts_is_spoken_once_and_the_same(running, spoken):
    found = conversation(running, in_parts(TEXT), "synthesize-stopped")
    assert types(found) == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"]
    assert audio(found) == spoken
    assert running.settle()


def test_a_sentence_is_heard_before_the_text_ends(running):
    async def talk() -> str:
        async with AsyncTcpClient("127.0.0.1", port_of(running), 5, 20) as client:
            for event in (
                SynthesizeStart(),
                SynthesizeChunk(text="Hello there. And then we went home. It was late. And"),
            ):
                await client.write_event(event.event())
            event = await client.read_event()
            return event.type

    assert asyncio.run(talk()) == "audio-start"
    assert running.settle()  # and who goes in the middle of a text is forgotten


def test_several_texts_on_one_connection(running, spoken):
    found = conversation(running, [*in_parts(TEXT), Describe()], "info")
    assert types(found)[-2:] == ["synthesize-stopped", "info"] and audio(found) == spoken
    found = conversation(running, [Synthesize(text=TEXT), Synthesize(text=TEXT), Ping()], "pong")
    assert audio(found) == 2 * spoken


def test_many_at_once_wait_for_their_turn_and_are_what_they_are_alone(running, spoken):
    async def one() -> bytes:
        async with AsyncTcpClient("127.0.0.1", port_of(running), 5, 30) as client:
            await client.write_event(Synthesize(text=TEXT).event())
            found = b""
            while (event := await client.read_event()) is not None and event.type != "audio-stop":
                found += event.payload or b""
            return found

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(one() for _ in range(8)))

    assert asyncio.run(all_of_them()) == [spoken] * 8
    assert running.settle()


def test_ssml_is_read_as_ssml(running):
    text = '<speak>Hello there.<break time="900ms"/></speak>'
    plain = audio(conversation(running, [Synthesize(text="Hello there.")]))
    found = audio(conversation(running, [Synthesize(text=text, text_format="ssml")]))
    assert len(found) - len(plain) == 2 * round(0.9 * 22_050)


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([Synthesize(text=TEXT, voice=SynthesizeVoice(name="nobody"))], "no voice 'nobody'"),
        ([Synthesize(text=TEXT, voice=SynthesizeVoice(name="toy", speaker="nobody"))], "no voice"),
        ([Synthesize(text=TEXT, voice=SynthesizeVoice(name="v" * 300))], "200 at most"),
        ([Synthesize(text="x" * 5000)], "4096 at most"),
        ([Synthesize(text="")], ""),
        ([Synthesize(text=7)], "expected a string"),
        ([SynthesizeStart(), SynthesizeChunk(text="x" * 5000)], "4096 at most"),
        ([Synthesize(text=TEXT, voice=SynthesizeVoice(name=["toy"]))], "voice"),
    ],
)
def test_what_cannot_be_spoken_is_an_error_and_no_speech(running, events, said):
    found = conversation(running, events, "synthesize-stopped")
    assert types(found) == ["error"] and said in found[0].data["text"]
    assert running.settle()


@pytest.mark.parametrize(
    "data",
    [
        b"no json\n",
        b"[]\n",
        b'{"data": {}}\n',
        b'{"type": "synthesize", "data_length": 99999999999}\n',
        b'{"type": "synthesize", "payload_length": -5, "data_length": "x"}\n',
        b'{"type": "synthesize", "data_length": 4}\nnull',
        b'{"type": "synthesize", "data": []}\n',
        b"x" * 100_000,
    ],
)
def test_what_is_no_event_ends_the_connection(running, data):
    with socket.create_connection(("127.0.0.1", port_of(running)), timeout=5) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):
            while part := client.recv(65_536):
                answer += part
    assert not answer or json.loads(answer.split(b"\n")[0])["type"] == "error"
    assert running.settle()


def test_an_error_in_the_middle_has_no_audio_stop(running, monkeypatch):
    real = Talk.sentence

    def broken(self, *args):
        yield next(real(self, *args))
        yield Encoded(np.zeros(100, np.float32), np.zeros((8, 1), np.int64), data=bytes(200))
        raise RuntimeError("broken")

    monkeypatch.setattr(Talk, "sentence", broken)
    found = conversation(running, [Synthesize(text=TEXT)])
    assert types(found)[-1] == "error" and "audio-stop" not in types(found)
    assert running.settle()


def test_what_fails_before_the_speech_begins_is_told(running, monkeypatch, caplog):
    def broken(_who):
        raise MemoryError("no room")

    monkeypatch.setattr(running.service.voices, "speaking", broken)
    (found,) = conversation(running, [Synthesize(text=TEXT)])
    assert found.type == "error" and found.data["code"] == "internal_error"
    assert "no room" in caplog.text and running.settle()


def test_more_connections_than_allowed_are_closed(exported_voice):
    with wyoming(exported_voice, limits=Limits(connections=1)) as found:
        address = "127.0.0.1", port_of(found)
        with (
            socket.create_connection(address, timeout=5) as first,
            socket.create_connection(address, timeout=5) as second,
        ):
            assert second.recv(1) == b""  # closed
            first.sendall(b'{"type": "ping"}\n')
            assert b"pong" in first.recv(1000)


def test_who_says_nothing_for_too_long_is_closed(exported_voice):
    with wyoming(exported_voice, limits=Limits(idle_s=0.3), streams=1) as found:
        begin_s = time.monotonic()
        assert conversation(found, [SynthesizeStart()]) == []
        assert time.monotonic() - begin_s < 5
        assert found.settle()


def test_more_than_the_machine_can_speak_is_an_error(exported_voice):
    limits = Limits(queue=1, wait_s=0.2)
    with wyoming(exported_voice, limits=limits, streams=1) as found:
        place = asyncio.run(found.service.admission.enter())
        told = conversation(found, [Synthesize(text=TEXT)])
        assert types(told) == ["error"] and told[0].data["code"] == "server_overloaded"
        place.leave()
