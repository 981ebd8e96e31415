"""Whatever is wrong with a request is said in OpenAI's shape, and nothing of it reaches the disk."""

import httpx
import pytest

TEXT = "Hello there."


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({}, "input", "required"),
        ({"input": ""}, "input", "at least 1"),
        ({"input": "x" * 4097}, "input", "4096 at most"),
        ({"input": "\N{PILE OF POO}"}, "input", ""),
        ({"input": TEXT, "voice": "nobody"}, "voice", "expected one of: toy"),
        ({"input": TEXT, "voice": "/etc"}, "voice", "no voice '/etc'"),
        ({"input": TEXT, "voice": "../voices/heart"}, "voice", "no voice"),
        ({"input": TEXT, "voice": "toy+nobody@0.4"}, "voice", "no voice"),
        ({"input": TEXT, "voice": "v" * 300}, "voice", "200 at most"),
        ({"input": TEXT, "model": "whisper-1"}, "model", "no model"),
        ({"input": TEXT, "response_format": "midi"}, "response_format", "mp3"),
        ({"input": TEXT, "speed": 4.0}, "speed", "0.5"),
        ({"input": TEXT, "speed": "fast"}, "speed", "number"),
        ({"input": TEXT, "seed": -1}, "seed", "greater"),
        ({"input": TEXT, "temperature": 9}, "temperature", "less"),
        ({"input": TEXT, "sample_rate": 22_050, "response_format": "opus"}, "sample_rate", "24000"),
        ({"input": TEXT, "timestamps": True}, None, "sse"),
        ({"input": TEXT, "stream_format": "xml"}, "stream_format", "sse"),
        ({"input": TEXT, "lexicon": {"friend": "@@@"}}, "lexicon", "friend"),
        ({"input": TEXT, "colour": "blue"}, None, "unknown field 'colour'"),
    ],
)
def test_a_wrong_request_is_400_and_says_why(server, body, param, said):
    answer = server.post(**body)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"
    assert said in error["message"] and error["param"] == param
    assert answer.headers["x-request-id"].startswith("req_")
    assert server.settle()


@pytest.mark.parametrize(
    ("content", "kind"), [(b"{", "application/json"), (b"[" * 100_000, "application/json"), (b"{}", "text/plain")]
)
def test_what_is_no_json_is_400(server, content, kind):
    answer = httpx.post(f"{server.url}/v1/audio/speech", content=content, headers={"content-type": kind})
    assert answer.status_code == 400 and answer.json()["error"]["message"]


def test_half_a_character_is_400(server):
    answer = httpx.post(
        f"{server.url}/v1/audio/speech", content=b'{"input": "\\ud800"}', headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "input"


def test_a_large_body_is_413_whether_it_says_so_or_not(server):
    body = b'{"input": "' + b"x" * 300_000 + b'"}'
    kind = {"content-type": "application/json"}
    for content in (body, iter([body])):
        answer = httpx.post(f"{server.url}/v1/audio/speech", content=content, headers=kind)
        assert answer.status_code == 413 and "larger" in answer.json()["error"]["message"]


def test_unknown_routes_and_methods_have_the_same_shape(server):
    assert httpx.get(f"{server.url}/nowhere").json()["error"]["code"] == "not_found"
    answer = httpx.get(f"{server.url}/v1/audio/speech")
    assert answer.status_code == 405 and answer.json()["error"]["code"] == "method_not_allowed"


def broken(server, monkeypatch, error):
    """Speech that fails in its middle."""
    real = server.service.spoken

    def spoken(*args):
        pieces = real(*args)
        yield next(pieces)
        raise error

    monkeypatch.setattr(server.service, "spoken", spoken)


@pytest.mark.parametrize("error", [RuntimeError("broken"), MemoryError(), SystemExit(0), StopIteration()], ids=repr)
def test_an_error_in_the_middle_never_looks_whole(server, monkeypatch, error):
    broken(server, monkeypatch, error)
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        server.post(input=TEXT, response_format="pcm")
    for path, how in (("/v1/audio/speech", {"stream": False}), ("/v1/audio/speech/captioned", {})):
        answer = server.post(path, input=TEXT, **how)
        assert answer.status_code == 500 and answer.json()["error"]["code"] == "internal_error"
    assert server.settle()


def test_an_error_among_events_is_an_event(server, monkeypatch):
    broken(server, monkeypatch, ValueError("cannot say that"))
    answer = server.post(input=TEXT, stream_format="sse", response_format="pcm")
    assert "speech.audio.error" in answer.text and "cannot say that" in answer.text
    assert "speech.audio.done" not in answer.text
