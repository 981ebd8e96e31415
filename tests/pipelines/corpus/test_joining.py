"""Manifests joined: nobody who was left out, no id twice, every path still right."""

import pytest

from pipelines import prepare_corpus
from pipelines.corpus import manifest
from pipelines.corpus.manifest import Utterance
from pipelines.shared.errors import UserError


@pytest.fixture
def corpora(tmp_path):
    """Two corpora with the same ids."""
    paths = []
    for folder, speakers in (("ours", ["ann", "bob", "ann+bob@0.4"]), ("theirs", ["cid", "bob+dan@0.5"])):
        path = tmp_path / folder / "manifest.jsonl"
        rows = [Utterance(f"{i}", f"wavs/{i}.wav", "Some words.", speaker) for i, speaker in enumerate(speakers)]
        manifest.write(path, rows)
        for row in rows:
            (path.parent / row.audio).parent.mkdir(exist_ok=True)
            (path.parent / row.audio).touch()
        paths.append(path)
    return paths


def join(*arguments):
    prepare_corpus.main(["join", *map(str, arguments)])


def test_ids_and_paths(corpora, tmp_path):
    join(*corpora, "--out", tmp_path / "lists/all.jsonl")
    found = manifest.read(tmp_path / "lists/all.jsonl")
    assert [one.id for one in found] == ["ours-0", "ours-1", "ours-2", "theirs-0", "theirs-1"]
    assert all((tmp_path / "lists" / one.audio).is_file() for one in found)


def test_a_speaker_who_is_left_out_is_in_no_blend_either(corpora, tmp_path):
    join(*corpora, "--exclude", "bob", "--out", tmp_path / "all.jsonl")
    assert [one.speaker for one in manifest.read(tmp_path / "all.jsonl")] == ["ann", "cid"]


def test_some_speakers_come_first(corpora, tmp_path):
    join(*corpora, "--first", "cid", "dan", "--out", tmp_path / "all.jsonl")
    speakers = [one.speaker for one in manifest.read(tmp_path / "all.jsonl")]
    assert speakers == ["cid", "bob+dan@0.5", "ann", "bob", "ann+bob@0.4"]


def test_few_speakers_alone_and_the_first_of_each(corpora, tmp_path):
    join(*corpora, "--only", "bob", "cid", "--out", tmp_path / "few.jsonl")
    assert [one.speaker for one in manifest.read(tmp_path / "few.jsonl")] == ["bob", "cid"], "no blends"
    rows = [Utterance(f"{i}", f"wavs/{i}.wav", "Some words.", "ab"[i % 3 == 2]) for i in range(9)]
    manifest.write(tmp_path / "ours/manifest.jsonl", rows)
    join(corpora[0], "--each", "2", "--out", tmp_path / "each.jsonl")
    assert [one.id for one in manifest.read(tmp_path / "each.jsonl")] == ["ours-0", "ours-1", "ours-2", "ours-5"]


@pytest.mark.parametrize(
    "command",
    [
        ["join", "x", "--each", "-1"],
        ["kokoro", "--texts", "x", "--styles", "x", "--workers", "0"],
        ["teacher", "--texts", "x", "--hours", "nan"],
        ["hear", "x", "--most", "-0.1"],
    ],
)
def test_numbers_out_of_range_are_named(command, tmp_path):
    with pytest.raises(UserError, match=rf"got {command[-2]} {command[-1]}; expected [01] or more"):
        prepare_corpus.main([*command, "--out", str(tmp_path / "out.jsonl")])


def test_mistakes_are_named(corpora, tmp_path):
    out = tmp_path / "all.jsonl"
    with pytest.raises(UserError, match="no speaker is called eve; there are ann, bob, cid, dan"):
        join(*corpora, "--exclude", "eve", "--out", out)
    with pytest.raises(UserError, match="different names"):
        join(corpora[0], corpora[0], "--out", out)
    with pytest.raises(UserError, match="every speaker is excluded"):
        join(corpora[0], "--exclude", "ann", "bob", "--out", out)
    assert not out.exists()
