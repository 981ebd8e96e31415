"""Corpora on disk become manifests; whatever is missing or broken is named."""

import re

import pytest
import soundfile

import toys
from pipelines import prepare_corpus
from pipelines.corpus import manifest
from pipelines.shared.errors import UserError


@pytest.fixture
def prepare():
    def run(*argv: object) -> None:
        prepare_corpus.main(list(map(str, argv)))

    return run


def record(path, duration_s: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, toys.voiced(120, duration_s), toys.RATE)


def ljspeech(root):
    for name in ("LJ001", "LJ002"):
        record(root / "wavs" / f"{name}.wav")
    (root / "metadata.csv").write_text("LJ001|Dr. Who\x85|Doctor Who\x85\nLJ002|Plain text.\n", "utf-8")
    return {"LJ001": ("Doctor Who\x85", "lj"), "LJ002": ("Plain text.", "lj")}


def libritts(root):
    for name in ("84/121/84_121_1", "85/122/85_122_1"):
        record(root / f"{name}.wav")
        (root / f"{name}.normalized.txt").write_text("Some words.\n")
        (root / f"{name}.original.txt").write_text("Other words.\n")
    return {"84_121_1": ("Some words.", "84"), "85_122_1": ("Some words.", "85")}


def folder(root):
    for name in ("a.wav", "deep/b.flac", "no_text.wav"):
        record(root / name)
    (root / "a.txt").write_text(" First. \n")
    (root / "deep/b.txt").write_text("Zweiter — ˈ", "utf-8")
    return {"a": ("First.", "unknown"), "deep_b": ("Zweiter — ˈ", "unknown")}


LAYOUTS = {"ljspeech": ljspeech, "libritts": libritts, "folder": folder}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_corpus_becomes_a_manifest_that_is_valid(prepare, tmp_path, capsys, layout):
    wanted, out = LAYOUTS[layout](tmp_path / "corpus"), tmp_path / "lists" / f"{layout}.jsonl"
    prepare(layout, tmp_path / "corpus", "--out", out)
    found = manifest.read(out)
    assert {u.id: (u.text, u.speaker) for u in found} == wanted
    assert all(u.duration_s == pytest.approx(0.5, abs=0.001) for u in found)
    assert all((out.parent / u.audio).is_file() and not u.audio.startswith("/") for u in found)
    prepare("validate", out)
    assert "2 utterances" in capsys.readouterr().out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_missing_or_empty_corpus_is_named(prepare, tmp_path, layout):
    for root in ("absent", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=rf"{root}.*(is not a folder|does not exist|holds nothing)"):
            prepare(layout, tmp_path / root, "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_broken_recording_is_named(prepare, tmp_path, layout):
    LAYOUTS[layout](tmp_path)
    broken = sorted(path for path in tmp_path.rglob("*.wav") if path.name != "no_text.wav")[0]
    broken.write_bytes(b"RIFF, or so it says")
    with pytest.raises(UserError, match=rf"{re.escape(broken.name)} is not readable audio"):
        prepare(layout, tmp_path, "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("layout", ["ljspeech", "libritts"])
def test_a_text_without_its_recording_is_named(prepare, tmp_path, layout):
    LAYOUTS[layout](tmp_path)
    lost = min(tmp_path.rglob("*.wav"))
    lost.unlink()
    with pytest.raises(UserError, match=rf"{lost.name} does not exist"):
        prepare(layout, tmp_path, "--out", tmp_path / "out.jsonl")


def test_an_empty_text_is_named(prepare, tmp_path):
    folder(tmp_path)
    (tmp_path / "a.txt").write_text(" \n")
    with pytest.raises(UserError, match=r"a.wav has an empty text"):
        prepare("folder", tmp_path, "--out", tmp_path / "out.jsonl")


def test_validation_prints_every_problem_and_fails(prepare, tmp_path, capsys):
    path = toys.write_corpus(tmp_path, 3)
    (tmp_path / "wavs/001.wav").unlink()
    path.write_text(path.read_text("utf-8") + "nonsense\n", "utf-8")
    with pytest.raises(UserError, match="2 problems"):
        prepare("validate", path)
    assert capsys.readouterr().out.splitlines() == [
        "line 2: no file wavs/001.wav",
        "line 4: not JSON (Expecting value)",
    ]
    with pytest.raises(UserError, match=r"absent.jsonl does not exist"):
        prepare("validate", tmp_path / "absent.jsonl")


def test_a_teacher_needs_texts(prepare, tmp_path):
    with pytest.raises(UserError, match=r"texts.txt does not exist.*corpus_texts"):
        prepare("teacher", "--texts", tmp_path / "texts.txt", "--out", tmp_path)
