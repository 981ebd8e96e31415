"""How every script treats its user's mistakes: one clear line and exit code 2."""

import os
import sys
from collections.abc import Callable


class UserError(ValueError):
    """A mistake the user can mend; its message says what was given, what was expected and what to do."""


def guard(main: Callable[[], None]) -> None:
    """Run a script's main: a user's mistake prints one line and exits with 2, an interrupt exits with 130."""
    try:
        main()
    except (UserError, ValueError, OSError, ImportError) as error:
        if os.environ.get("LFSC_TRACEBACK"):
            raise
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command resumes", file=sys.stderr)
        sys.exit(130)
