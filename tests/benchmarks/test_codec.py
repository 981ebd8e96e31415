"""The speed of codecs: all sides get the same weights and input, take turns, and are compared."""

import dataclasses
import json

import numpy as np
import pytest

from benchmarks import codec as benchmark
from benchmarks.timing.stopwatch import Measured
from parity.reduced import TINY
from pipelines.shared.errors import UserError
from toys import TOY_CODEC

pytest.importorskip("onnx", reason="exporting needs onnx")


def config_file(folder, config, **more) -> str:
    path = folder / "config.yaml"
    path.write_text(json.dumps({"codec": dataclasses.asdict(config) | more}), "utf-8")  # JSON is YAML
    return str(path)


def rows_of(config, tmp_path) -> dict:
    short = ["--seconds", "0.2", "--batch", "1", "2", "--rounds", "2", "--threads", "1"]
    benchmark.main(["--config", config, "--onnx", *short, "--out", str(tmp_path / "r.json")])
    return {(r["side"], r["task"], r["batch"]): r for r in json.loads((tmp_path / "r.json").read_text())["rows"]}


def test_onnx_runtime_is_compared_with_torch(tmp_path, capsys):
    rows = rows_of(config_file(tmp_path, TINY, family="hifigan"), tmp_path)
    assert set(rows) == {(s, t, b) for s in ("onnx", "torch") for t in ("encode", "decode") for b in (1, 2)}
    for (side, task, _), r in rows.items():
        assert r["codes_equal"] == 1 if task == "encode" else r["audio_error"] <= 1e-5
        assert r["time_ratio"] == 1 if side == "torch" else r["time_ratio"] > 0
        assert r["rtf_min"] <= r["rtf"] <= r["rtf_max"]
    assert rows["onnx", "encode", 1]["peak_mib"] < rows["torch", "encode", 1]["peak_mib"]  # it has not loaded torch
    printed = capsys.readouterr().out
    assert "encode, batch 2, onnx: 100.0000% of codes as in torch" in printed and "| decode | 1 | onnx |" in printed


def test_a_lite_codec_is_compared_too(tmp_path):
    rows = rows_of(config_file(tmp_path, TOY_CODEC), tmp_path)
    assert rows["onnx", "encode", 1]["codes_equal"] > 0.9 and rows["onnx", "decode", 1]["audio_error"] < 1e-2


def test_differences():
    codes = np.arange(8).reshape(1, 2, 4)
    assert benchmark.difference("encode", codes, codes + (codes == 3)) == {"codes_equal": 7 / 8}
    assert benchmark.difference("decode", np.array([[1.0, -2.0]]), np.array([[1.5, -2.0]])) == {"audio_error": 0.25}


def test_ratios_are_of_the_same_round():
    """A machine that is three times as slow in one round changes no ratio."""
    ours, theirs = ([Measured(s * w, s * w, 1.0) for w in (1, 3, 1)] for s in (1.0, 2.0))
    r = benchmark.row(ours, theirs, audio_s=2.0)
    assert r["time_ratio"] == r["cpu_time_ratio"] == 0.5 and (r["rtf"], r["rtf_max"]) == (0.5, 1.5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--onnx", "--dtype", "bfloat16"], "graphs run on cpu in float32"),
        (["--nemo", "python"], "is not a codec that NeMo has"),
    ],
)
def test_sides_that_are_not_there_are_refused(tmp_path, flags, message):
    with pytest.raises(UserError, match=message):
        benchmark.main(["--config", config_file(tmp_path, TOY_CODEC), *flags])
