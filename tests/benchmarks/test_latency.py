import json

import pytest
import torch

from benchmarks import latency
from benchmarks.latency import bootstrap_ratio, main
from benchmarks.timing import speech_speed as speed
from pipelines.shared.files import UserError

MODEL = "model: {dim: 32, num_layers: 2, num_heads: 2, mlp_dim: 48, reader_layer: 1}\n"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(MODEL, "utf-8")
    return path


@pytest.fixture
def quick_texts(monkeypatch):
    monkeypatch.setattr(speed, "UNTRAINED_S", {"short": 0.2, "medium": 0.4, "long": 0.6})


def test_a_ratio_of_medians_has_an_interval_around_it():
    found = bootstrap_ratio([4.0, 4.2, 3.8, 4.1], [1.0, 1.1, 0.9, 1.0])
    assert found["low"] <= found["median"] <= found["high"]
    assert found["median"] == pytest.approx(4.05)
    assert bootstrap_ratio([2.0], [1.0]) == {"median": 2.0, "low": 2.0, "high": 2.0}


def test_an_untrained_pair_is_the_same_model_at_two_frame_rates(config):
    slow, fast = speed.untrained_pair(config)
    assert fast.codec.frame_rate == pytest.approx(4 * slow.codec.frame_rate)
    assert fast.codec.codebook_size == 1000
    assert slow.codec.codebook_size == 2016
    assert all(torch.isfinite(p).all() for p in slow.lm.parameters())
    sizes = [sum(p.numel() for block in s.lm.blocks for p in block.parameters()) for s in (slow, fast)]
    assert sizes[0] == sizes[1]
    assert fast.frames("medium") == pytest.approx(4 * slow.frames("medium"), abs=3)


def test_untrained_models_speak_as_long_as_they_are_told(config, quick_texts):
    subject = speed.untrained_pair(config)[0]
    timing = speed.speak(subject, "medium", 3, 0)
    assert timing.steps == subject.frames("medium")
    assert timing.audio_s == pytest.approx(3 * timing.steps / subject.codec.frame_rate)
    parts = sum(timing.seconds[stage] for stage in ("text", "prefill", "lm", "codec", "write"))
    assert 0 < timing.seconds["ttfa"] <= timing.seconds["end_to_end"]
    assert parts == pytest.approx(timing.seconds["end_to_end"], rel=0.3)


def test_the_command_on_untrained_models(config, tmp_path, quick_texts, capsys):
    out = tmp_path / "latency"
    flags = ["--random-weights", "--config", str(config), "--runs", "2", "--batch", "1", "2", "--quick"]
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


def test_frames_a_step_against_one(config, quick_texts):
    stacked, plain = speed.untrained_pair(config, frames_per_step=2)
    assert (stacked.name, plain.name) == ("tiny 21.5fps, 2 frames a step", "tiny 21.5fps")
    assert stacked.codec.frame_rate == plain.codec.frame_rate
    half, whole = (speed.speak(subject, "medium", 2, 0) for subject in (stacked, plain))
    assert half.steps == -(-whole.steps // 2)
    assert half.audio_s == whole.audio_s
    with pytest.raises(UserError, match="goes with --random-weights"):
        main(["--frames-per-step", "2"])


@pytest.mark.parametrize("flags", [["--batch", "0"], ["--runs", "-1"], ["--threads", "0"], ["--frames-per-step", "0"]])
def test_numbers_below_one_are_refused(flags):
    with pytest.raises(UserError, match="below 1"):
        main(flags)


def test_a_configuration_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="base.yaml"):
        main(["--random-weights", "--config", str(tmp_path / "none.yaml")])
