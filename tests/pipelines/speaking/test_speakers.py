"""Who can speak: names, blends, and the list of all of them."""

import json

import numpy as np
import pytest

from pipelines.shared.errors import UserError
from pipelines.speaking import listing, speakers
from pipelines.speaking.speakers import Blend, Speaker, choose, read_speakers, write_speakers

CARDS = {
    "solo": "name: solo\nfigures: {cer: 0.021, mos: 4.2}\n",
    "choir": "name: choir\nspeakers:\n  ann: {sex: female, accent: US, about: low, cer: 0.03}\n  bob: {sex: male}\n",
}


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Two voices, one of them of two people, where the shipped ones are."""
    for name, card in CARDS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "voice.yaml").write_text(card)
    for module in ("speakers.VOICES", "card.VOICES"):
        monkeypatch.setattr(f"pipelines.speaking.{module}", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "voice", "speaker"),
    [
        ("solo", "solo", None),
        ("choir", "choir", None),
        ("bob", "choir", "bob"),
        ("ann+bob@0.3", "choir", "ann+bob@0.3"),
        ("ann+bob", "choir", "ann+bob"),
        ("choir:bob", "choir", "bob"),
    ],
)
def test_a_name_finds_voice_and_speaker(shipped, name, voice, speaker):
    assert choose(name) == (shipped / voice, speaker)


@pytest.mark.parametrize("name", ["eve", "ann+eve", "nowhere:ann", "", ".", "../solo2"])
def test_nobody_of_that_name_is_said_with_those_there_are(shipped, name):
    with pytest.raises(UserError, match="expected a"):
        choose(name)


@pytest.mark.parametrize("name", ["", "+b", "a+b+c", "a@0.3", "a+b@x", "a+b@nan", "a+b@1.5", "a+b@-1"])
def test_what_is_no_blend_is_refused(name):
    with pytest.raises(UserError, match=r"expected a name, or a blend like a\+b@0.4"):
        Blend.parse(name)


def test_a_blend_is_read():
    assert Blend.parse("a") == ("a", "a", 0.5)
    assert Blend.parse("a+b") == ("a", "b", 0.5)
    assert Blend.parse("a+b@0.25") == ("a", "b", 0.25)


def test_a_table_of_speakers_keeps_them(tmp_path):
    rng = np.random.default_rng(0)
    people = {
        name: Speaker(
            (v := rng.random(256).astype(np.float32)) / np.linalg.norm(v), rng.integers(2016, size=(8, frames))
        )
        for name, frames in (("ann", 86), ("bob", 40))
    }
    write_speakers(tmp_path, people)
    found = read_speakers(tmp_path, "bob")
    assert list(found.known) == ["ann", "bob"] and found.default == "bob"
    for name, one in people.items():
        assert np.array_equal(found[name].codes, one.codes)
        assert np.allclose(found[name].vector, one.vector, atol=1e-3)
    assert read_speakers(tmp_path).default == "ann"
    with pytest.raises(UserError, match="no speaker 'eve'; expected one of: ann, bob"):
        read_speakers(tmp_path, "eve")


def test_a_damaged_table_is_one_line_and_runs_no_code(tmp_path):
    (tmp_path / speakers.FILE).write_bytes(b"PK\x03\x04 nothing of the kind")
    with pytest.raises(ValueError, match="not a readable table of speakers"):
        read_speakers(tmp_path)
    with (tmp_path / speakers.FILE).open("wb") as file:
        np.savez(file, names=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="not a readable table of speakers"):
        read_speakers(tmp_path)
    (tmp_path / speakers.FILE).unlink()
    assert read_speakers(tmp_path) is None


def test_the_list_has_everybody(shipped, capsys):
    listing.print_voices(as_json=False)
    shown = capsys.readouterr().out
    assert "ann" in shown and "3.0 %" in shown and "solo" in shown and "4.20" in shown
    listing.print_voices(as_json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == ["ann", "bob", "solo"]
    assert rows[0] == {"name": "ann", "voice": "choir", "sex": "female", "accent": "US", "about": "low", "cer": 0.03}
