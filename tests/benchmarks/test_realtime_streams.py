"""Listeners with clocks of their own, on a toy voice."""

import json
import time

import numpy as np
import pytest

from benchmarks import realtime_streams
from pipelines.shared.errors import UserError
from pipelines.speaking.pieces import Piece


def test_the_report_is_written(exported_voice, tmp_path, capsys):
    arguments = ["--voice", str(exported_voice), "--streams", "1", "2", "--seconds", "1", "--out", str(tmp_path / "r")]
    realtime_streams.main(arguments)
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert [row["streams"] for row in report["rows"]] == [1, 2]
    assert all(row["audio_per_s"] > 0 and row["first_audio_ms"]["p50"] > 0 for row in report["rows"])
    assert "| 2 |" in capsys.readouterr().out


@pytest.mark.parametrize(("pause_s", "late"), [(0.0, False), (0.4, True)])
def test_a_voice_that_is_too_slow_is_found_out(pause_s, late):
    class Slow:
        sample_rate = 1000

        def pieces(self, chunks, seed):
            for _ in range(3):
                yield Piece(np.zeros(200, np.float32), np.zeros((8, 1), np.int64))
                time.sleep(pause_s)

    found = realtime_streams.measure(Slow(), 1, 1.2, 1, ["a"] * 4)
    assert (found["underruns"] > 0) == late


def test_no_listeners_are_a_mistake_of_the_user(tmp_path):
    with pytest.raises(UserError, match="expected at least 1"):
        realtime_streams.main(["--streams", "0"])
