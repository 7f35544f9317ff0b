"""What every command that a user calls has in common: how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from video_r2.errors import UserError

READER_IS_GONE = 128 + 13  # as a shell says it of a process that SIGPIPE ended


def run_command(main: Callable[[], None]) -> None:
    """Run a command's `main`: a user's error ends it with one sentence, a reader who has seen enough (`| head`) with none."""
    try:
        try:
            main()
        finally:
            sys.stdout.flush()
    except UserError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again, and fails, at its end
        sys.exit(READER_IS_GONE)
