import json

import pytest

from benchmarks import latency
from benchmarks.latency import main
from pipelines.shared.errors import UserError


def test_the_command_on_untrained_models(tiny_config, tmp_path, quick_texts, capsys):
    out = tmp_path / "latency"
    flags = ["--random-weights", "--config", str(tiny_config), "--runs", "2", "--batch", "1", "2", "--quick"]
    main([*flags, "--out", str(out), "--json", str(tmp_path / "numbers.json")])
    report = json.loads((tmp_path / "numbers.json").read_text())
    for stage in ("end_to_end", "lm", "ttfa"):
        cell = report["ratio"][stage]["batch_1"]
        assert set(cell) == {"short", "medium", "long"}
        assert all(c["low"] <= c["median"] <= c["high"] for c in cell.values())
    assert "medium" in report["ratio"]["lm"]["batch_2"]
    assert {"commit", "cpu", "packages"} <= set(report["environment"])
    assert report["cer"] == {} and report["peak_memory_mb"] == {}
    assert "tiny 86fps" in capsys.readouterr().out
    assert out.with_suffix(".md").read_text().count("| tiny 21.5fps |") >= 4
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_two_voices_are_timed_on_the_same_texts(shared_voice, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(latency, "peak_memory_mb", lambda name, args: 12.0)
    cer = {"value": 0.02, "low": 0.01, "high": 0.03}
    monkeypatch.setattr(latency, "quality", lambda voices, args: {"toy": {"voice": cer, "codec": cer}})
    flags = ["--runs", "1", "--batch", "1", "--lengths", "short", "--cer", "3", "--out", str(tmp_path / "r")]
    main(["--voices", str(shared_voice), str(shared_voice), *flags])
    text = capsys.readouterr().out
    assert "toy again" in text and "CER of toy: voice 2.00% [1.00%, 3.00%]" in text and "12 MB" in text
    assert (tmp_path / "r-cer.png").is_file()
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["voice"]["toy"]["batch_1"]["short"]["text"]["p50"] > 0


def test_a_trained_voice_has_its_own_frames_a_step():
    with pytest.raises(UserError, match="goes with --random-weights"):
        main(["--frames-per-step", "2"])


@pytest.mark.parametrize("flags", [["--batch", "0"], ["--runs", "-1"], ["--threads", "0"], ["--frames-per-step", "0"]])
def test_numbers_below_one_are_refused(flags):
    with pytest.raises(UserError, match="below 1"):
        main(flags)


def test_a_configuration_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="base.yaml"):
        main(["--random-weights", "--config", str(tmp_path / "none.yaml")])
