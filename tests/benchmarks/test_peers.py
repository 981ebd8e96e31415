"""Peers: each reads in its own process; one that cannot is named and left out."""

import json
import sys

import pytest

from benchmarks import peers
from benchmarks.judges import panel

pytest.importorskip("jiwer", reason="error rates need jiwer")


class Deaf:
    def transcribe(self, audio, sample_rate):
        return "hello there"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run peers.py on two sentences; returns what it printed and its report."""
    monkeypatch.setattr(panel, "load_recognizer", lambda *_: Deaf())
    monkeypatch.setattr(panel, "optional", lambda *_: None)
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("Hello there.\nHello!\n")

    def call(*argv):
        peers.main(["--sentences", str(sentences), "--out", str(tmp_path / "peers"), *argv])
        return capsys.readouterr().out, json.loads((tmp_path / "peers.json").read_text())

    return call


def test_a_voice_is_timed_and_heard(run, shared_voice):
    printed, report = run("--peers", "heart", "--voice", str(shared_voice))
    figures = report["systems"]["heart"]
    assert figures["first_s"] > 0 and figures["rtf"] > 0 and 50 < figures["memory_mib"] < 2000
    assert figures["cer"][0] == pytest.approx(6 / 16)  # "hello there" for "hello"
    assert "| heart | 37.5 [" in printed
    assert len(report["timings"]["heart"]["clips"]) == 2


def test_who_is_absent_is_named_and_left_out(run, shared_voice, tmp_path):
    printed, report = run("--peers", "kokoro", "heart", "--voice", str(shared_voice))
    assert "without kokoro: " in printed and list(report["systems"]) == ["heart"]


def test_nobody_there(run):
    with pytest.raises(peers.UserError, match="none of the systems could be run"):
        run("--peers", "heart", "--voice", "no-such-voice")


@pytest.mark.parametrize("given", ["piper", "piper=/no/such/python", f"someone={sys.executable}"])
def test_interpreters_must_exist(given):
    with pytest.raises(peers.UserError, match="expected NAME=PATH of a Python"):
        peers.interpreters([given])
    assert peers.interpreters([f"piper={sys.executable}"]) == {"piper": sys.executable}
