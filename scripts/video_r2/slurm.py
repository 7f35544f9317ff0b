"""A run's jobs in SLURM: those of a run that was broken off, and those that SLURM does not take, or tell about, for a while."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from types import SimpleNamespace
from typing import Any, cast

from snakemake_interface_common.exceptions import WorkflowError

from video_r2.errors import UserError
from video_r2.files import replacing

EXECUTOR = "snakemake_executor_plugin_slurm"
LEAVE = 180.0  # seconds that jobs have to save and leave, before they are cancelled
END = 120.0  # seconds that SLURM has to end what is cancelled
SETTLE = 5.0  # seconds that it may take SLURM to have done with jobs that have ended
FORGOTTEN = 600.0  # seconds after which a job that SLURM does not know counts as failed
SEEN = 60.0  # seconds that it may take until a node sees what was written on another
JOB = "slurm-jobstep"  # the executor of a Snakemake that is a job in SLURM
NO_JOBS = "none"  # name of a run without jobs in SLURM
LOOK = 1.0  # seconds between looks at jobs that are to end
HELD = 300.0  # seconds between two looks for jobs that are held
UNSAID = "it is not known whether it was taken before: socket timed out"
UNREACHED = 900.0  # seconds that a job is submitted again and again where SLURM cannot be reached
PAUSES = (5.0, 60.0)  # seconds before the next attempt: doubled each time, up to the second
_RUN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")  # how the name of a run's jobs ends


def executor_of(workflow: Any) -> Any | None:
    """What submits a workflow's jobs to SLURM, if anything does."""
    executor = workflow.scheduler._executor
    return executor if type(executor).__module__ == EXECUTOR else None


def require_programs(executor: Any) -> None:
    """Stop where a program is missing by which jobs are submitted or asked about, or where each would fail.

    Raises:
        UserError: naming it. The executor would tell of `sacct` alone, after it has submitted a job.
    """
    if re.search(r"\s", str(Path.cwd())):
        raise UserError(
            "the path has a space in it, at which SLURM's jobs would look for it in pieces",
            file=Path.cwd(),
            cure="move the repository to a path without one, or use --profile local",
        )
    for program in ("sbatch", executor.get_status_command()):
        if shutil.which(program) is None:
            raise UserError(
                f"there is no program {program!r}, which jobs are submitted to SLURM or asked about with",
                cure="start Snakemake where SLURM's commands are, with --slurm-status-command squeue if sacct alone is "
                "missing; or use --profile local",
            )


# --- jobs of a run that was broken off --------------------------------------------------------------------------------


class Jobs:
    """The name that all jobs of an experiment's run have in SLURM, kept while it runs.

    A run that was broken off leaves jobs behind that the next one does not know of; it would submit them again, and two jobs
    would write the same files.

    Args:
        file: keeps the name.
        results: the experiment's folder.
    """

    def __init__(self, file: Path, results: str) -> None:
        self._file = file
        self._results = results
        self._name: str | None = None

    def begin(self, executor: Any | None) -> None:
        """End the jobs of the run before, if some are left, and keep the name of this one's.

        Raises:
            UserError: if it cannot be told whether such jobs are at work, or if they do not end.
        """
        before = self._names()
        self._name = None if executor is None else str(executor.run_uuid)
        # First the new name, then a look at the jobs of the old: one that sbatch submits after it finds the new, and leaves.
        self._keep([*before, self._name or NO_JOBS])
        for name in before:
            if name != NO_JOBS:
                self._end_those_of(name)
        if self._name is None:
            self._file.unlink(missing_ok=True)
        else:
            self._keep([self._name])

    def require_own(self) -> None:
        """Stop where this process is a job in SLURM of a run that has been killed, and another has begun, or none goes on.

        The sbatch of a run that is killed lives on, and may submit its job when nobody looks for such any more.

        Raises:
            UserError: naming the job's run.
        """
        name = os.environ.get("SLURM_JOB_NAME", "")
        if JOB not in sys.argv or not _RUN.search(name):
            return  # also where all of a run is one job of another's in SLURM
        begun = time.monotonic()
        while self._names()[-1:] != [name]:
            if time.monotonic() > begun + SEEN:
                raise UserError(
                    f"this job is of a run that was broken off ({name}), and would write what others write",
                    file=self._results,
                    cure="none is needed: it leaves, and the run that goes on has a job of its own for this",
                )
            time.sleep(LOOK)

    def _names(self) -> list[str]:
        """Of the run that has the experiment, behind those of runs before it whose jobs may not have ended."""
        try:
            return self._file.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return []

    def _keep(self, names: Sequence[str]) -> None:
        with replacing(self._file) as temporary:
            temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")

    def end(self) -> None:
        """The run has ended: its name is forgotten if all its jobs have, by what SLURM says, and else kept for the next run."""
        if self._name is None:
            return
        with suppress(UserError):
            if self._gone(self._name, SETTLE):
                self._file.unlink(missing_ok=True)

    def _end_those_of(self, name: str) -> None:
        left = self._those_of(name)
        if not left:
            return
        print(
            f"note: {len(left)} jobs of a run of {self._results} that was broken off are still in SLURM "
            f"({', '.join(left[:10])}{' …' if len(left) > 10 else ''}); what has begun may save its state, then they end",
            file=sys.stderr,
        )
        self._slurm("scancel", f"--name={name}", "--state=PENDING")
        self._slurm("scancel", f"--name={name}", "--state=RUNNING", "--signal=TERM")
        if not self._gone(name, LEAVE):
            self._slurm("scancel", f"--name={name}")
            if not self._gone(name, END):
                raise UserError(
                    f"jobs of a run that was broken off do not end: {', '.join(self._those_of(name))}",
                    file=self._results,
                    cure="see what `squeue` says of them, and ask who runs the cluster",
                )

    def _gone(self, name: str, seconds: float) -> bool:
        begun = time.monotonic()
        while self._those_of(name):
            if time.monotonic() > begun + seconds:
                return False
            time.sleep(LOOK)
        return True

    def _those_of(self, name: str) -> list[str]:
        return self._slurm("squeue", "--noheader", "--format=%A", f"--name={name}").split()

    def _slurm(self, *command: str) -> str:
        try:
            done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=60, env=_environment())
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise self._unknown(command, str(error)) from error
        # scancel ends with 1 if a job has ended meanwhile; who is left is asked again.
        if done.returncode and command[0] == "squeue":
            raise self._unknown(command, done.stderr.strip())
        return done.stdout

    def _unknown(self, command: Sequence[str], why: str) -> UserError:
        return UserError(
            f"it cannot be told whether jobs of a run that was broken off are still at work, since {command[0]} does not "
            f"answer: {why}",
            file=self._results,
            cure=f"run where SLURM is, when it answers again; or, if these jobs have ended for sure, delete {self._file}",
        )


def _environment() -> dict[str, str]:
    """The user's, without what shapes squeue's answers."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}


# --- jobs that SLURM does not take ------------------------------------------------------------------------------------

# What sbatch says where nothing is wrong with the job: SLURM is away, or its door, or a user may not have so many jobs in it.
_AWAY = re.compile(
    r"unable to contact slurm controller|socket timed out|connection (?:refused|timed out)|slurm controller not responding"
    r"|communication connection failure|temporarily unable to accept job|resource temporarily unavailable"
    r"|zero bytes were transmitted|message (?:receive|send) failure|protocol authentication error|\bmunge|in standby mode"
    r"|could not establish a configuration source",
    re.IGNORECASE,
)
_FULL = re.compile(r"\w*MaxSubmitJob\w*")


class Submitter:
    """Submits and cancels jobs in an executor's place: where SLURM does not take a job, it waits, and submits it again.

    By itself the executor (snakemake-executor-plugin-slurm 2.8.0) counts the job as failed, at once: a controller that is
    restarted would use up all attempts of every job. When a run is broken off it goes on submitting what it had begun with, and
    cancels neither that nor the jobs that it is asking about.

    Args:
        executor: the plug-in's; it starts `sbatch` through this from now on, and is cancelled through this.
    """

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._known: set[str] = set()
        self._open: set[str] = set()  # comments of jobs of which it is not known whether SLURM has taken them
        self._doubtful: dict[str, float] = {}  # comments of jobs that it may have taken twice, and until when to look
        self._one_at_a_time = Lock()
        self._ending = Event()
        plugin = cast(Any, sys.modules[type(executor).__module__])
        plugin.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": self._popen})
        self._cancel = executor.cancel
        executor.cancel = self.cancel

    def cancel(self) -> None:
        """As the executor's: the run is broken off. Nothing is submitted any more, and all that has its name is cancelled."""
        self._ending.set()
        with self._one_at_a_time, suppress(FileNotFoundError, subprocess.TimeoutExpired):
            command = ("scancel", f"--name={self._executor.run_uuid}")
            subprocess.run(command, capture_output=True, check=False, timeout=60)
        self._cancel()

    def _popen(self, call: str, **options: Any) -> _Submission:
        return _Submission(lambda given: self._submit(call, options, given))

    def _submit(self, call: str, options: dict[str, Any], given: str | None) -> tuple[str, str, int]:
        with self._one_at_a_time:
            begun, pause, comment = time.monotonic(), PAUSES[0], _comment_of(call)
            asks_first = comment in self._open and not self._ending.is_set()
            said, complaint, code = ("", UNSAID, 1) if asks_first else self._attempt(call, options, given)
            while code and not self._ending.is_set() and _may_be_taken(complaint, time.monotonic() - begun):
                self._open.add(comment)
                self._executor.logger.warning(
                    f"SLURM does not take a job ({complaint.strip()}): it is submitted again in {pause:.0f} seconds"
                )
                self._ending.wait(pause)
                pause = min(2 * pause, PAUSES[1])
                queued = self._queued()
                # The answer alone may have been lost: two jobs of one would write the same files.
                if queued is None:
                    continue
                taken = next((job for job in queued if self._may_be_of(comment, *job)), None)
                if taken:
                    # The executor reads a failure in what sbatch complained of, whatever its status.
                    said, complaint, code = f"{taken[0]}\n", "", 0
                else:
                    said, complaint, code = self._attempt(call, options, given)
                    self._doubtful[comment] = time.monotonic() + FORGOTTEN
            if not code:
                said = _number_alone(said)
                self._known.update(re.findall(r"\d+", said))
                self._open.discard(comment)
            return said, complaint, code

    def cancel_twins(self) -> None:
        """Cancel what SLURM has taken after all, and after the same job was submitted again: it was slow to show it."""
        self._doubtful = {comment: end for comment, end in self._doubtful.items() if time.monotonic() < end}
        if not self._doubtful or not self._one_at_a_time.acquire(blocking=False):
            return
        try:
            queued = self._queued() or []
            for job in [job for job, comment in queued if comment in self._doubtful and job not in self._known]:
                self._executor.logger.warning(f"SLURM has taken a job twice: {job} is cancelled")
                with suppress(FileNotFoundError, subprocess.TimeoutExpired):
                    command = ("scancel", job)
                    subprocess.run(command, capture_output=True, check=False, timeout=60)
        finally:
            self._one_at_a_time.release()

    def _may_be_of(self, submitted: str, job: str, comment: str) -> bool:
        """Whether a job in the queue is what was submitted with a comment; where a site keeps none, whatever is unknown is."""
        return job not in self._known and comment in (submitted, "", "(null)")

    def _attempt(self, call: str, options: dict[str, Any], given: str | None) -> tuple[str, str, int]:
        if self._ending.is_set():
            return "", "the run is being ended", 1
        process = subprocess.Popen(call, **options)
        said, complaint = process.communicate(given)
        return said, complaint, process.returncode

    def _queued(self) -> list[tuple[str, str]] | None:
        """The jobs of this run that SLURM has, each with its comment; None if it does not answer."""
        said = _asked(f"--name={self._executor.run_uuid}", "--format=%F|%k")
        return None if said is None else [_parted(line) for line in said.splitlines() if line.strip()]


def _comment_of(call: str) -> str:
    """The comment that a job is submitted with: its rule and wildcards."""
    words = shlex.split(call)
    return words[words.index("--comment") + 1] if "--comment" in words[:-1] else ""


def _number_alone(said: str) -> str:
    """The line of what sbatch says that is the job's number: sites have it say more, of which the executor makes others."""
    numbers = re.findall(r"^\s*(\d+(?:;[\w.-]+)?)\s*$", said, re.MULTILINE)
    return f"{numbers[-1]}\n" if numbers else said


def _parted(line: str) -> tuple[str, str]:
    job, _, remark = line.partition("|")
    return job.strip(), remark.strip()


def _asked(*options: str) -> str | None:
    """What squeue says; None if it does not answer."""
    with suppress(FileNotFoundError, subprocess.TimeoutExpired):
        command = ("squeue", "--noheader", *options)
        done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=60, env=_environment())
        return done.stdout if done.returncode == 0 else None
    return None


def _pending(run: str) -> list[tuple[str, str]]:
    """Each job of a run that waits, and why."""
    said = _asked(f"--name={run}", "--states=PENDING", "--format=%A|%r") or ""
    return [_parted(line) for line in said.splitlines()]


def _may_be_taken(complaint: str, waited: float) -> bool:
    """Whether SLURM may take a job later that it has not taken after so many seconds."""
    return bool(_FULL.search(complaint) or (_AWAY.search(complaint) and waited <= UNREACHED))


class _Submission:
    """What the executor takes for a process."""

    def __init__(self, submit: Callable[[str | None], tuple[str, str, int]]) -> None:
        self._submit = submit
        self.returncode: int | None = None

    def communicate(self, input: str | None = None) -> tuple[str, str]:
        said, complaint, self.returncode = self._submit(input)
        return said, complaint


# --- jobs that SLURM does not tell about ------------------------------------------------------------------------------


_MAY_COME_BACK = frozenset({"PREEMPTED", "NODE_FAIL", "REVOKED", "LAUNCH_FAILED", "RECONFIG_FAIL"})


class Patience:
    """Keeps an executor's jobs while SLURM does not answer, and gives up those that it has forgotten.

    By itself the executor (snakemake-executor-plugin-slurm 2.8.0) drops all jobs when five queries have failed, which takes a
    second, and waits for ever; and it waits for ever for a job that SLURM does not know any more. Where SLURM soon forgets
    jobs, it asks sacct in place of squeue, also on a cluster that keeps no accounts, and waits for ever.

    Args:
        executor: the plug-in's; its queries and checks go through this from now on.
        submitter: what submits its jobs, and may have done so twice.
    """

    def __init__(self, executor: Any, submitter: Submitter | None = None) -> None:
        self._executor = executor
        self._submitter = submitter
        self._plugin = cast(Any, sys.modules[type(executor).__module__])
        self._query, self._check = self._plugin.query_job_status, executor.check_active_jobs
        self._states: dict[str, str] | None = None
        self._silent_since: float | None = None
        self._missing_since: dict[str, float] = {}
        self._looked_at: float | None = None
        self._told_of: set[str] = set()
        self._plugin.query_job_status = self.query
        executor.check_active_jobs = self.check
        if executor.get_status_command() == "squeue":
            is_there = self._plugin.is_query_tool_available
            self._plugin.is_query_tool_available = lambda tool: tool != "sacct" and is_there(tool)

    async def query(self, command: str, logger: Any) -> tuple[dict[str, str] | None, float | None]:
        """As the plug-in's, without what SLURM calls unknown, which counts as done there; it is remembered."""
        states, seconds = await self._query(command, logger)
        known = (states or {}).items()
        self._states = None if states is None else {job: state for job, state in known if state != "UNKNOWN"}
        return self._states, seconds

    async def check(self, active: list[Any]) -> AsyncIterator[Any]:
        """As the executor's: yields the jobs that are still to be waited for."""
        async for job in self._check(active):
            if self._is_forgotten(job.external_jobid):
                # In case it is there all the same: an accounting database can lag far behind, and two must not write one file.
                with suppress(WorkflowError):
                    self._executor.cancel_jobs([job])
                self._executor.report_job_error(
                    job,
                    msg=f"SLURM does not know job {job.external_jobid} any more, or has ended it for good without a result. ",
                )
            else:
                yield job
        if active and self._states is None:
            self._tell_of_silence()
            for job in active:
                yield job
        elif active:
            self._silent_since = None
            await self._tell_of_held()
            if self._submitter:
                await asyncio.to_thread(self._submitter.cancel_twins)

    async def _tell_of_held(self) -> None:
        """Say of each job that SLURM holds, once, that nothing but somebody's doing lets it go; it counts as pending."""
        if self._looked_at is not None and time.monotonic() - self._looked_at < HELD:
            return
        self._looked_at = time.monotonic()
        for job, reason in await asyncio.to_thread(_pending, str(self._executor.run_uuid)):
            if "held" in reason.lower() and job not in self._told_of:
                self._told_of.add(job)
                self._executor.logger.warning(
                    f"SLURM holds job {job} ({reason}): it waits until somebody lets it go (scontrol release {job}), or ends "
                    f"it (scancel {job}), so that it comes again"
                )

    def _is_forgotten(self, job: str) -> bool:
        known = self._states or {}
        state = known.get(job, known.get(job.partition("_")[0]))
        # To the executor such a job is one that comes back; where the site lets it end, it never does.
        if state is not None and state not in _MAY_COME_BACK:
            self._missing_since.pop(job, None)
            return False
        return time.monotonic() - self._missing_since.setdefault(job, time.monotonic()) > FORGOTTEN

    def _tell_of_silence(self) -> None:
        if self._silent_since is None:
            self._silent_since = time.monotonic()
        minutes = (time.monotonic() - self._silent_since) / 60
        self._executor.logger.warning(
            f"SLURM does not answer ({self._executor.get_status_command()}, for {minutes:.0f} minutes): its jobs are kept, and "
            "asked about again"
        )
