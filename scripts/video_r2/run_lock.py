"""One run of the workflow at a time for an experiment, and the next one after a run that was killed.

Snakemake's own lock is a list of files that stays when the process dies, and does not say whose it is.
"""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from snakemake.exceptions import LockException

from video_r2.errors import UserError
from video_r2.slurm import Jobs
from video_r2.state import Lock

SCRIPTS = "/.snakemake/scripts/"  # where Snakemake puts a rule's script, to be run
LOCKS = Path(".snakemake", "locks")  # Snakemake's own
PATIENCE = 10  # seconds between Snakemake's lock and ours, at most
JOB = "--target-jobs"  # what Snakemake is given where it does another's job


def orphans(results: str) -> list[int]:
    """Processes on this machine that run scripts for a Snakemake that is no more, here or in a clone with the same results."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(SCRIPTS in word for word in process.info["cmdline"] or []):
            with suppress(psutil.Error, OSError):  # it has ended, or is not ours to look at
                folder = Path(process.cwd())
                is_ours = folder == Path.cwd() or (folder / results).resolve() == Path(results).resolve()
                if is_ours and not any(map(_is_snakemake, process.parents())):
                    found.append(process.pid)
    return found


def _another_is_here() -> bool:
    """Whether another Snakemake works in this folder: one that has just begun has Snakemake's lock before it has ours."""
    own = {psutil.Process().pid, *(process.pid for process in psutil.Process().parents())}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid in own or process.cwd() != str(Path.cwd()):
                continue
            if _is_snakemake(process) and JOB not in process.cmdline():
                return True
    return False


def _is_snakemake(process: psutil.Process) -> bool:
    return any(Path(word).name == "snakemake" for word in process.cmdline())


class RunLock:
    """The lock of an experiment's runs, beside its results: two clones may share them.

    Args:
        results: the experiment's folder.
        states: folder of what its jobs keep.
    """

    def __init__(self, results: str, states: str) -> None:
        self._results = results
        self._lock = Lock(Path(states, "run.lock"), Path(results))
        self._has_told = False
        self._jobs = Jobs(Path(states, "run.slurm"), results)

    def take(self, executor: Any | None = None) -> None:
        """Hold the lock until this process ends, in whatever way, and end what a killed run has left in SLURM.

        Args:
            executor: what submits this run's jobs to SLURM, if anything does.

        Raises:
            UserError: if another run has it, or jobs of one that was killed have not ended; it says which.
        """
        self._lock.take()
        self._jobs.begin(executor)
        if left := orphans(self._results):
            raise UserError(
                f"jobs of a run that was killed are still at work: processes {', '.join(map(str, left))}",
                file=self._results,
                cure="wait until they have ended, or end them",
            )

    def require_own(self) -> None:
        """Stop where this process is a job of a run that was killed.

        Raises:
            UserError: naming the run.
        """
        self._jobs.require_own()

    def end(self) -> None:
        """The run has ended, well or not, and so have its jobs."""
        self._jobs.end()

    def clear(self) -> None:
        """Remove what Snakemake has locked for a run that has died on this machine, which Snakemake itself cannot tell.

        Of a run on another machine too little is known: there Snakemake stops, and says what to do.
        """
        left = [path for path in LOCKS.glob("*.lock") if self._is_ours(path)]
        if not left or (holder := self._lock.last_holder()) is None:
            return
        if self._lock.is_held():
            if not _is_below(holder):
                self._tell_holder()
        elif f" on {socket.gethostname()}, since" in holder and not _another_is_here():
            for path in left:
                path.unlink(missing_ok=True)
            print(f"note: {holder} has not ended well; its lock of {self._results} is removed", file=sys.stderr)

    def name_holder(self, workflow: Any) -> None:
        """Have Snakemake name who keeps this run out, also where that one has just begun and had not our lock yet."""
        build = workflow._build_dag

        def build_and_watch() -> None:
            build()
            lock = workflow.persistence.lock

            @contextmanager
            def lock_or_tell() -> Iterator[None]:
                with ExitStack() as stack:
                    try:
                        stack.enter_context(lock())
                    except LockException:
                        self._tell_holder()
                        raise
                    yield

            workflow.persistence.lock = lock_or_tell

        workflow._build_dag = build_and_watch  # what locks is made only when this is called

    def _tell_holder(self) -> None:
        """Say, once, who has our lock: a run that has Snakemake's takes it soon, unless there is nothing to do."""
        end = time.monotonic() + PATIENCE
        while not self._lock.is_held() and time.monotonic() < end:
            time.sleep(0.1)
        if self._lock.is_held() and not self._has_told:
            print(f"note: {self._lock.last_holder()} is making {self._results}", file=sys.stderr)
            self._has_told = True

    def _is_ours(self, path: Path) -> bool:
        try:
            return any(line.startswith(f"{self._results}/") for line in path.read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:  # the run has just ended
            return False


def _is_below(holder: str) -> bool:
    """Whether this process is at work for the one that is named, as Snakemake is that makes a report in a job."""
    number = re.match(r"process (\d+) on ", holder)
    return number is not None and int(number[1]) in {parent.pid for parent in psutil.Process().parents()}
