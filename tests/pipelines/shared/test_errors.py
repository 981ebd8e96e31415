"""One clear line for a user's mistake; a bug is not hidden."""

import os
import subprocess
import sys

import pytest

from pipelines.shared.errors import UserError, guard, resumable
from sources import ROOT


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


@pytest.mark.parametrize(("leave", "code"), [("raise KeyboardInterrupt", 130), ("sys.exit(143)", 143), ("pass", 0)])
def test_the_process_ends_although_a_thread_is_left(leave, code, tmp_path):
    """At once and with its own exit code; the interpreter's end, where such a thread is cut off, is not reached."""
    script = f"""
import atexit, sys, threading, time
from pipelines.shared.errors import guard, native
def main():
    thread = threading.Thread(target=time.sleep, args=(60,))  # no daemon: the interpreter would wait for it
    thread.start()
    native.add(thread)
    atexit.register(print, "the interpreter's end")
    print("said")
    {leave}
guard(main)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (code, "said\n")
