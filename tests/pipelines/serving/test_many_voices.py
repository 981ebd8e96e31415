"""A voice of many people over HTTP: speaker, blend and prompt, each with the samples of `lfsc-tts say --tries 1`."""

import base64
import io
import json
import shutil
import subprocess

import httpx
import numpy as np
import pytest
import soundfile

from pipelines.serving.settings import Settings
from pipelines.serving.voices import Voices
from pipelines.shared.resources import VOICES
from pipelines.speaking.command_line import main as say
from pipelines.speaking.provenance import from_tags
from servers import LIMITS, blocks, serving

TEXT = "I agree."
if not (VOICES / "english" / "lm" / "step-int8.onnx").is_file():
    pytest.skip("voices/english has no graphs in this checkout", allow_module_level=True)


@pytest.fixture(scope="module")
def english():
    pytest.importorskip("hibari", reason="speaking needs hibari-tts")
    with serving(Settings(voices=("english",), threads=2, streams=2, limits=LIMITS)) as running:
        yield running


@pytest.fixture(scope="module")
def recording(heart, tmp_path_factory):
    """Somebody who has agreed: synthetic speech of four seconds."""
    path = tmp_path_factory.mktemp("prompt") / "me.wav"
    speech = heart.synthesize("The quick brown fox jumps over the lazy dog, and goes home to sleep.", seed=0)
    soundfile.write(path, speech.audio, speech.sample_rate, subtype="PCM_16")
    return path


def prompt_of(path) -> dict:
    return {"prompt": base64.b64encode(path.read_bytes()).decode(), "consent": True}


def said(tmp_path, *flags: str) -> np.ndarray:
    """What the command line speaks, int16 [N]: once, as the server does."""
    say(["--text", TEXT, "--seed", "3", "--tries", "1", "--out", str(tmp_path / "said.wav"), *flags])
    return soundfile.read(tmp_path / "said.wav", dtype="int16")[0]


def heard(server, **changes) -> tuple[np.ndarray, httpx.Response, dict[str, str]]:
    """What the server speaks, int16 [N], its answer, and what the file says of itself."""
    answer = server.post(**{"input": TEXT, "seed": 3, "response_format": "wav", "stream": False, **changes})
    assert answer.status_code == 200, answer.text
    with soundfile.SoundFile(io.BytesIO(answer.content)) as file:
        return file.read(dtype="int16"), answer, from_tags(file.copy_metadata())


@pytest.mark.parametrize("name", ["english:am_michael", "am_michael+bm_george@0.4"])
def test_people_and_blends_speak_as_on_the_command_line(english, tmp_path, name):
    samples, answer, facts = heard(english, voice=name)
    assert np.array_equal(samples, said(tmp_path, "--voice", name))
    assert answer.headers["x-voice"] == facts["speaker"] == name.rpartition(":")[2]
    assert "consent" not in facts and "x-prompt" not in answer.headers


@pytest.mark.parametrize(("given", "found"), [([], 1), ([0], 4), ([2], 2)])
def test_the_server_speaks_once_unless_told_otherwise(given, found):
    tts = Voices(["english"], *given).loaded["english"]
    assert (tts.tries or tts.voice.tries) == found


def test_a_prompt_speaks_as_on_the_command_line(english, recording, tmp_path):
    samples, answer, facts = heard(english, **prompt_of(recording))
    assert np.array_equal(samples, said(tmp_path, "--voice", "english", "--prompt", str(recording), "--i-have-consent"))
    assert "s of speech" in answer.headers["x-prompt"] and "above its noise" in answer.headers["x-prompt"]
    assert facts["speaker"] == answer.headers["x-voice"] == "a recording"
    assert facts["consent"] == "stated by the user"
    # A name beside it is that of the voice, for clients that always send one; nothing of the prompt stays.
    data_url = {**prompt_of(recording), "voice": "nova"}
    data_url["prompt"] = f"data:audio/wav;base64,{data_url['prompt']}"
    assert np.array_equal(heard(english, **data_url)[0], samples)
    assert not np.array_equal(heard(english)[0], samples)


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_a_prompt_by_curl_as_documented(english, recording, tmp_path):
    (block,) = (block for block in blocks("sh") if "prompt" in block and "curl" in block)
    shutil.copy(recording, tmp_path / "me.wav")
    subprocess.run(
        block.replace("http://127.0.0.1:8880", english.url), shell=True, cwd=tmp_path, check=True, timeout=60
    )
    with soundfile.SoundFile(tmp_path / "me.mp3") as file:
        assert from_tags(file.copy_metadata())["consent"] == "stated by the user"


def test_a_prompt_goes_with_captions_and_with_the_websocket(english, recording):
    body = {"input": TEXT, "seed": 3, "response_format": "pcm", **prompt_of(recording)}
    whole = english.post(**body).content
    captions = english.post("/v1/audio/speech/captioned", **body)
    assert base64.b64decode(captions.json()["audio"]) == whole and captions.headers["x-prompt"]
    connect = pytest.importorskip("websockets.sync.client").connect
    with connect(english.url.replace("http", "ws") + "/v1/audio/speech/stream") as socket:
        socket.send(json.dumps({"type": "session.config", "seed": 3, **prompt_of(recording)}))
        socket.send(json.dumps({"type": "input.text", "text": TEXT}))
        socket.send(json.dumps({"type": "input.done"}))
        answers = list(socket)
    assert b"".join(answer for answer in answers if isinstance(answer, bytes)) == whole
    assert "s of speech" in json.loads(answers[0])["prompt"]


def wav(audio: np.ndarray, rate: int = 16_000, **options) -> str:
    file = io.BytesIO()
    soundfile.write(file, audio, rate, **{"format": "WAV", "subtype": "PCM_16", **options})
    return base64.b64encode(file.getvalue()).decode()


def noise(seconds: float, rate: int = 16_000) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(round(seconds * rate)) * 0.1


@pytest.mark.parametrize(
    ("changes", "param", "said"),
    [
        ({"consent": False}, "consent", "consent"),
        ({"consent": "yes"}, "consent", "boolean"),
        ({"prompt": "no base64!"}, "prompt", "base64"),
        ({"prompt": base64.b64encode(b"no audio").decode()}, "prompt", "not readable audio"),
        ({"prompt": wav(noise(5))}, "prompt", "no speech"),
        ({"prompt": wav(np.zeros(80_000))}, "prompt", "no speech"),
        ({"prompt": wav(noise(0.01))}, "prompt", "no speech"),
        ({"prompt": wav(np.full(20_000, np.nan), subtype="FLOAT")}, "prompt", "no audio"),
        # A little file may be a long recording; what its header claims is not believed.
        ({"prompt": wav(np.zeros(16_000 * 400), format="FLAC")}, "prompt", "longer than 60 s"),
        ({"prompt": wav(np.zeros((50, 16)), 16_000)}, "prompt", "channels"),
        ({"prompt": wav(np.zeros(50), 655_350, format="FLAC")}, "prompt", "655350 Hz"),
    ],
)
def test_what_is_no_prompt_is_400_and_says_why(english, recording, changes, param, said):
    answer = english.post(**{"input": TEXT, **prompt_of(recording), **changes})
    error = answer.json()["error"]
    assert answer.status_code == 400, error
    assert error["param"] == param and said in error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    assert english.settle()


def test_a_prompt_that_is_too_large_is_413(english):
    assert english.post(input=TEXT, consent=True, prompt="A" * 5_500_000).json()["error"]["param"] == "prompt"
    assert english.post(input=TEXT, consent=True, prompt="A" * 7_000_000).status_code == 413


def test_who_takes_a_prompt_is_listed(english, server, recording):
    for running, takes in ((english, True), (server, False)):
        rows = httpx.get(f"{running.url}/v1/audio/voices").json()["voices"]
        assert {row["accepts_prompt"] for row in rows} == {takes}
    answer = server.post(input=TEXT, prompt="AAAA", consent=True)
    assert answer.status_code == 400 and "takes no prompt" in answer.json()["error"]["message"]


def test_nothing_of_a_prompt_reaches_the_disk(english, recording, monkeypatch, tmp_path):
    """Whatever opens a file for writing while a prompt is spoken would be seen."""
    import builtins
    import os

    written: list = []
    real_open, real_os_open = builtins.open, os.open

    def seen(path, mode="r", *args, **options):
        written.extend([path] if set(mode) & set("wax+") else [])
        return real_open(path, mode, *args, **options)

    def seen_by_os(path, flags, *args, **options):
        written.extend([path] if flags & (os.O_WRONLY | os.O_RDWR) else [])
        return real_os_open(path, flags, *args, **options)

    monkeypatch.setattr(builtins, "open", seen)
    monkeypatch.setattr(os, "open", seen_by_os)
    assert english.post(input=TEXT, **prompt_of(recording)).status_code == 200
    assert not written
