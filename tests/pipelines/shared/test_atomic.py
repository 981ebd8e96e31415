"""Whole files or none."""

import pytest

from pipelines.shared import atomic
from pipelines.shared.atomic import partial, write_atomically


@pytest.mark.parametrize("content", ["text — ˈ", b"\0\xff"])
def test_files_are_written_with_their_folder_and_nothing_beside_them(tmp_path, content):
    path = tmp_path / "new" / "a.json"
    write_atomically(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomically(path, "old")

    def fail(path):
        path.write_bytes(b"ha")
        raise OSError("disk full")

    temporary = partial(path)
    monkeypatch.setattr(atomic, "partial", lambda path: type("Full", (), {"write_bytes": lambda *_: fail(temporary)})())
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"


def test_a_partial_file_is_hidden_beside_the_whole_and_keeps_its_suffix(tmp_path):
    temporary = partial(tmp_path / "a.b.wav")
    assert (temporary.parent, temporary.suffix, temporary.name[0]) == (tmp_path, ".wav", ".")
