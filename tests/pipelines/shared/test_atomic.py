"""Whole files or none."""

from pathlib import Path

import pytest

from pipelines.shared.atomic import partial, replacing, write_atomically


@pytest.mark.parametrize("content", ["text — ˈ", b"\0\xff"])
def test_files_are_written_with_their_folder_and_nothing_beside_them(tmp_path, content):
    path = tmp_path / "new" / "a.json"
    write_atomically(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomically(path, "old")

    def fail(path, content):
        path.write_text("ha")
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.wav"
    with replacing(path) as first:
        first.write_text("first")
        with replacing(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]


def test_a_partial_file_is_hidden_beside_the_whole_and_keeps_its_suffix(tmp_path):
    temporary = partial(tmp_path / "a.b.wav")
    assert (temporary.parent, temporary.suffix, temporary.name[0]) == (tmp_path, ".wav", ".")
