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


def test_manifests_of_nemo_are_read(tmp_path):
    """H."""
    path = tmp_path / "manifest.jsonl"
    rows = [
        dict(audio_filepath="wavs/a.wav", duration=1.5, text="One.", speaker=3, offset=0.0),
        dict(audio_filepath="wavs/b.wav", duration=2, text="Two.", speaker="ann"),
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert manifest.read(path) == [
        Utterance("a", "wavs/a.wav", "One.", "3", 1.5),
        Utterance("b", "wavs/b.wav", "Two.", "ann", 2),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_of_byte_order_and_ends_of_lines_are_no_text(tmp_path, encoding, end):
    """H."""
    path, written = tmp_path / "manifest.jsonl", [Utterance("1", "a.wav", "Ünïcode"), Utterance("2", "b.wav", "Two.")]
    manifest.write(path, written)
    path.write_bytes(path.read_text("utf-8").replace("\n", end).encode(encoding))
    assert manifest.read(path) == written


@pytest.mark.parametrize(("encoding", "message"), [("latin-1", "byte 0xDC .*iconv"), ("utf-16-le", "NUL")])
def test_other_encodings_are_refused_with_their_line(tmp_path, encoding, message):
    """H."""
    path = tmp_path / "manifest.jsonl"
    line = '{"audio": "a.wav", "text": "Ünïcode"}'
    path.write_bytes(f"\n{line}\n".encode(encoding))
    with pytest.raises(UserError, match=rf"manifest.jsonl:[12]: .*{message}"):
        manifest.read(path)
    assert any(message.split()[0] in problem for problem in manifest.problems(path))


def test_two_utterances_of_one_id_are_refused_by_reader_and_writer(tmp_path):
    """E."""
    path = tmp_path / "manifest.jsonl"
    path.write_text('{"audio": "x/a.wav", "text": "x"}\n{"audio": "y/a.wav", "text": "y"}\n')
    with pytest.raises(UserError, match=r"manifest.jsonl:2: id a is on line 1 already"):
        manifest.read(path)
    with pytest.raises(UserError, match=r"x/a.wav and y/a.wav would both have the id a"):
        manifest.write(tmp_path / "new.jsonl", [Utterance("a", "x/a.wav", "x"), Utterance("a", "y/a.wav", "y")])
    assert not (tmp_path / "new.jsonl").exists()


def test_a_digest_knows_every_word_and_the_order():
    """F."""
    one, two = Utterance("1", "a.wav", "One."), Utterance("2", "b.wav", "Two.", "ann", 1.0, "tˈuː")
    others = [[two, one], [one], [replace(one, text="1."), two], [one, replace(two, audio="c.wav")]]
    others += [[one, replace(two, **{key: value})] for key, value in dict(id="3", speaker="b", phonemes="t").items()]
    assert len({manifest.digest(utterances) for utterances in [[one, two], *others]}) == 1 + len(others)
    assert manifest.digest([one, two]) == manifest.digest([replace(one), replace(two)])


def test_a_digest_knows_the_sizes_of_recordings(tmp_path):
    """F."""
    path = toys.write_corpus(tmp_path, 2, 0.5)
    utterances = manifest.read(path)
    first = manifest.digest(utterances, tmp_path)
    assert first == manifest.digest(utterances, tmp_path) != manifest.digest(utterances)
    soundfile.write(tmp_path / "wavs/001.wav", toys.utterance(1, 0.6), toys.RATE)
    assert manifest.digest(utterances, tmp_path) != first


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
        ('{"audio": "a.wav", "text": "x", "duration_s": NaN}', "duration_s is nan; expected seconds"),
        ('{"audio": "a.wav", "text": "x", "duration_s": -1}', "duration_s is -1; expected seconds"),
        ('{"audio_filepath": "a.wav", "text": "x", "offset": 3.5}', "a segment of a longer file"),
        ('{"audio_filepath": "a.wav", "text": "x", "lang": "en"}', "unknown keys .'lang'."),
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
    """G, J, P."""
    soundfile.write(tmp_path / "good.wav", toys.voiced(120, 0.5), toys.RATE)
    soundfile.write(tmp_path / "short.wav", np.zeros(100, np.float32), toys.RATE)
    soundfile.write(tmp_path / "silent.wav", np.full(9000, 0.1), toys.RATE)
    for name, value in dict(nan=np.nan, huge=1e29, integers=9000.0).items():
        audio = toys.voiced(120, 0.5)
        audio[2205] = value
        soundfile.write(tmp_path / f"{name}.wav", audio, toys.RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "antiphase.wav", toys.voiced(120, 0.5)[:, None] * [1, -1], toys.RATE)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:9000])
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
        *(dict(audio=f"{name}.wav", text="x") for name in ("nan", "huge", "integers", "antiphase", "cut", "silent")),
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
        9: "nan.wav has a sample of nan at 0.100 s",
        10: "huge.wav has a sample of 1e+29 at 0.100 s",
        11: "integers.wav has a sample of 9000 at 0.100 s",
        12: "antiphase.wav: its channels cancel each other",
        13: "cut.wav: it seems to be cut",
        14: "silent.wav is silent",
        16: "not JSON",
        17: "byte 0xFF at 1 is not UTF-8",
    }.items():
        assert any(problem.startswith(f"line {line}: ") and message in problem for problem in found), (line, found)
    assert len(found) == 15
