"""The distances, and the whole benchmark on synthetic speech."""

import json
import sys

import numpy as np
import pytest

import toys
from benchmarks import codec_quality
from benchmarks.judges.stoi import stoi
from benchmarks.speakers.codec_systems import Opus, system

RATE = 22_050


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return toys.utterance(0, 3.0)


def noisy(audio: np.ndarray, level: float) -> np.ndarray:
    return audio + (level * np.random.default_rng(0).standard_normal(len(audio))).astype(np.float32)


def test_every_distance_grows_with_the_noise(speech):
    little, much = noisy(speech, 0.003), noisy(speech, 0.03)
    some, more = (codec_quality.distances(speech, noise, RATE, "") for noise in (little, much))
    assert all(some[key] < more[key] for key in ("mel", "stft"))
    assert all(some[key] > more[key] for key in ("si_sdr", "stoi", "estoi"))


def test_the_same_is_perfect(speech):
    assert np.allclose(stoi(speech, speech, RATE), 1, atol=1e-3)


def test_too_short_for_stoi():
    assert np.isnan(stoi(np.ones(100), np.ones(100), RATE)).all()


def test_opus_keeps_its_rate(speech):
    for kbps in (6, 12):
        coded = Opus(kbps)(speech, RATE)
        assert len(coded.audio) == len(speech)
        assert 0.8 * kbps < coded.bits / (len(speech) / RATE) / 1000 < 2.5 * kbps  # the container has its share
    with pytest.raises(ValueError, match="6 to 256"):
        Opus(2)


def test_an_unknown_system():
    with pytest.raises(FileNotFoundError, match="opus:KBPS"):
        system("lfsk")


def test_the_whole(monkeypatch, tmp_path, toy_codec):
    toy_codec.save_pretrained(tmp_path / "codec")
    path = toys.write_corpus(tmp_path, 2)
    monkeypatch.setattr(codec_quality, "judges", lambda name: ([codec_quality.distances], ["no judges"]))
    arguments = ["--codec", "original", "opus:6", str(tmp_path / "codec"), "--manifest", str(path)]
    monkeypatch.setattr(sys, "argv", ["codec_quality.py", *arguments, "--out", str(tmp_path / "out")])
    codec_quality.main()
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["original", "opus 6 kbps", "toy"]
    assert rows[0]["mel"] == 0
    assert 1 < rows[2]["perplexity"] <= 2016
    assert rows[2]["kbps"] == pytest.approx(1.89, abs=0.1)
    assert "opus 6 kbps" in (tmp_path / "out.md").read_text()
