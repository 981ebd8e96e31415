"""The other routes, keys and origins, and that none of it loads torch."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

import toys
from codec.runtime.folder import load as load_codec
from pipelines import serve
from pipelines.serving.codecs import Codecs
from pipelines.serving.flags import place_in_url
from pipelines.serving.metrics import Metrics
from pipelines.serving.requests import MODELS
from pipelines.serving.settings import Limits
from pipelines.serving.voices import OPENAI
from pipelines.shared.errors import UserError
from pipelines.speaking.synthesis import TTS
from servers import serving, toy_settings
from sources import ROOT


def get(server, path: str, **options) -> httpx.Response:
    return httpx.get(server.url + path, timeout=30, **options)


def test_voices_have_ids_and_all_of_openais_names(server):
    rows = get(server, "/v1/audio/voices").json()["voices"]
    assert rows[0] == {"id": "toy", "name": "toy", "voice": "toy", "accepts_prompt": False}
    assert {row["id"] for row in rows} == {"toy", *OPENAI}
    assert get(server, "/v1/audio/voices?legacy=true").json()["voices"] == ["toy", *OPENAI]
    for name in ("nova", {"id": "toy"}):
        assert server.post(input="Hello.", voice=name).headers["x-voice"] == "toy"


def test_models_are_those_that_are_taken(server):
    assert [row["id"] for row in get(server, "/v1/models").json()["data"]] == list(MODELS)
    assert get(server, "/v1/audio/models").json()["models"][0]["id"] == MODELS[0]
    assert get(server, "/v1/models/tts-1").json()["id"] == "tts-1"
    assert get(server, "/v1/models/whisper-1").status_code == 404


def test_it_says_how_it_is(server):
    assert get(server, "/").status_code == 200
    assert get(server, "/health").json() == {"status": "ok"}
    assert get(server, "/ready").json()["places"] == 4
    server.post(input="Hello there.")
    assert server.settle()
    figures = get(server, "/metrics").text
    for line in ("lfsc_tts_streams 0", "lfsc_tts_places 4", 'lfsc_tts_requests_total{status="200"}'):
        assert line in figures
    assert "# TYPE lfsc_tts_first_audio_seconds histogram" in figures


def test_audio_to_codes_and_back(server, exported_voice):
    audio, body = toys.voiced(150, 1.5), io.BytesIO()
    soundfile.write(body, audio, toys.RATE, format="WAV", subtype="FLOAT")
    answer = httpx.post(f"{server.url}/v1/audio/tokens?codec=toy", content=body.getvalue(), timeout=30).json()
    codec = TTS.from_pretrained(str(exported_voice), threads=1).codec
    codes, frames = codec.encode(audio[None, None])
    assert answer["codes"] == codes[0].tolist() and answer["frames"] == frames[0]
    assert answer["fingerprint"] == codec.fingerprint
    wanted = {"codes": answer["codes"], "codec": "toy", "response_format": "wav"}
    back = httpx.post(f"{server.url}/v1/audio/detokenize", json=wanted, timeout=30)
    samples, rate = soundfile.read(io.BytesIO(back.content), frames=int(codec.hop_length * frames[0]), dtype="float32")
    assert rate == codec.sample_rate
    assert np.abs(samples - np.clip(codec.decode(codes)[0, 0], -1, 1)).max() < 1e-4


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("/v1/audio/tokens", b"no audio", "not readable audio"),
        ("/v1/audio/tokens?codec=../x", b"", "no codec"),
        ("/v1/audio/detokenize", b'{"codes": [[1, 2], [1]]}', "different lengths"),
        ("/v1/audio/detokenize", b'{"codes": [[1, 2]]}', "codes"),
        ("/v1/audio/detokenize", b'{"codes": [[1e99]]}', "codes"),
        ("/v1/audio/detokenize", b'{"codes": [[99999]], "codec": "nobody"}', "no codec"),
    ],
)
def test_what_is_no_audio_or_no_codes_is_400(server, path, content, said):
    answer = httpx.post(server.url + path, content=content, headers={"content-type": "application/json"}, timeout=30)
    assert answer.status_code == 400 and said in answer.json()["error"]["message"]
    assert server.settle()


def test_audio_that_is_too_long_is_refused_however_little_of_it_is_sent(server):
    body = io.BytesIO()
    soundfile.write(body, np.zeros(8000 * 121), 8000, format="FLAC")
    answer = httpx.post(f"{server.url}/v1/audio/tokens", content=body.getvalue(), timeout=30)
    assert answer.status_code == 400 and "longer than 120 s" in answer.json()["error"]["message"]


def test_codes_become_audio_at_the_rate_that_is_asked_for(server):
    wanted = {"codes": np.zeros((8, 10), int).tolist(), "response_format": "wav", "sample_rate": 8000}
    answer = httpx.post(f"{server.url}/v1/audio/detokenize", json=wanted, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-sample-rate"] == "8000" and soundfile.info(io.BytesIO(answer.content)).samplerate == 8000


def test_keys_are_asked_for(exported_voice, caplog):
    caplog.set_level("INFO")
    with serving(toy_settings(exported_voice, keys=("first", "second"), origins=("https://a.example",))) as running:
        assert running.post(input="A secret.").status_code == 401
        given = {"Bearer second": 200, "bearer first": 200, "Bearer third": 401, "Bearer firstsecond": 401}
        for value, status in {**given, "Basic second": 401, "second": 401, "Bearer": 401}.items():
            headers = {"authorization": value}
            assert get(running, "/v1/audio/voices", headers=headers).status_code == status
        assert running.post(input="x").json()["error"]["code"] == "invalid_api_key"
        assert get(running, "/health").status_code == 200 and get(running, "/ready").status_code == 200
        assert get(running, "/").status_code == get(running, "/page/app.js").status_code == 200  # it asks for a key
        assert get(running, "/page/%2e%2e/v1/audio/voices").status_code == 404
        page = {"origin": "https://a.example", "authorization": "Bearer first"}
        assert get(running, "/v1/models", headers=page).headers["access-control-allow-origin"] == "https://a.example"
        asking = {"origin": "https://a.example", "access-control-request-method": "POST"}  # comes without a key
        allowed = httpx.options(f"{running.url}/v1/audio/speech", headers=asking, timeout=30)
        assert allowed.status_code == 200 and "POST" in allowed.headers["access-control-allow-methods"]
        other = {**page, "origin": "https://b.example"}
        assert "access-control-allow-origin" not in get(running, "/v1/models", headers=other).headers
        said = httpx.post(f"{running.url}/v1/audio/speech", json={"input": "A secret."}, headers=page, timeout=30)
        assert said.status_code == 200
    assert "chars=9" in caplog.text and "secret" not in caplog.text


def test_no_page_may_ask_unless_told(server):
    answer = get(server, "/v1/models", headers={"origin": "https://a.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_serving_loads_no_torch(exported_voice):
    code = (
        "import sys; from pipelines.serving.app import create_app; from pipelines.serving.service import Service; "
        "from pipelines.serving.settings import Settings; "
        f"service = Service(Settings(voices=({str(exported_voice)!r},), streams=1)); create_app(service); "
        "service.warmed(); service.close(); print(service.ready, 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[-1] == "False"


def test_flags_and_the_environment_become_settings(monkeypatch):
    monkeypatch.setenv(serve.KEYS, " second, ,third")
    flags = "--api-key first --codec a --codec b/c --log-text --no-watermark --max-audio 3 --max-time 4.5 --queue 7"
    args = serve.arguments([*flags.split(), "--threads", "2", "--allow-origin", "https://a.example:8443"], None)
    found = serve.settings_of(args, serve.replicas_of(args))
    assert found.keys == ("first", "second", "third") and found.codecs == (Path("a"), Path("b/c"))
    assert found.log_text and not found.watermark and found.origins == ("https://a.example:8443",)
    assert found.limits == Limits(audio_s=3.0, request_s=4.5, queue=7) and found.threads == 2


def test_mistakes_of_who_starts_it_are_one_line():
    for flags, said in (
        ("--threads=0", "got --threads 0"),
        ("--threads=100000", "got --threads 100000"),
        ("--streams=-1", "got --streams -1"),
        ("--tries=-1", "got --tries -1; expected 1 or more, or 0"),
        ("--queue=-1", "got --queue -1"),
        ("--max-wait=0", "got --max-wait 0"),
        ("--max-audio=nan", "got --max-audio nan"),
        ("--max-time=inf", "got --max-time inf"),
        ("--port=99999", "got --port 99999"),
        ("--host=", "empty --host"),
        ("--voice=nobody", "no voice"),
        ("--api-key=", "is empty; expected a key"),
        ("--api-key=schl\u00fcssel", "beyond ASCII"),
        ("--allowed-host=a.example:8880", "without scheme and port"),
        ("--allowed-host=http://a.example", "without scheme and port"),
        ("--allow-origin=a.example", "got --allow-origin 'a.example'"),
        ("--allow-origin=https://a.example/", "https://a.example"),
    ):
        with pytest.raises(UserError, match=said):
            serve.main([flags])


def test_two_codecs_of_one_name_are_a_mistake(exported_voice, tmp_path):
    """Whoever asks for it would get either."""
    for place in "ab":
        shutil.copytree(exported_voice / "codec", tmp_path / place / "mine/codec")
    one, other = tmp_path / "a/mine/codec", tmp_path / "b/mine/codec"
    assert "mine" in Codecs({}, (one, one)).names, "the same folder twice is no mistake"
    with pytest.raises(UserError, match="two codecs are called mine"):
        Codecs({}, (one, other))
    loaded = {"mine": load_codec(exported_voice / "codec")}
    with pytest.raises(UserError, match="two codecs are called mine"):
        Codecs(loaded, (one,))


def test_an_address_is_shown_as_a_url_has_it():
    assert place_in_url("::1", 80) == "[::1]:80" and place_in_url("127.0.0.1", 80) == "127.0.0.1:80"


def test_figures_are_as_prometheus_reads_them():
    metrics = Metrics()
    metrics.count("requests_total", 1_234_567, label='status="200"')  # a counter that is rounded stands still
    metrics.count("audio_seconds_total", 1_234_567.25)
    for value in (0.04, 0.05, 0.3, 99.0):
        metrics.observe("first_audio_seconds", value)
    lines = metrics.text({"streams": 3}).splitlines()
    for line in (
        'lfsc_tts_requests_total{status="200"} 1234567',
        "lfsc_tts_audio_seconds_total 1234567.25",
        'lfsc_tts_first_audio_seconds_bucket{le="0.025"} 0',
        'lfsc_tts_first_audio_seconds_bucket{le="0.05"} 2',
        'lfsc_tts_first_audio_seconds_bucket{le="0.3"} 3',
        'lfsc_tts_first_audio_seconds_bucket{le="+Inf"} 4',
        "lfsc_tts_first_audio_seconds_count 4",
        "lfsc_tts_first_audio_seconds_sum 99.39",
        "# TYPE lfsc_tts_streams gauge",
        "lfsc_tts_streams 3",
    ):
        assert line in lines


def test_a_voice_may_be_called_anything(exported_voice, tmp_path):
    folder = shutil.copytree(exported_voice, tmp_path / "\u0433\u043e\u043b\u043e\u0441")
    with serving(toy_settings(folder)) as running:
        answer = running.post(input="Hello.", voice=folder.name)
        assert answer.status_code == 200
        assert answer.headers["x-voice"] == folder.name.encode("ascii", "backslashreplace").decode()
        assert running.settle()


def test_the_log_has_texts_where_it_is_told_to(exported_voice, caplog):
    caplog.set_level("INFO")
    with serving(toy_settings(exported_voice, log_text=True)) as running:
        running.post(input="No secret.")
        assert running.settle()
    assert "text='No secret.'" in caplog.text
