"""The whole benchmark on synthetic speech: codecs, stations, speakers, what is spoiled."""

import json

import numpy as np
import pytest

import toys
from benchmarks import codec_quality
from benchmarks.judges.codec_panel import distances
from codec import save as save_codec
from pipelines.shared.errors import UserError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, toy_codec):
    """A folder with a codec and a manifest of two speakers."""
    folder = tmp_path_factory.mktemp("quality")
    save_codec(toy_codec, folder / "codec")
    path = toys.write_corpus(folder, 2)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for number, line in enumerate(lines):
        line["speaker"] = f"speaker {number}"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return folder


def run(monkeypatch, corpus, out, *arguments):
    monkeypatch.setattr(codec_quality, "load_judges", lambda name: ([distances], ["no judges"]))
    manifest = next(corpus.glob("*.jsonl"))
    codec_quality.main([*map(str, arguments), "--manifest", str(manifest), "--out", str(out)])
    return json.loads(out.with_suffix(".json").read_text())["rows"]


def test_the_whole(monkeypatch, tmp_path, corpus):
    pytest.importorskip("matplotlib")
    rows = run(monkeypatch, corpus, tmp_path / "out", "--codec", "original", "opus:6", corpus / "codec")
    assert [row["name"] for row in rows] == ["original", "opus 6 kbps", "toy"]
    assert rows[0]["mel"] == 0
    assert 1 < rows[2]["perplexity"] <= 2016
    assert rows[2]["kbps"] == pytest.approx(1.89, abs=0.1)
    assert "opus 6 kbps" in (tmp_path / "out.md").read_text()
    assert all((tmp_path / f"out{ending}.png").read_bytes()[1:4] == b"PNG" for ending in ("", "-spectrograms"))


def test_stations_end_with_the_codec_itself(monkeypatch, tmp_path, corpus):
    rows = run(monkeypatch, corpus, tmp_path / "out", "--codec", corpus / "codec", "--stations", corpus / "codec")
    assert [row["name"] for row in rows[1:]] == ["envelope", "bands", "vocoder", "latents", "codes"]
    assert rows[-1]["mel"] == pytest.approx(rows[0]["mel"], abs=1e-4)
    assert rows[-1]["perplexity"] == rows[0]["perplexity"]
    assert rows[1]["mel"] < rows[-1]["mel"]  # an untrained encoder loses more than analysis


def test_a_row_for_each_speaker(monkeypatch, tmp_path, corpus):
    whole, *apart = run(monkeypatch, corpus, tmp_path / "out", "--codec", corpus / "codec", "--by-speaker")
    assert [row["name"] for row in apart] == ["toy, speaker 0", "toy, speaker 1"]
    assert np.mean([row["mel"] for row in apart]) == pytest.approx(whole["mel"])


def test_what_is_spoiled_is_compared_with_the_clean_recording(monkeypatch, tmp_path, corpus):
    (row,) = run(monkeypatch, corpus, tmp_path / "out", "--codec", "original", "--degrade", "noise:10")
    assert 5 < row["si_sdr"] < 15


def test_nothing_to_judge_is_refused(corpus, tmp_path):
    with pytest.raises(UserError, match="--codec, --stations"):
        codec_quality.main(["--manifest", str(next(corpus.glob("*.jsonl"))), "--out", str(tmp_path / "out")])
