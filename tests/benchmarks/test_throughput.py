import json
import time

import pytest

from benchmarks.throughput import copy_bandwidth, main
from benchmarks.timing import speech_speed as speed
from pipelines.shared.files import UserError
from speechllm.inference.engine import packed

MODEL = "model: {dim: 32, num_layers: 2, num_heads: 2, mlp_dim: 48, reader_layer: 1}\n"


@pytest.fixture
def flags(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "UNTRAINED_S", {"short": 0.2, "medium": 0.4, "long": 0.6})
    (tmp_path / "tiny.yaml").write_text(MODEL, "utf-8")
    return ["--random-weights", "--config", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "r")]


def test_streams_share_the_engine(flags, tmp_path, capsys):
    main([*flags, "--streams", "1", "3", "--runs", "1", "--length", "short"])
    rows = json.loads((tmp_path / "r.json").read_text())["streams"]
    assert [row["streams"] for row in rows] == [1, 3]
    for row in rows:
        assert row["rtf"] == pytest.approx(row["streams"] / row["audio_per_s"])
        assert row["ttfa_s"] > 0
    assert "| 3 |" in capsys.readouterr().out
    assert (tmp_path / "r.png").is_file()


def test_the_roofline_counts_what_a_step_reads(flags, tmp_path):
    main([*flags, "--streams", "1", "2", "--roofline", "--steps", "4", "--tokens", "10"])
    report = json.loads((tmp_path / "r.json").read_text())
    one, two = report["roofline"]
    assert one["weight_bytes"] == two["weight_bytes"]
    assert two["cache_bytes"] == 2 * one["cache_bytes"] == 2 * 2 * 2 * 32 * 64 * 4
    assert one["bandwidth_s"] * report["copy_bytes_per_s"] == pytest.approx(one["weight_bytes"] + one["cache_bytes"])
    assert 100 < one["operations"] == two["operations"] < 500
    assert one["bandwidth_s"] < one["limit_s"] < one["step_s"]
    assert one["share"] == pytest.approx(one["limit_s"] / one["step_s"])


def test_weights_are_counted_once_each(flags):
    lm = speed.untrained_pair(speed.Path(flags[2]))[0].lm
    unread = (lm.text_embedding, lm.reader.key, lm.reader.value)  # by a decoding step
    matrices = sum(p.numel() for p in lm.parameters() if p.dim() == 2) - sum(m.weight.numel() for m in unread)
    assert packed(lm).bytes_per_step == 4 * matrices
    assert packed(lm, "int8").bytes_per_step == matrices


def test_a_copy_has_a_bandwidth():
    assert copy_bandwidth(2**20, "cpu", time.perf_counter) > 1e8


def test_numbers_below_one_are_refused(flags):
    with pytest.raises(UserError, match="below 1"):
        main([*flags, "--streams", "0"])
