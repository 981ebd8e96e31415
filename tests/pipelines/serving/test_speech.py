"""POST /v1/audio/speech: all formats, streamed and whole, alone and among others, always the same samples."""

import base64
import io
import json
import shutil
import threading

import httpx
import numpy as np
import pytest
import soundfile
import soxr

from codec.audio.decoding import ForwardFile
from pipelines.speaking.outputs import to_pcm
from pipelines.speaking.provenance import from_tags
from pipelines.speaking.synthesis import TTS
from servers import serving, toy_settings

TEXT = "Hello there, my old friend. How do you do?"


@pytest.fixture(scope="module")
def spoken(exported_voice):
    """What the voice says, without a server."""
    return TTS.from_pretrained(str(exported_voice), threads=1).synthesize(TEXT, seed=3)


def pcm(server, **changes) -> bytes:
    body = {"input": TEXT, "voice": "alloy", "response_format": "pcm", "seed": 3, "sample_rate": 22_050, **changes}
    answer = server.post(**body)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_the_samples_are_those_of_the_voice(server, spoken):
    assert pcm(server) == pcm(server, stream=False) == to_pcm(spoken.audio)


def test_the_watermark_may_be_left_out(exported_voice, spoken):
    bare = TTS.from_pretrained(str(exported_voice), threads=1).synthesize(TEXT, seed=3, watermark=False)
    assert to_pcm(bare.audio) != to_pcm(spoken.audio)
    with serving(toy_settings(exported_voice, watermark=False)) as running:
        assert pcm(running) == to_pcm(bare.audio)


def test_pcm_is_24_khz_unless_asked_otherwise(server, spoken):
    answer = server.post(input=TEXT, voice="alloy", response_format="pcm", seed=3)
    assert answer.headers["content-type"] == "audio/pcm; rate=24000; channels=1"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.content == to_pcm(soxr.resample(spoken.audio, 22_050, 24_000))


def test_among_others_is_what_it_is_alone(server, spoken):
    found: list = [None] * 8

    def ask(index: int) -> None:
        found[index] = pcm(server, stream=index % 2 == 0)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [to_pcm(spoken.audio)] * len(found)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", ["mp3", "opus", "flac", "wav"])
def test_files_hold_the_speech_and_say_what_they_are(server, spoken, kind, stream):
    answer = server.post(input=TEXT, voice="toy", response_format=kind, seed=3, stream=stream)
    assert answer.status_code == 200
    assert ("content-length" in answer.headers) is not stream
    with ForwardFile(io.BytesIO(answer.content)) as file:  # a streamed FLAC does not say how long it is
        assert from_tags(file.copy_metadata())["voice"] == "toy"
        samples, rate = file.read(10**6, dtype="float32"), file.samplerate
    assert rate == (24_000 if kind == "opus" else 22_050)
    assert len(samples) / rate == pytest.approx(spoken.duration_s, abs=0.2)
    if kind in ("wav", "flac"):
        assert to_pcm(samples)[:1000] == to_pcm(spoken.audio)[:1000] or np.abs(samples - spoken.audio).max() < 1e-4


def test_a_streamed_wav_has_placeholders_and_a_whole_one_true_sizes(server):
    streamed, whole = (server.post(input=TEXT, response_format="wav", stream=s).content for s in (True, False))
    place = streamed.index(b"data") + 4
    assert int.from_bytes(streamed[place : place + 4], "little") == 0x7FFFFFFF
    assert int.from_bytes(whole[place : place + 4], "little") == len(whole) - place - 4
    assert streamed[place + 4 :] == whole[place + 4 :]


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="aac needs ffmpeg")
def test_aac_is_written_by_ffmpeg(server, spoken):
    answer = server.post(input=TEXT, response_format="aac", seed=3)
    assert answer.headers["content-type"] == "audio/aac"
    assert answer.content[:2] in (b"\xff\xf1", b"\xff\xf9")


def test_aac_without_ffmpeg_is_refused(server, monkeypatch):
    monkeypatch.setattr("pipelines.serving.encoding.which", lambda name: None)
    answer = server.post(input=TEXT, response_format="aac")
    assert answer.status_code == 400 and "needs ffmpeg" in answer.json()["error"]["message"]


def test_the_first_bytes_come_before_the_last_are_spoken(server):
    body = {"input": TEXT * 20, "response_format": "pcm"}
    with httpx.stream("POST", f"{server.url}/v1/audio/speech", json=body, timeout=60) as answer:
        chunks = answer.iter_raw()
        next(chunks)
        assert server.service.scheduler.streams
    assert server.settle()


def test_events_carry_audio_words_and_usage(server, spoken):
    body = {"input": TEXT, "response_format": "pcm", "sample_rate": 22_050, "seed": 3, "timestamps": True}
    answer = server.post(**body, stream_format="sse")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    sound = b"".join(base64.b64decode(e["audio"]) for e in events if e["type"] == "speech.audio.delta")
    news = [e for e in events if e["type"] == "speech.audio.words"]
    assert sound == to_pcm(spoken.audio)
    words = [word for e in news for word in e["words"]]
    captions = server.post("/v1/audio/speech/captioned", input=TEXT, seed=3, response_format="pcm").json()
    assert words == captions["timestamps"]
    assert [word["word"] for word in words] == [word.text for word in spoken.words]
    assert [e["sentence"] for e in news if "sentence" in e] == [[w.text for w in s.words] for s in spoken.sentences]
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["output_tokens"] == spoken.codes.shape[1]
    assert events[-1]["usage"]["input_tokens"] == sum(len(sentence.ids) for sentence in spoken.sentences)


def test_words_come_with_the_audio_in_which_they_are_spoken(server):
    body = {"input": "One two three four five six seven eight.", "response_format": "pcm", "sample_rate": 22_050}
    answer = server.post(**body, seed=3, stream_format="sse", timestamps=True)
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    words = [word for event in events for word in event.get("words", [])]
    samples, told, early = 0, 0, 0
    for event, following in zip(events, events[1:], strict=False):
        samples += len(base64.b64decode(event.get("audio", ""))) // 2
        told += len(event.get("words", []))
        if "speaking" in event:
            assert event["speaking"] == {name: words[told][name] for name in ("word", "start_time")}
        if event["type"] == "speech.audio.words" and following["type"] == "speech.audio.delta":
            early = told
            assert all(word["end_time"] > samples / 22_050 - 0.15 for word in words[told:])
    assert early >= 4 and told == len(words) == 8


def test_captions_are_the_words_and_their_times(server, spoken):
    answer = server.post("/v1/audio/speech/captioned", input=TEXT, seed=3, response_format="wav").json()
    samples, _ = soundfile.read(io.BytesIO(base64.b64decode(answer["audio"])))
    assert len(samples) == len(spoken.audio)
    found = [(word["word"], word["start_time"]) for word in answer["timestamps"]]
    assert found == [(word.text, pytest.approx(word.start_s, abs=1e-3)) for word in spoken.words]


def test_speed_seed_temperature_and_lexicon_make_a_difference(server):
    usual = pcm(server)
    assert len(pcm(server, speed=2.0)) < 0.7 * len(usual)
    assert pcm(server, seed=4) != usual
    assert pcm(server, temperature=0.0) != usual
    assert pcm(server, lexicon={"friend": "fɹˈɛnd"}) != b""
    assert pcm(server, lexicon={"old": "həlˈO"}) != usual


def test_what_is_ignored_is_named(server):
    answer = server.post(input=TEXT, lang_code="a", instructions="Whisper.", volume_multiplier=2)
    assert answer.headers["x-ignored-parameters"] == "instructions, lang_code, volume_multiplier"
