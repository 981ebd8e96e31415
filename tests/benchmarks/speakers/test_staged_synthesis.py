import pytest
import torch

from benchmarks.speakers.staged_synthesis import engine_of, speak
from benchmarks.speakers.subject import untrained_pair
from benchmarks.timing.clocks import Laps
from benchmarks.timing.stopwatch import synchronized
from speechllm.inference.engine import Engine


def test_untrained_models_speak_as_long_as_they_are_told(tiny_config, quick_texts):
    subject = untrained_pair(tiny_config)[0]
    times = speak(subject, "medium", 0, engine_of(subject, 3))
    assert times.steps == subject.frames("medium")
    assert times.audio_s == pytest.approx(3 * times.steps / subject.codec.frame_rate)
    stages = sum(times.seconds[stage] for stage in ("text", "prefill", "lm", "codec", "write"))
    assert 0 < times.seconds["ttfa"] <= times.seconds["end_to_end"]
    assert stages == pytest.approx(times.seconds["end_to_end"])


def test_frames_a_step_against_one(tiny_config, quick_texts):
    stacked, plain = untrained_pair(tiny_config, frames_per_step=2)
    assert (stacked.name, plain.name) == ("tiny 21.5fps, 2 frames a step", "tiny 21.5fps")
    assert stacked.codec.frame_rate == plain.codec.frame_rate
    half, whole = (speak(subject, "medium", 0, engine_of(subject, 2)) for subject in (stacked, plain))
    assert half.steps == -(-whole.steps // 2)
    assert half.audio_s == whole.audio_s


def test_an_engine_that_makes_many_steps_between_two_looks_speaks_as_long(tiny_config, quick_texts):
    for count in (1, 2):
        subject = untrained_pair(tiny_config, frames_per_step=count)[0]
        often, rarely = (
            speak(subject, "medium", 0, Engine(subject.lm, 2, "float32", read_every=number)) for number in (1, 5)
        )
        assert rarely.audio_s == often.audio_s
        assert often.steps <= rarely.steps < often.steps + 5


def test_no_engine_is_made_while_it_is_timed(tiny_config, quick_texts, monkeypatch):
    subject = untrained_pair(tiny_config)[0]
    engine = engine_of(subject, 2)
    monkeypatch.setattr(Engine, "__init__", lambda *_: pytest.fail("an engine was made"))
    first, second = (speak(subject, "short", seed, engine) for seed in (0, 1))
    assert first.audio_s == second.audio_s > 0


def test_every_stage_ends_when_the_device_has_done_it(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    laps = Laps(synchronized(lambda: float(len(waited)), "cuda:1"))
    laps.end("lm")
    laps.end("codec")
    assert waited == ["cuda:1"] * 3 and laps.seconds == {"lm": 1.0, "codec": 1.0}
    assert synchronized(lambda: 5.0, "cpu")() == 5.0 and len(waited) == 3
