import pytest

from benchmarks.speakers.staged_synthesis import speak
from benchmarks.speakers.subject import untrained_pair


def test_untrained_models_speak_as_long_as_they_are_told(tiny_config, quick_texts):
    subject = untrained_pair(tiny_config)[0]
    times = speak(subject, "medium", 3, 0)
    assert times.steps == subject.frames("medium")
    assert times.audio_s == pytest.approx(3 * times.steps / subject.codec.frame_rate)
    stages = sum(times.seconds[stage] for stage in ("text", "prefill", "lm", "codec", "write"))
    assert 0 < times.seconds["ttfa"] <= times.seconds["end_to_end"]
    assert stages == pytest.approx(times.seconds["end_to_end"])


def test_frames_a_step_against_one(tiny_config, quick_texts):
    stacked, plain = untrained_pair(tiny_config, frames_per_step=2)
    assert (stacked.name, plain.name) == ("tiny 21.5fps, 2 frames a step", "tiny 21.5fps")
    assert stacked.codec.frame_rate == plain.codec.frame_rate
    half, whole = (speak(subject, "medium", 2, 0) for subject in (stacked, plain))
    assert half.steps == -(-whole.steps // 2)
    assert half.audio_s == whole.audio_s
