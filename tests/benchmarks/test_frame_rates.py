"""Two frame rates beside each other, with toy models in both engines."""

import json

import pytest

from benchmarks import frame_rates
from benchmarks.timing.stage_times import STAGES, StageTimes
from pipelines.shared.errors import UserError

pytest.importorskip("onnx", reason="exporting needs onnx")
pytest.importorskip("matplotlib", reason="plots need matplotlib")


def test_the_report_is_written(tiny_config, quick_texts, tmp_path, capsys):
    frame_rates.main(["--no-voices", "--configs", str(tiny_config), "--runs", "1", "--out", str(tmp_path / "r")])
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    (found,) = report["sizes"].values()
    for engine in frame_rates.ENGINES:
        assert found[engine]["few"]["real_time_factor"] > 0
        assert found[engine]["ratio"]["lm"]["median"] > 0
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    assert "ONNX Runtime" in capsys.readouterr().out


def test_ratios_are_many_to_few_for_the_same_speech():
    def run(lm_s: float, audio_s: float) -> StageTimes:
        return StageTimes(dict.fromkeys(STAGES, 0.1) | {"lm": lm_s, "end_to_end": lm_s + 0.4}, audio_s, 10)

    found = frame_rates.figures([run(0.1, 1.0)] * 3, [run(0.8, 2.0)] * 3)
    assert found["ratio"]["lm"]["median"] == pytest.approx(4)
    assert found["ratio"]["end_to_end"]["median"] == pytest.approx(1.2)
    assert found["ratio"]["ttfa"]["median"] == 1
    assert found["few"]["lm_ms_per_s"] == pytest.approx(100) and found["many"]["lm_ms_per_s"] == pytest.approx(400)


def test_impossible_flags_are_refused():
    with pytest.raises(UserError, match="expected 1 or more"):
        frame_rates.main(["--runs", "0"])
