"""The comparison of engines, with a toy voice: every system speaks, and the report says how much faster."""

import json

import pytest

from benchmarks import runtimes
from pipelines.shared.errors import UserError


def test_the_report_is_written(exported_voice, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runtimes, "STARTS", 1)
    runtimes.main(["--voice", str(exported_voice), "--limit", "1", "--out", str(tmp_path / "r")])
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert report["systems"][runtimes.REFERENCE]["ratio"]["median"] == 1
    assert set(report["systems"]) == set(runtimes.SYSTEMS)
    for number, name in ((1, "onnx int8"), (2, "onnx int8, 2 threads")):
        figures = report["systems"][name]
        assert report["ratio"][f"threads_{number}"] == figures["ratio"]
        assert (
            figures["ratio"]["median"] > 0
            and figures["start_s"] > 0
            and 50 < figures["memory_mib"] < report["systems"][runtimes.REFERENCE]["memory_mib"]
        )
    assert "| onnx int8 |" in capsys.readouterr().out


def test_a_ratio_says_how_many_times_as_fast(monkeypatch):
    class Voice:
        sample_rate = 100

    monkeypatch.setattr(runtimes, "people", lambda voice, **options: {"": (Voice(), options["engine"])})
    monkeypatch.setattr(runtimes, "speak", lambda tts, text, seed: (4.0 if tts[1] == "torch" else 2.0, 0.5, 10.0))
    found = runtimes.measure("voice", ["a", "b", "c"], quick=True)
    assert found["onnx int8"]["ratio"]["median"] == 2 and found["torch float32"]["ratio"]["median"] == 1
    assert found["onnx int8"]["real_time_factor"] == 0.2 and found["onnx int8"]["first_audio_ms"] == 500


def test_people_take_turns_and_sentences_that_are_spoken_again_count(monkeypatch):
    asked = []

    def people(voice, **options):
        asked.append(options["tries"])
        return {"a": "a", "b": "b"}

    seconds, spoken = {"a": 1.0, "b": 4.0}, []
    monkeypatch.setattr(runtimes, "people", people)
    monkeypatch.setattr(
        runtimes, "speak", lambda tts, text, seed: (spoken.append(tts), (seconds[tts], seconds[tts], 10.0))[1]
    )
    found = runtimes.measure("voice", ["x", "y", "z"], quick=True, tries=3)["onnx int8"]
    assert set(asked) == {3} and {*spoken[-15:-10]} == {"a"} and {*spoken[-10:-5]} == {"b"}
    assert found["real_time_factor"] == 0.1 and found["real_time_factor_together"] == pytest.approx(0.2)


def test_no_voice_is_a_mistake_of_the_user(tmp_path):
    with pytest.raises(UserError, match="no voice 'nobody'"):
        runtimes.main(["--voice", "nobody", "--quick", "--out", str(tmp_path / "r")])
