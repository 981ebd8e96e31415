import json

import pytest
import yaml

from benchmarks.throughput import main
from pipelines.shared.errors import UserError
from pipelines.shared.resources import CONFIGS


@pytest.fixture
def flags(tiny_config, quick_texts, tmp_path):
    return ["--random-weights", "--config", str(tiny_config), "--out", str(tmp_path / "r")]


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


def test_numbers_below_one_are_refused(flags):
    with pytest.raises(UserError, match="below 1"):
        main([*flags, "--streams", "0"])


def test_the_layout_of_published_weights_is_timed_with_random_ones(tmp_path, quick_texts):
    """Grouped heads of their own width, tables of digits, no reader."""
    values = yaml.safe_load((CONFIGS / "speechllm/gepard.yaml").read_text())["model"]
    small = {"dim": 32, "num_layers": 2, "num_heads": 4, "num_kv_heads": 2, "mlp_dim": 48, "head_dim": 24}
    small |= {"frame_tables": 4, "prefix_mlp_dim": 32, "max_text": 96}
    path = tmp_path / "small-gepard.yaml"
    path.write_text(json.dumps({"model": values | small}))
    flags = ["--random-weights", "--config", str(path), "--streams", "1", "2", "--runs", "1", "--length", "short"]
    main([*flags, "--out", str(tmp_path / "r"), "--precision", "bfloat16"])
    assert all(row["rtf"] > 0 for row in json.loads((tmp_path / "r.json").read_text())["streams"])
