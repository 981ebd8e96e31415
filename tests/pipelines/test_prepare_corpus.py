"""Corpora on disk become manifests; whatever is missing or broken is named."""

import json
import re
import subprocess
import sys
import time

import pytest
import soundfile

import toys
from pipelines import prepare_corpus
from pipelines.corpus import manifest
from pipelines.shared.errors import UserError
from sources import ROOT


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


def nemo(root):
    rows = [dict(audio_filepath=f"{name}/1.wav", duration=9, text="Words.", lang="en", speaker=3) for name in "ab"]
    for name in "ab":
        record(root / name / "1.wav")
    (root / "train.json").write_text("\n".join(map(json.dumps, rows)))
    return root / "train.json"


def test_a_manifest_of_nemo_becomes_one(prepare, tmp_path, capsys):
    """H, J, E: unknown keys are announced, lengths measured, ids made unique."""
    prepare("nemo", nemo(tmp_path / "corpus"), "--out", tmp_path / "out.jsonl")
    found = manifest.read(tmp_path / "out.jsonl")
    assert [(u.id, u.audio, u.text, u.speaker) for u in found] == [
        (f"{name}/1.wav", f"corpus/{name}/1.wav", "Words.", "3") for name in "ab"
    ]
    assert all(u.duration_s == pytest.approx(0.5) for u in found)
    assert "not used: lang of 2 lines" in capsys.readouterr().out


def rejected(path) -> dict[str, str]:
    lines = path.with_suffix(".rejects.jsonl").read_text("utf-8").splitlines()
    return {one["what"]: one["reason"] for one in map(json.loads, lines)}


def test_files_without_a_partner_are_announced(prepare, tmp_path, capsys):
    """H."""
    root, out = tmp_path / "corpus", tmp_path / "out.jsonl"
    folder(root)
    (root / "README.txt").write_text("About.")
    (root / "old.m4a").write_bytes(b"x")
    prepare("folder", root, "--out", out)
    assert len(manifest.read(out)) == 2
    assert rejected(out) == {
        str(root / "no_text.wav"): "has no .txt beside it",
        str(root / "old.m4a"): "has no .txt beside it",
        str(root / "README.txt"): "has no recording beside it",
    }
    assert f"3 files without a partner left out; all in {out.with_suffix('.rejects.jsonl')}" in capsys.readouterr().out


@pytest.mark.parametrize("layout", ["ljspeech", "libritts"])
def test_recordings_without_a_text_are_announced(prepare, tmp_path, layout):
    """H."""
    LAYOUTS[layout](tmp_path)
    extra = min(tmp_path.rglob("*.wav")).with_name("extra.flac")
    record(extra)
    prepare(layout, tmp_path, "--out", tmp_path / "out.jsonl")
    assert list(rejected(tmp_path / "out.jsonl")) == [str(extra)]


def test_recordings_that_cannot_be_read_here_are_named(prepare, tmp_path):
    """H."""
    folder(tmp_path)
    (tmp_path / "old.m4a").write_bytes(b"x")
    (tmp_path / "old.txt").write_text("Some words.")
    prepare("folder", tmp_path, "--out", tmp_path / "out.jsonl", "--max-rejects", 0.5)
    assert rejected(tmp_path / "out.jsonl")["old"].endswith(
        "old.m4a: .m4a cannot be read here; convert it to wav, for example with ffmpeg"
    )


def test_a_list_of_rejects_goes_when_all_is_well(prepare, tmp_path):
    folder(tmp_path / "corpus")
    prepare("folder", tmp_path / "corpus", "--out", tmp_path / "out.jsonl")
    (tmp_path / "corpus/no_text.wav").unlink()
    prepare("folder", tmp_path / "corpus", "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.rejects.jsonl").exists()


def test_recordings_of_one_name_get_ids_of_their_own(prepare, tmp_path):
    """E."""
    root = tmp_path / "corpus"
    for name in ("a/b_c.wav", "a_b/c.wav", "x.wav", "x.flac", "y.wav"):
        record(root / name)
        (root / name).with_suffix(".txt").write_text(f"Text of {name}.")
    prepare("folder", root, "--out", tmp_path / "out.jsonl")
    found = {u.id: u.text for u in manifest.read(tmp_path / "out.jsonl")}
    assert set(found) == {"a/b_c.wav", "a_b/c.wav", "x.wav", "x.flac", "y"}
    assert all(found[name] == f"Text of {name}." for name in ("a/b_c.wav", "a_b/c.wav"))


def test_a_recording_that_is_there_twice_or_listed_twice_is_named(prepare, tmp_path):
    """E."""
    ljspeech(tmp_path)
    record(tmp_path / "wavs/LJ001.flac")
    table = tmp_path / "metadata.csv"
    table.write_text(table.read_text("utf-8") + "LJ002|Again.\n", "utf-8")
    prepare("ljspeech", tmp_path, "--out", tmp_path / "out.jsonl", "--max-rejects", 0.9)
    assert [u.id for u in manifest.read(tmp_path / "out.jsonl")] == ["LJ002"]
    found = rejected(tmp_path / "out.jsonl")
    assert "is there as LJ001.flac, LJ001.wav" in found[f"{table}:1"]
    assert found[f"{table}:3"] == f"LJ002 is on {table}:2 already"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_symbolic_links_resolve(prepare, tmp_path, layout):
    """I."""
    real, disk = tmp_path / "disks/one/corpus", tmp_path / "disks/two/deep/lists"
    wanted = LAYOUTS[layout](real)
    disk.mkdir(parents=True)
    (tmp_path / "root").symlink_to(real)
    (tmp_path / "lists").symlink_to(disk)
    prepare(layout, tmp_path / "root", "--out", tmp_path / "lists/all.jsonl")
    for out in (tmp_path / "lists/all.jsonl", disk / "all.jsonl"):
        found = manifest.read(out)
        assert len(found) == len(wanted) and all((out.parent / u.audio).is_file() for u in found)
    (tmp_path / "more").mkdir()
    (tmp_path / "joined").symlink_to(tmp_path / "more")
    prepare("join", tmp_path / "lists/all.jsonl", "--out", tmp_path / "joined/all.jsonl")
    assert all((tmp_path / "more" / u.audio).is_file() for u in manifest.read(tmp_path / "more/all.jsonl"))


def test_folders_that_are_links_are_part_of_a_corpus(prepare, tmp_path):
    """I."""
    folder(tmp_path / "elsewhere")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/part").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "corpus/loop").symlink_to(tmp_path / "corpus")
    prepare("folder", tmp_path / "corpus", "--out", tmp_path / "out.jsonl")
    assert {u.id for u in manifest.read(tmp_path / "out.jsonl")} == {"part_a", "part_deep_b"}


def test_lengths_are_measured_not_believed(prepare, tmp_path):
    """J."""
    record(tmp_path / "a.wav")
    (tmp_path / "a.txt").write_text("Words.")
    content = (tmp_path / "a.wav").read_bytes()
    data = content.index(b"data") + 4
    (tmp_path / "a.wav").write_bytes(content[:data] + bytes(4) + content[data + 4 :])
    prepare("folder", tmp_path, "--out", tmp_path / "out.jsonl")
    assert manifest.read(tmp_path / "out.jsonl")[0].duration_s == pytest.approx(0.5)
    prepare("validate", tmp_path / "out.jsonl")


def test_an_interrupted_teacher_ends_with_its_workers(tmp_path):
    """And not after all that is still to be read."""
    pytest.importorskip("hibari", reason="the teacher needs hibari-tts")
    (tmp_path / "texts.txt").write_text("The boat left the harbour before the sun was up.\n" * 4000)
    command = [sys.executable, str(ROOT / "pipelines/prepare_corpus.py"), "teacher", "--texts", "texts.txt"]
    command += ["--hours", "5", "--workers", "2", "--out", "out"]
    whole = "[!.]*.wav"  # what is still being written has another name
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until = time.monotonic() + 120
    while len(list((tmp_path / "out/wavs").glob(whole))) < 4 and time.monotonic() < until:
        time.sleep(0.1)
    process.terminate()
    process.communicate(timeout=60)  # of which a worker that goes on would hold the pipe
    assert process.returncode == 143
    count = len(list((tmp_path / "out/wavs").glob(whole)))
    time.sleep(1.5)
    assert len(list((tmp_path / "out/wavs").glob(whole))) == count >= 4
