"""Measuring a voice made of recordings: beside the prompt, beside the recordings, and what cannot be measured."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import toys
from benchmarks import finetuned
from benchmarks.judges.panel import Panel
from pipelines.shared.errors import UserError

TEXT = "A text of so many letters."


@pytest.fixture
def recordings(tmp_path):
    """A manifest with seven recordings of `ann` and one of `bob`."""
    lines = []
    for number in range(8):
        soundfile.write(tmp_path / f"{number}.wav", toys.voiced(120 + 9 * number, 2.0, number), toys.RATE)
        speaker = "ann" if number < 7 else "bob"
        one = {"id": str(number), "audio": f"{number}.wav", "text": TEXT, "speaker": speaker, "duration_s": 2.0}
        lines.append(json.dumps(one))
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return tmp_path / "manifest.jsonl"


@pytest.fixture
def judges(monkeypatch):
    """Voices of which `mine` is loud, with a codec that is not; a judge who tells voices by that and hears one text."""
    levels = {"base": (0.1, 1.0), "mine": (1.0, 0.1)}  # of what is said, and of what was coded

    class Voice:
        sample_rate = toys.RATE

        def __init__(self, name: str):
            self.level, coded = levels[name]
            self.voice = SimpleNamespace(encode=lambda audio: audio, decode=lambda codes: codes * coded)

        def synthesize(self, text, seed, **options):
            return SimpleNamespace(audio=self.level * toys.voiced(120, 1.0, seed), sample_rate=toys.RATE)

    class Ear:
        def embed(self, audio, rate):
            return np.array([1.0, 0.0]) if np.abs(audio).max() > 0.1 else np.array([0.0, 1.0])

    panel = Panel(SimpleNamespace(transcribe=lambda audio, rate: TEXT), SimpleNamespace(score=lambda audio, rate: 4.0))
    monkeypatch.setattr(finetuned, "CamPlus", Ear)
    monkeypatch.setattr(finetuned, "load_panel", lambda *given, **options: panel)
    monkeypatch.setattr(finetuned.TTS, "from_pretrained", lambda name, **options: Voice(name))


def arguments(recordings, *more: str) -> list[str]:
    given = {"voice": "mine", "base": "base", "sentences": 2, "coded": 3}
    paths = {"recordings": recordings, "out": recordings.parent / "r"}
    return [*(f"--{key}={value}" for key, value in (given | paths).items()), *more]


def test_every_line_is_measured(recordings, judges, capsys):
    finetuned.main(arguments(recordings, "--speaker", "ann"))
    rows = json.loads((recordings.parent / "r.json").read_text("utf-8"))["rows"]
    names = [row["name"] for row in rows]
    assert names[0].startswith("base, by a prompt of 6 s") and names[1] == "mine" and names[-1] == "recordings"
    assert [len(row["clips"]) for row in rows] == [2, 2, 3, 3, 3]
    assert rows[-1]["pace"] == 1 and rows[-1]["cer"][0] == 0 and rows[0]["cer"][0] > 0
    assert [row["mos"][0] for row in rows] == [4.0] * 5
    assert [row["campplus"][0] for row in rows] == [0, 1, 1, 0, 1], "each line is of its own voice and codec"
    assert "| recordings through the codec of base |" in capsys.readouterr().out


def test_letters_in_a_second_of_what_is_not_silence():
    silence = np.zeros(toys.RATE, np.float32)
    clips = [finetuned.Clip(np.concatenate([silence, toys.voiced(120, 2.0, 0), silence]), toys.RATE)]
    assert finetuned.letters_per_s(["ten letter"], clips) == pytest.approx(5, rel=0.15)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--speaker", "eve"), "no speaker called eve; it has ann, bob"),
        (("--speaker", "bob"), "0 recordings of bob beside the prompt; expected 4 or more"),
        (("--speaker", "ann", "--coded", "0"), "got --coded 0; expected 1 or more"),
    ],
)
def test_what_cannot_be_measured_is_said(recordings, judges, more, says):
    with pytest.raises(UserError, match=says):
        finetuned.main(arguments(recordings, *more))
