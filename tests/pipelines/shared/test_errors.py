"""One clear line for a user's mistake; a bug is not hidden."""

import pytest

from pipelines.shared.errors import UserError, guard, resumable


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


@pytest.mark.parametrize(
    ("decorate", "line"), [(resumable, "interrupted; the same command resumes\n"), (lambda main: main, "interrupted\n")]
)
def test_an_interrupt_says_how_to_go_on_where_that_is_true(capsys, decorate, line):
    with pytest.raises(SystemExit) as stopped:
        guard(decorate(stop(KeyboardInterrupt())))
    assert stopped.value.code == 130
    assert capsys.readouterr().err == line


def test_a_bug_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        guard(stop(ZeroDivisionError()))


def test_a_developer_can_have_the_traceback(monkeypatch):
    monkeypatch.setenv("LFSC_TRACEBACK", "1")
    with pytest.raises(UserError):
        guard(stop(UserError("x")))
