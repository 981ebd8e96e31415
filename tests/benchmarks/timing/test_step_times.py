"""The published shape's step beside transformers: the same weights give the same frames, whoever steps."""

import json

import pytest
import torch

import gepard_files
from benchmarks import latency
from pipelines.shared.errors import UserError
from speechllm.gepard.voice import read_config

pytest.importorskip("transformers.models.qwen3_5", reason="needs transformers 5.2 or newer")


@pytest.fixture
def config(tmp_path):
    """A small configuration of the published kind."""
    shape = read_config(gepard_files.configuration())[0].to_dict()
    lines = [
        f"  {name}: {json.dumps(value)}"
        for name, value in shape.items()
        if name not in ("codes", "tokenizer_fingerprint")
    ]
    path = tmp_path / "tiny.yaml"
    path.write_text("model:\n" + "\n".join(lines) + "\n")
    return path


def test_both_say_the_same_and_the_report_says_how_fast(config, tmp_path, capsys):
    before = torch.get_num_threads()
    try:
        latency.main(["--random-weights", "--config", str(config), "--runs", "3", "--out", str(tmp_path / "out")])
    finally:
        torch.set_num_threads(before)
    report = json.loads((tmp_path / "out.json").read_text())
    rows = report["rows"]
    assert rows["this engine, float32"]["same_codes"] == rows["transformers, float32, sdpa"]["same_codes"] == 1.0
    assert {"this engine, int8", "this engine, bfloat16", "transformers, bfloat16, eager"} <= set(rows)
    assert all(row["step_ms"] > 0 for row in rows.values())
    assert (tmp_path / "out.md").read_text() in capsys.readouterr().out
    assert report["command"].startswith("python benchmarks/latency.py")


def test_a_configuration_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"nothing.yaml does not exist; expected a configuration"):
        latency.main(["--random-weights", "--config", str(tmp_path / "nothing.yaml")])
