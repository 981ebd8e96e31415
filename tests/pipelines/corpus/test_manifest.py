"""Manifests: what is written is read, a bad line is named, and validation reports all of them at once."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import toys
from pipelines.corpus import manifest
from pipelines.corpus.manifest import Utterance
from pipelines.shared.errors import UserError


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "manifest.jsonl"
    written = [
        Utterance("1", "a.wav", 'Quote " — ünïcode', "heart", 1.25, "həlˈO"),
        Utterance("2", "b.wav", "Two\u2028lines\x85and\x0c more", duration_s=2),
    ]
    manifest.write(path, written)
    assert manifest.read(path) == written
    assert list(path.parent.iterdir()) == [path]


def test_only_audio_and_text_are_required():
    assert manifest.parse('{"audio": "wavs/a1.wav", "text": "Hi."}') == Utterance("a1", "wavs/a1.wav", "Hi.")


def test_a_digest_knows_every_word_and_the_order():
    """F."""
    one, two = Utterance("1", "a.wav", "One."), Utterance("2", "b.wav", "Two.", "ann", 1.0, "tˈuː")
    others = [[two, one], [one], [replace(one, text="1."), two], [one, replace(two, audio="c.wav")]]
    others += [[one, replace(two, **{key: value})] for key, value in dict(id="3", speaker="b", phonemes="t").items()]
    assert len({manifest.digest(utterances) for utterances in [[one, two], *others]}) == 1 + len(others)
    assert manifest.digest([one, two]) == manifest.digest([replace(one), replace(two)])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "expected a JSON object"),
        ('{"audio": "a.wav"}', "missing or empty: text"),
        ('{"audio": "", "text": "  "}', "missing or empty: audio, text"),
        ('{"audio": "a.wav", "text": 3}', "missing or empty: text"),
        ('{"audio": "a.wav", "text": "x", "txet": "y"}', "unknown keys .'txet'."),
        ('{"audio": "a.wav", "text": "x", "duration_s": "long"}', "duration_s is 'long'; expected a number"),
        ('{"audio": "a.wav", "text": "x", "duration_s": true}', "duration_s is True; expected a number"),
        ('{"audio": "a.wav", "text": "x", "id": 7}', "id is 7; expected a string"),
        ('{"audio": "a.wav", "text": "x", "phonemes": null}', "phonemes is None; expected a string"),
    ],
)
def test_a_bad_line_says_what_is_wrong_and_where(tmp_path, line, message):
    with pytest.raises(ValueError, match=message):
        manifest.parse(line)
    path = tmp_path / "manifest.jsonl"
    path.write_text(f'{{"audio": "a.wav", "text": "Hi."}}\n\n{line}\n')
    with pytest.raises(UserError, match=rf"manifest.jsonl:3: .*{message}"):
        manifest.read(path)


@pytest.mark.parametrize("content", [None, "", "\n \n"])
def test_a_manifest_without_utterances_is_refused(tmp_path, content):
    path = tmp_path / "manifest.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"manifest.jsonl (holds no utterance|is not a manifest file)"):
        manifest.read(path)


def test_a_sound_corpus_has_no_problems(tmp_path):
    assert list(manifest.problems(toys.write_corpus(tmp_path, 3))) == []


def test_every_problem_is_reported_at_once(tmp_path):
    soundfile.write(tmp_path / "good.wav", toys.voiced(120, 0.5), toys.RATE)
    soundfile.write(tmp_path / "short.wav", np.zeros(100, np.float32), toys.RATE)
    (tmp_path / "broken.wav").write_bytes(b"RIFF what is this")
    rows = [
        dict(audio="good.wav", text="x", id="1"),
        dict(audio="good.wav", text="x", id="1"),
        dict(audio="absent.wav", text="x"),
        dict(audio="broken.wav", text="x"),
        dict(audio="short.wav", text="x"),
        dict(audio="good.wav", text="x", duration_s=0.7),
        dict(audio="good.wav", text="x", id="9", duration_s="0.5"),
        dict(audio="good.wav"),
    ]
    path = tmp_path / "manifest.jsonl"
    path.write_bytes("\n".join([*map(json.dumps, rows), "", "nonsense"]).encode() + b"\n\xff\n")
    found = list(manifest.problems(path))
    for line, message in {
        2: "id 1 already on line 1",
        3: "no file absent.wav",
        4: "broken.wav is not readable audio",
        5: "short.wav lasts 0.00 s",
        6: "good.wav lasts 0.50 s, the manifest says 0.70 s",
        7: "duration_s is '0.5'",
        8: "missing or empty: text",
        10: "not JSON",
        11: "not JSON",
    }.items():
        assert any(problem.startswith(f"line {line}: ") and message in problem for problem in found), (line, found)
    assert len(found) == 9
