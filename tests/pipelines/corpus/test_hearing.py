"""Utterances that say something else than their text are left out, and nothing is listened to twice."""

import json

import pytest
import soundfile

import toys
from pipelines import prepare_corpus
from pipelines.corpus import hearing, manifest
from pipelines.shared.errors import UserError


class FakeEar:
    """Says of each text that so many hundredths of it are wrong as it has characters."""

    def __init__(self):
        self.asked = []

    def error_rate(self, text, audio, sample_rate):
        assert audio.ndim == 1 and sample_rate == toys.RATE
        self.asked.append(text)
        return len(text) / 100


@pytest.fixture
def corpus(tmp_path):
    texts = ["Short.", "A longer sentence.", "No."]
    for number, _ in enumerate(texts):
        soundfile.write(tmp_path / f"{number}.wav", toys.voiced(120, 0.3), toys.RATE)
    lines = [json.dumps({"id": str(n), "audio": f"{n}.wav", "text": text}) for n, text in enumerate(texts)]
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_what_is_heard_otherwise_is_left_out_and_listed(corpus, monkeypatch):
    ear = FakeEar()
    monkeypatch.setattr(hearing, "can_hear", lambda: True)
    monkeypatch.setattr(hearing, "Ear", lambda: ear)
    arguments = ["hear", str(corpus / "manifest.jsonl"), "--out", str(corpus / "heard.jsonl")]
    prepare_corpus.main(arguments)
    assert [one.id for one in manifest.read(corpus / "heard.jsonl")] == ["0", "2"]
    (reject,) = map(json.loads, (corpus / "heard.rejects.jsonl").read_text().splitlines())
    assert reject["what"] == "1" and reject["reason"].startswith("18 %")
    prepare_corpus.main([*arguments, "--most", "0.2"])
    assert len(manifest.read(corpus / "heard.jsonl")) == 3
    assert len(ear.asked) == 3, "nothing is listened to twice"


def test_another_folder_would_break_the_paths(corpus, tmp_path):
    with pytest.raises(UserError, match="expected a file in"):
        prepare_corpus.main(["hear", str(corpus / "manifest.jsonl"), "--out", str(tmp_path.parent / "x.jsonl")])


def test_without_a_recogniser_it_is_said(corpus, monkeypatch):
    monkeypatch.setattr(hearing, "can_hear", lambda: False)
    with pytest.raises(UserError, match="no recogniser is installed"):
        prepare_corpus.main(["hear", str(corpus / "manifest.jsonl"), "--out", str(corpus / "heard.jsonl")])


def test_spelling_does_not_count():
    assert hearing.plain("It’s  Ten-thirty, Mr. X!") == "it's ten thirty mr x"
