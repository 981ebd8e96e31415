"""The official client, sync, async and streaming; and the WebSocket."""

import asyncio
import contextlib
import json
import threading
import time

import pytest

from pipelines.serving.encoding import Pcm
from pipelines.serving.settings import Limits
from pipelines.serving.talking import Talk
from pipelines.speaking.outputs import to_pcm
from pipelines.speaking.synthesis import TTS
from servers import serving, toy_settings

TEXT = "Hello there, my old friend. How do you do?"


@pytest.fixture(scope="module")
def openai():
    return pytest.importorskip("openai", reason="the client of OpenAI is not installed")


def options(server) -> dict:
    return {"base_url": f"{server.url}/v1", "api_key": "none", "max_retries": 0, "timeout": 60}


def test_the_client_gets_an_mp3_that_may_be_saved(openai, server, tmp_path):
    client = openai.OpenAI(**options(server))
    client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT).write_to_file(tmp_path / "a.mp3")
    assert (tmp_path / "a.mp3").read_bytes()[:3] == b"ID3"


def test_the_client_streams(openai, server):
    client = openai.OpenAI(**options(server))
    wanted = {"model": "gpt-4o-mini-tts", "voice": "nova", "input": TEXT, "instructions": "Cheerfully."}
    with client.audio.speech.with_streaming_response.create(**wanted, response_format="pcm") as answer:
        streamed = b"".join(answer.iter_bytes())
        assert answer.headers["x-ignored-parameters"] == "instructions"
    assert streamed == client.audio.speech.create(**wanted, response_format="pcm").content


def test_the_async_client_speaks_many_at_once(openai, server):
    async def ask() -> list[bytes]:
        async with openai.AsyncOpenAI(**options(server)) as client:
            wanted = {"model": "tts-1", "voice": "echo", "input": TEXT, "response_format": "pcm"}
            answers = await asyncio.gather(*(client.audio.speech.create(**wanted) for _ in range(4)))
            return [answer.content for answer in answers]

    found = asyncio.run(ask())
    assert len(found) == 4 and len(set(found)) == 1


def test_the_client_understands_errors(openai, server):
    client = openai.OpenAI(**options(server))
    with pytest.raises(openai.BadRequestError, match="no voice 'nobody'") as caught:
        client.audio.speech.create(model="tts-1", voice="nobody", input=TEXT)
    assert caught.value.param == "voice" and caught.value.code == "voice_not_found"
    assert caught.value.request_id.startswith("req_")
    assert "tts-1" in [model.id for model in client.models.list()]


def talk(server, messages: list[dict]) -> tuple[bytes, list[dict]]:
    """All audio and all messages of a conversation."""
    connect = pytest.importorskip("websockets.sync.client").connect
    closed = pytest.importorskip("websockets.exceptions").ConnectionClosedError
    audio, found = b"", []
    with connect(server.url.replace("http", "ws") + "/v1/audio/speech/stream") as socket:
        for message in messages:
            socket.send(json.dumps(message))
        with contextlib.suppress(closed):  # with an error's code
            for answer in socket:
                if isinstance(answer, bytes):
                    audio += answer
                else:
                    found.append(json.loads(answer))
    return audio, found


def test_text_that_comes_in_parts_sounds_as_it_does_at_once(server, exported_voice):
    spoken = TTS.from_pretrained(str(exported_voice), threads=1).synthesize(TEXT, seed=3)
    parts = [{"type": "input.text", "text": TEXT[i : i + 5]} for i in range(0, len(TEXT), 5)]
    config = {"type": "session.config", "voice": "alloy", "sample_rate": 22_050, "seed": 3}
    audio, found = talk(server, [config, *parts, {"type": "input.done"}])
    assert audio == to_pcm(spoken.audio)
    assert [message["type"] for message in found] == ["audio.start", "sentence.done", "sentence.done", "audio.done"]
    words = [word for message in found[1:3] for word in message["words"]]
    assert [word["start_time"] for word in words] == pytest.approx([word.start_s for word in spoken.words], abs=1e-3)
    assert [word["word"] for word in words] == [word.text for word in spoken.words]
    again, found = talk(server, [config | {"timestamps": True}, *parts, {"type": "input.done"}])
    news = [message for message in found if message["type"] == "audio.words"]
    assert again == audio and [word for message in news for word in message["words"]] == words
    assert [len(message["sentence"]) for message in news if "sentence" in message] == [5, 4]
    starts = [(word["word"], word["start_time"]) for word in words]
    speaking = [tuple(message["speaking"].values()) for message in news if "speaking" in message]
    assert speaking and set(speaking) <= set(starts)
    assert news.index(next(one for one in news if one["words"])) < len(news) - 2
    assert server.settle()


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([{"type": "input.text", "text": "x"}], "session.config"),
        ([{"type": "session.config", "voice": "nobody"}], "no voice"),
        ([{"type": "session.config", "speed": 9}], "speed"),
        ([{"type": "session.config"}, {"type": "nonsense"}], "expected input.text"),
        ([{"type": "session.config"}, {"type": "input.text", "text": "x" * 16_400}], "16384 at most"),
        ([{"type": "session.config"}, {"type": "input.text", "text": "x" * 5000}], "4096"),
    ],
)
def test_mistakes_over_the_websocket_are_told(server, messages, said):
    _, found = talk(server, messages)
    assert found[-1]["type"] == "error" and said in found[-1]["error"]["message"]
    assert server.settle()


@pytest.mark.parametrize("error", [RuntimeError("broken"), MemoryError(), SystemExit(0)], ids=repr)
def test_an_error_in_the_middle_is_told_over_the_websocket(server, monkeypatch, error):
    real = Talk.sentence

    def broken(self, *args):
        yield next(real(self, *args))
        raise error

    monkeypatch.setattr(Talk, "sentence", broken)
    parts = [{"type": "session.config"}, {"type": "input.text", "text": TEXT}, {"type": "input.done"}]
    _, found = talk(server, parts)
    assert [message["type"] for message in found] == ["audio.start", "error"]
    assert found[-1]["error"]["code"] == "internal_error"
    assert server.settle()


def test_who_hangs_up_is_forgotten(server):
    connect = pytest.importorskip("websockets.sync.client").connect
    with connect(server.url.replace("http", "ws") + "/v1/audio/speech/stream") as socket:
        socket.send(json.dumps({"type": "session.config"}))
        socket.send(json.dumps({"type": "input.text", "text": "Hello there. "}))
    assert server.settle()


def test_no_encoder_is_closed_while_it_encodes(server, monkeypatch):
    class Slow(Pcm):
        pushing, busy, closed = threading.Event(), False, []

        def push(self, audio):
            self.busy = True
            self.pushing.set()
            time.sleep(0.5)
            self.busy = False
            return super().push(audio)

        def close(self):
            self.closed.append(self.busy)

    monkeypatch.setattr("pipelines.serving.service.open_encoder", lambda kind, *rest: Slow(*rest))
    connect = pytest.importorskip("websockets.sync.client").connect
    with connect(server.url.replace("http", "ws") + "/v1/audio/speech/stream") as socket:
        socket.send(json.dumps({"type": "session.config"}))
        socket.send(json.dumps({"type": "input.text", "text": TEXT * 2}))
        assert Slow.pushing.wait(30)
    assert server.settle() and Slow.closed == [False]


def test_a_websocket_needs_a_key_too(exported_voice):
    websockets = pytest.importorskip("websockets.sync.client")
    with serving(toy_settings(exported_voice, keys=("right",))) as running:
        url = running.url.replace("http", "ws") + "/v1/audio/speech/stream"
        for headers in ({}, {"authorization": "Bearer wrong"}):
            with pytest.raises(Exception, match="403"):
                websockets.connect(url, additional_headers=headers)
        with websockets.connect(url, additional_headers={"authorization": "Bearer right"}) as socket:
            socket.send(json.dumps({"type": "nonsense"}))
            assert "session.config" in socket.recv(30)


def test_who_says_nothing_over_the_websocket_is_given_up(exported_voice):
    sync = pytest.importorskip("websockets.sync.client")
    with serving(toy_settings(exported_voice, limits=Limits(idle_s=0.3))) as running:
        with sync.connect(running.url.replace("http", "ws") + "/v1/audio/speech/stream") as socket:
            socket.send(json.dumps({"type": "session.config"}))
            answers = [json.loads(socket.recv(10)), json.loads(socket.recv(10))]
        assert [answer["type"] for answer in answers] == ["audio.start", "error"]
        assert answers[1]["error"]["code"] == "timeout" and running.settle()


def test_a_page_of_somebody_else_opens_no_websocket(server):
    websockets = pytest.importorskip("websockets.sync.client")
    url = server.url.replace("http", "ws") + "/v1/audio/speech/stream"
    with pytest.raises(Exception, match="403"):
        websockets.connect(url, origin="https://a.example")
