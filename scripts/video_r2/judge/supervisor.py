"""Starts the judge's server and ends it with the job that wants it, whatever becomes of that.

python supervisor.py PID GRACE COMMAND...

PID is the job's process, whose pipe is standard input. When that says something or is closed, or the process is gone, the
server is asked to end and, GRACE seconds later, killed, with all that it has started. So is what is left of a server
that ends by itself; its exit code is then this process's. Nothing of this project is imported: this starts at once, wherever.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # of Linux
LOOK = 0.2  # seconds


def main(job: int, grace: float, command: list[str]) -> int:
    """Run the server until it, or the job, has ended; its exit code, 128 more than the number of a signal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        # A scheduler sends them to every process of a job, and the job itself decides when this one ends.
        signal.signal(number, lambda number, frame: None)  # unlike SIG_IGN nothing that the server would inherit
    _set_process(PR_SET_CHILD_SUBREAPER, 1)  # what the server's processes leave becomes this one's
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        # Should this process be killed, the server is, too.
        preexec_fn=lambda: _set_process(PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    while (code := server.poll()) is None and os.getppid() == job:
        if select.select([sys.stdin], [], [], LOOK)[0]:
            break
    _end(server.pid, grace)
    return 0 if code is None else code if code >= 0 else 128 - code


def _set_process(what: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(what, value)


def _end(group: int, grace: float) -> None:
    """End a process group, and then what has left it."""
    ends = time.monotonic() + grace
    _signal(group, signal.SIGTERM)
    while _is_there(group) and time.monotonic() < ends:
        time.sleep(LOOK / 4)
    while _is_there(group):
        _signal(group, signal.SIGKILL)
        time.sleep(LOOK / 4)
    while orphans := _children():
        for orphan in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
        _reap()
        time.sleep(LOOK / 4)


def _signal(group: int, number: int) -> bool:
    """Send a signal to all processes of a group; whether there are any."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _is_there(group: int) -> bool:
    _reap()
    return _signal(group, 0)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _children() -> list[int]:
    """Children of this process, which those become whose parents have ended; none where the system does not say."""
    _reap()
    try:
        return [int(number) for number in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
