"""The report over the hard inputs: what is compared, and what is counted."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import hard_inputs
from benchmarks.hard_inputs import FEW, HeardInput, spoken_form, table
from benchmarks.speakers.text_to_speech import Clip
from pipelines.shared.errors import UserError
from speechllm.text.normalizer import Normalizer

pytest.importorskip("jiwer", reason="error rates need jiwer")


class Echo:
    """A recogniser that hears the text a toy system wrote into the clip."""

    def transcribe(self, audio, sample_rate):
        return "".join(chr(round(value)) for value in audio)


def say(text, seed, teacher):
    return Clip(np.array([ord(character) for character in text], np.float32), 22_050)


def test_writing_does_not_count_as_an_error():
    assert spoken_form(Normalizer(), "Hello , world !") == "hello world"
    rows = hard_inputs.judge("voice", say, Echo(), Normalizer(), ["Dr. Smith!", "?", "well... yes"])
    assert [(row.reference, row.errors) for row in rows] == [("doctor smith", 0), ("well yes", 0)]


def test_what_nobody_can_read_is_compared_as_it_is():
    assert spoken_form(Normalizer(), "привет, naïve") == "naive"


def test_short_inputs_stand_apart():
    rows = [
        HeardInput("voice", "a", "a", "i", 1, 1),
        HeardInput("voice", "one two three", "one two three", "one two three", 0, 13),
    ]
    assert len(rows[1].reference.split()) == FEW
    line = table(rows).splitlines()[2]
    assert line.startswith("| voice | 7.1 [") and line.endswith("| 0.0 [0.0, 0.0] | 100 % | 50 % | 2 |")


def test_a_group_without_inputs_is_a_dash():
    assert "| – | 100 % | 100 % | 1 |" in table([HeardInput("voice", "hi", "hi", "hi", 0, 2)])


def test_the_report_is_written(tmp_path, monkeypatch, capsys):
    asked = {}
    monkeypatch.setattr(hard_inputs, "load_systems", lambda *_, **given: asked.update(given) or (None, {"voice": say}))
    monkeypatch.setattr(hard_inputs, "load_recognizer", lambda *_: Echo())
    hard_inputs.main(["--limit", "3", "--prompt", "somebody.wav", "--out", str(tmp_path / "hard")])
    assert asked == {"threads": 1, "prompt": Path("somebody.wav")}
    assert len(json.loads((tmp_path / "hard.json").read_text())["inputs"]) == 3
    assert "| voice | 0.0" in (tmp_path / "hard.md").read_text()
    assert "hard.json" in capsys.readouterr().out


def test_a_prompt_that_nobody_would_speak_with_is_refused():
    with pytest.raises(UserError, match="--prompt without the system voice"):
        hard_inputs.main(["--systems", "teacher", "--prompt", "somebody.wav"])
