"""How every script treats the mistakes of its user, and being stopped: one clear line, and the usual exit code."""

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn, TypeVar
from weakref import WeakSet

T = TypeVar("T", bound=Callable[..., Any])
MISTAKE, INTERRUPTED, BROKEN_PIPE, TERMINATED = 2, 130, 141, 143  # exit codes; from 128 on, plus a signal's number


class UserError(ValueError):
    """A mistake the user can mend; its message says what was given, what was expected and what to do."""


native: WeakSet[threading.Thread] = WeakSet()  # daemons that run networks; see `guard`


def guard(main: Callable[[], None]) -> None:
    """Run a script's main, and end the process at once where it leaves threads that run networks.

    The interpreter would cut these off inside native code, which aborts the process. An exception may keep what would
    have stopped them alive until then, so they are asked themselves.
    """
    code: object = 0
    try:
        _guard(main)
    except SystemExit as leaving:
        code = leaving.code
        raise
    except BaseException:
        code = 1
        raise
    finally:
        if any(thread.is_alive() for thread in list(native)):
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError, AttributeError):
                    stream.flush()
            os._exit(code if isinstance(code, int) else bool(code))


def _guard(main: Callable[[], None]) -> None:
    """Run a script's main: a user's mistake prints one line and exits with 2, an interrupt exits with 130.

    SIGTERM ends the script as an interrupt does, so that temporary files are removed, and exits with 143. Where nobody
    reads standard output any more it exits with 141 and says nothing, as other programs do in a pipe.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    if sys.stderr is None:  # closed; print would write to standard output in its place
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # until the end
    try:
        main()
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk can still be told
    except BrokenPipeError:
        _discard_output()
        sys.exit(BROKEN_PIPE)
    except (UserError, ValueError, OSError, ImportError) as error:
        if os.environ.get("LFSC_TRACEBACK"):
            raise
        _discard_output()
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(MISTAKE)
    except KeyboardInterrupt as interrupt:
        print("; ".join(["interrupted", *map(str, interrupt.args)]), file=sys.stderr)
        sys.exit(INTERRUPTED)


def resumable(main: T) -> T:
    """Of a main that goes on where it was interrupted: whoever interrupts it is told so."""

    @functools.wraps(main)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return main(*args, **options)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the same command resumes") from None

    return run  # type: ignore[return-value]


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED)


def _discard_output() -> None:
    """What standard output still holds cannot be written; the interpreter would try again, and complain, at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
