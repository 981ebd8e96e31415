"""Listeners with clocks of their own, on a toy voice."""

import json
import time

import numpy as np
import pytest

from benchmarks import realtime_streams
from benchmarks.speakers.replay import Replay
from pipelines.shared.errors import UserError
from pipelines.speaking.pieces import Piece
from pipelines.speaking.synthesis import TTS


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


def test_a_replay_waits_as_long_as_it_is_told(exported_voice):
    tts = TTS.from_pretrained(str(exported_voice), threads=1)
    replay = Replay(tts, ["Hello there, my old friend."], speed=4.0, threads=1)
    begin_s = time.monotonic()
    audio_s = sum(len(piece.audio) for piece in replay.pieces([""], 0)) / replay.sample_rate
    assert audio_s > 0.1 and time.monotonic() - begin_s >= 0.99 * audio_s / 4.0


def test_no_listeners_are_a_mistake_of_the_user(tmp_path):
    with pytest.raises(UserError, match="expected at least 1"):
        realtime_streams.main(["--streams", "0"])
