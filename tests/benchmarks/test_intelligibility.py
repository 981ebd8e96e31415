import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from benchmarks import intelligibility
from benchmarks.judges import panel
from benchmarks.speakers import text_to_speech
from benchmarks.speakers.text_to_speech import Clip
from pipelines.shared.errors import guard

RATE = 22_050
TEXTS = ["Two blue fish swam in the tank.", "", "  Rice is often served in round bowls. ", "In 1969 they met."]
SENTENCES = [text.strip() for text in TEXTS if text]


def tone(text: str, hertz: float) -> np.ndarray:
    """A second for every ten characters, so that the recogniser can tell the texts apart."""
    return np.sin(np.arange(RATE * len(text) // 10) * 2 * np.pi * hertz / RATE).astype(np.float32) / 2


class Codec:
    """Halves the amplitude, and pads to whole frames as a codec does."""

    sample_rate = RATE

    def encode(self, audio):
        assert audio.shape[:2] == (1, 1)
        self.audio = audio / 2
        return torch.zeros(1, 8, 5, dtype=torch.long), torch.tensor([5])

    def decode(self, codes):
        return torch.cat([self.audio, torch.zeros(1, 1, 700)], dim=-1)


class TTS:
    codec = Codec()
    seeds: list[int] = []

    @classmethod
    def from_pretrained(cls, voice, precision="int8", threads=0, prompt=None, consent=False, tries=0):
        cls.seeds = []
        return cls()

    def synthesize(self, text, seed=0, **options):
        self.seeds.append(seed)
        return SimpleNamespace(audio=tone(text, 300), sample_rate=RATE)


class Recognizer:
    """Knows a text by its length; what sounds at 300 Hz loses its last word."""

    def transcribe(self, audio, sample_rate):
        text = next(t for t in SENTENCES if len(t) * RATE // 10 == len(audio))
        return text.rsplit(" ", 1)[0] if pitch(audio) == 300 else text


class Loudness:
    def score(self, audio, sample_rate):
        return 1 + 4 * float(np.abs(audio).max())


class Pitch:
    def embed(self, audio, sample_rate):
        return np.array([1.0, 0.0]) if pitch(audio) == 200 else np.array([0.6, 0.8])

    def similarity(self, a, b):
        return float(a @ b)


def pitch(audio) -> int:
    return round(int(np.abs(np.fft.rfft(audio)).argmax()) * RATE / len(audio))


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """The command with fake systems and judges; returns a function that runs it on arguments."""
    monkeypatch.setattr(text_to_speech, "TTS", TTS)
    monkeypatch.setattr(text_to_speech, "load_codec", lambda folder: TTS.codec)
    monkeypatch.setattr(
        text_to_speech, "teacher_system", lambda rate: lambda text, seed, _: Clip(tone(text, 200), rate)
    )
    monkeypatch.setattr(panel, "load_recognizer", lambda spec, threads: Recognizer())
    monkeypatch.setattr(panel, "MosPredictor", Loudness)
    monkeypatch.setattr(panel, "SpeakerEncoder", Pitch)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    threads = torch.get_num_threads()

    def run(*arguments):
        argv = ["--sentences", str(tmp_path / "texts.txt"), "--out", str(tmp_path / "out" / "v1.0"), *arguments]
        guard(lambda: intelligibility.main(argv))
        return json.loads((tmp_path / "out" / "v1.0.json").read_text())

    yield run
    torch.set_num_threads(threads)


def test_every_system_is_scored_and_reported(bench, tmp_path, capsys):
    report = bench("--wavs", str(tmp_path / "wavs"), "--seed", "7")
    summary = report["summary"]
    assert list(summary) == ["teacher", "codec", "voice"]
    # "tank", "bowls" and "met" with the spaces before them, of 30, 35 and 31 characters ("in nineteen sixty nine ...")
    assert summary["voice"]["cer"]["value"] == pytest.approx((5 + 6 + 4) / (30 + 35 + 31))
    assert summary["voice"]["wer"]["value"] == pytest.approx(3 / (7 + 7 + 6))
    assert summary["voice"]["cer"]["low"] <= summary["voice"]["cer"]["value"] <= summary["voice"]["cer"]["high"]
    assert summary["teacher"]["cer"] == summary["codec"]["cer"] == {"value": 0, "low": 0, "high": 0}
    assert summary["teacher"]["mos"]["value"] == pytest.approx(3, abs=0.01)
    assert summary["codec"]["mos"]["value"] == pytest.approx(2, abs=0.01)
    assert summary["teacher"]["similarity"]["value"] == pytest.approx(1)
    assert summary["voice"]["similarity"]["value"] == pytest.approx(0.6)
    assert summary["voice"]["rtf"] > 0 and summary["voice"]["sentences"] == 3
    assert TTS.seeds == [7, 7, 8, 9], "one to warm up, then a stream of its own for every sentence"
    assert len(report["sentences"]) == 9 and report["sentences"][-1]["hypothesis"] == "In 1969 they"
    assert report["seed"] == 7 and report["environment"]["cores"] and "--seed 7" in report["command"]

    lines = (tmp_path / "out" / "v1.0.md").read_text().splitlines()
    assert lines[0].startswith("| system | CER % ") and len({line.count("|") for line in lines[:5]}) == 1
    assert lines[4].startswith("| voice | 15.62 [") and lines[4] in capsys.readouterr().out
    assert (tmp_path / "out" / "v1.0.png").read_bytes().startswith(b"\x89PNG")
    audio, rate = soundfile.read(tmp_path / "wavs" / "codec" / "001.wav")
    assert rate == RATE and len(audio) == len(tone(SENTENCES[1], 0)), "the codec's padding is cut off"


def test_a_speaker_of_a_voice_is_found_with_its_codec(bench, monkeypatch):
    folders = []
    monkeypatch.setattr(text_to_speech, "load_codec", lambda folder: folders.append(folder) or TTS.codec)
    bench("--voice", "am_michael", "--systems", "codec", "voice")
    assert [folder.parts[-2:] for folder in folders] == [("english", "codec")]


def test_part_of_it_can_be_run(bench):
    report = bench("--systems", "voice", "--limit", "2")
    assert list(report["summary"]) == ["voice"] and len(report["sentences"]) == 2
    assert report["summary"]["voice"]["similarity"] is not None, "the teacher is the reference even if not judged"


def test_what_is_not_installed_is_skipped_aloud(bench, monkeypatch, capsys, tmp_path):
    def absent(*_):
        raise ImportError("no such package; pip install it")

    monkeypatch.setattr(text_to_speech, "teacher_system", absent)
    monkeypatch.setattr(panel, "MosPredictor", absent)
    report = bench()
    assert list(report["summary"]) == ["voice"]
    assert report["summary"]["voice"]["mos"] is None and report["summary"]["voice"]["similarity"] is None
    assert capsys.readouterr().out.count("pip install it") == 2
    assert "| – |" in (tmp_path / "out" / "v1.0.md").read_text()


def test_one_sentence_has_no_other_to_be_compared_with(bench):
    assert bench("--limit", "1")["summary"]["teacher"]["similarity"] is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--systems", "voice", "vocoder"], "vocoder; expected some of: teacher codec voice"),
        (["--sentences", "nowhere.txt"], "nowhere.txt does not exist"),
        (["--sentences", "empty.txt"], "empty.txt is empty"),
        (["--sentences", "dots.txt"], "'...'"),
        (["--limit", "0"], "--limit 0"),
        (["--threads", "0"], "--threads 0"),
    ],
)
def test_mistakes_end_with_one_line(bench, tmp_path, monkeypatch, capsys, arguments, reason):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "dots.txt").write_text("Hello.\n...\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        bench(*arguments)
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert reason in error and error.startswith("error: ") and error.count("\n") == 1
