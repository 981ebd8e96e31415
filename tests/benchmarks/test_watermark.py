"""The benchmark of the mark, with the shipped voice and few sentences."""

import json

import numpy as np
import pytest
import soundfile

from benchmarks import watermark
from benchmarks.speakers.attacks import ATTACKS
from pipelines.shared.errors import UserError


def test_the_report_is_written(heart, tmp_path, monkeypatch, capsys):
    few = {name: ATTACKS[name] for name in ("as written, 16 bits", "MP3, 64 kbit/s", "to 16 kHz, then to 44.1 kHz")}
    monkeypatch.setattr(watermark, "ATTACKS", few)
    noise = np.random.default_rng(0).standard_normal(8 * 16_000) * 0.1
    soundfile.write(tmp_path / "noise.wav", noise, 16_000)
    flags = "--limit", "2", "--no-mos", "--unmarked", str(tmp_path), "--out", str(tmp_path / "r")
    watermark.main(list(flags))
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert set(report["attacks"]) == set(few) and 0 < report["share_of_time"] < 0.2
    assert all(each["found"] == each["windows"] >= 1 for each in report["attacks"].values())
    assert report["unmarked"]["windows"] == 2 and report["unmarked"]["alarms_of_all_keys"] == 0
    assert "| MP3, 64 kbit/s | 100.0 %" in capsys.readouterr().out


def test_windows_last_three_seconds():
    found = list(watermark.windows([np.zeros(10, np.float32), np.ones(85, np.float32)], 10))
    assert [len(each) for each in found] == [30, 30, 30] and found[0].sum() == 20


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_leave_speech_that_lasts_as_long(name):
    audio = (0.2 * np.sin(np.arange(22_050) / 20)).astype(np.float32)
    found, rate = ATTACKS[name](audio, 22_050)
    assert len(found) / rate == pytest.approx(1, abs=0.12) and np.isfinite(found).all() and found.std() > 0.02


def test_a_folder_without_recordings_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match="no recordings in"):
        watermark.false_alarms([tmp_path], 1)
