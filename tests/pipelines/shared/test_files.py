"""Whole files or none, and one clear line for a user's mistake."""

import pytest

from pipelines.shared import files
from pipelines.shared.files import UserError, guard, partial, write_atomically


def stop(error: BaseException):
    def main():
        raise error

    return main


@pytest.mark.parametrize("kind", [UserError, ValueError, FileNotFoundError, PermissionError, ImportError])
def test_a_mistake_is_one_line_and_exit_code_2(kind, capsys):
    with pytest.raises(SystemExit) as stopped:
        guard(stop(kind("got a\n  b; expected c")))
    assert stopped.value.code == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "error: got a b; expected c\n")


def test_an_interrupt_says_how_to_go_on(capsys):
    with pytest.raises(SystemExit) as stopped:
        guard(stop(KeyboardInterrupt()))
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "interrupted; the same command resumes\n"


def test_a_bug_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        guard(stop(ZeroDivisionError()))


def test_a_developer_can_have_the_traceback(monkeypatch):
    monkeypatch.setenv("LFSC_TRACEBACK", "1")
    with pytest.raises(UserError):
        guard(stop(UserError("x")))


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
    monkeypatch.setattr(files, "partial", lambda path: type("Full", (), {"write_bytes": lambda *_: fail(temporary)})())
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"


def test_a_partial_file_is_hidden_beside_the_whole_and_keeps_its_suffix(tmp_path):
    temporary = partial(tmp_path / "a.b.wav")
    assert (temporary.parent, temporary.suffix, temporary.name[0]) == (tmp_path, ".wav", ".")
