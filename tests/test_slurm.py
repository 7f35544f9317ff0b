"""Jobs of a run that was broken off, and a SLURM that does not answer: with stand-ins for its commands."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake_executor_plugin_slurm as plugin

from video_r2 import slurm
from video_r2.errors import UserError
from video_r2.slurm import Jobs, Patience, Submitter

EXECUTOR: Any = SimpleNamespace(run_uuid="video-r2_new")


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder before all others of PATH, whose squeue prints the file "queue" and whose scancel notes what it is told."""
    stand_in(tmp_path, "squeue", f"cat {tmp_path}/queue")
    stand_in(tmp_path, "scancel", f'echo "$@" >> {tmp_path}/told')
    (tmp_path / "queue").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("LEAVE", "END", "LOOK"):
        monkeypatch.setattr(slurm, name, 0.05)
    return tmp_path


def stand_in(folder: Path, name: str, does: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


# --- jobs of a run that was broken off --------------------------------------------------------------------------------


@pytest.fixture
def left(tmp_path: Path) -> Jobs:
    """The jobs of an experiment whose run was killed."""
    (tmp_path / "one.slurm").write_text("video-r2_old\n", encoding="utf-8")
    return Jobs(tmp_path / "one.slurm", "results/one")


def test_a_runs_name_is_kept_while_it_runs(commands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "SETTLE", 0.0)
    of_run = Jobs(commands / "one.slurm", "results/one")
    of_run.begin(EXECUTOR)
    assert (commands / "one.slurm").read_text() == "video-r2_new\n"
    (commands / "queue").write_text("7\n")
    of_run.end()
    assert (commands / "one.slurm").exists()  # a job that was cancelled is about to end: the next run is to know of it
    stand_in(commands, "squeue", "exit 1")
    of_run.end()
    assert (commands / "one.slurm").exists()
    stand_in(commands, "squeue", "true")
    of_run.end()
    assert not (commands / "one.slurm").exists()
    of_run.begin(None)  # without SLURM there is nothing to keep
    assert not (commands / "one.slurm").exists()


def test_a_job_of_a_run_that_was_killed_leaves(commands: Path, left: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sbatch may have submitted it when the next run had looked for such."""
    old, new = (f"video-r2_{digit * 8}-0000-4000-8000-000000000000" for digit in "12")
    file = commands / "one.slurm"
    monkeypatch.setattr(slurm, "SEEN", 0.0)
    monkeypatch.setenv("SLURM_JOB_NAME", old)
    file.write_text(f"{new}\n")
    left.require_own()  # of the local profile, within a job of another workflow's
    monkeypatch.setattr("sys.argv", ["snakemake", "--executor", "slurm-jobstep", "--jobs", "1"])
    for name, keeps in ((old, f"{old}\n"), (new, f"{old}\n{new}\n"), (new, f"{new}\n"), ("mine", "")):
        file.write_text(keeps)
        monkeypatch.setenv("SLURM_JOB_NAME", name)
        left.require_own()
    for keeps in (f"{old}\n{new}\n", f"{new}\n", "none\n", ""):
        file.write_text(keeps)
        monkeypatch.setenv("SLURM_JOB_NAME", old)
        with pytest.raises(UserError, match=f"of a run that was broken off .{old}"):
            left.require_own()
    file.unlink()
    with pytest.raises(UserError, match="broken off"):
        left.require_own()


def test_a_run_is_named_before_the_jobs_of_the_one_before_are_looked_for(commands: Path, left: Jobs) -> None:
    stand_in(commands, "squeue", f"cat {commands}/one.slurm > {commands}/seen")
    left.begin(EXECUTOR)
    assert (commands / "seen").read_text() == "video-r2_old\nvideo-r2_new\n"
    assert (commands / "one.slurm").read_text() == "video-r2_new\n"
    left.begin(None)
    assert (commands / "seen").read_text() == "video-r2_new\nnone\n"
    assert not (commands / "one.slurm").exists()


def test_where_no_job_is_left_nothing_is_told(commands: Path, left: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    left.begin(EXECUTOR)
    assert capsys.readouterr().err == ""
    assert not (commands / "told").exists()
    assert (commands / "one.slurm").read_text() == "video-r2_new\n"


def test_jobs_that_are_left_may_save_and_leave(commands: Path, left: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    (commands / "queue").write_text("7\n8\n")
    stand_in(commands, "scancel", f'echo "$@" >> {commands}/told; case "$@" in *TERM) : > {commands}/queue;; esac')
    left.begin(EXECUTOR)
    assert (
        "note: 2 jobs of a run of results/one that was broken off are still in SLURM (7, 8)" in capsys.readouterr().err
    )
    assert (commands / "told").read_text().splitlines() == [
        "--name=video-r2_old --state=PENDING",
        "--name=video-r2_old --state=RUNNING --signal=TERM",
    ]


def test_jobs_that_do_not_leave_are_cancelled_and_no_other_takes_their_place(commands: Path, left: Jobs) -> None:
    (commands / "queue").write_text("7\n")
    with pytest.raises(UserError, match="jobs of a run that was broken off do not end: 7"):
        left.begin(EXECUTOR)
    assert (commands / "told").read_text().splitlines()[-1] == "--name=video-r2_old"
    assert (commands / "one.slurm").read_text() == "video-r2_old\nvideo-r2_new\n"  # the next run is to know of it


@pytest.mark.parametrize("does", ["echo slurm_load_jobs error >&2; exit 1", None])
def test_where_slurm_does_not_answer_no_run_begins(commands: Path, left: Jobs, does: str | None, monkeypatch) -> None:
    if does is None:
        monkeypatch.setenv("PATH", str(commands / "nothing"))
    else:
        stand_in(commands, "squeue", does)
    with pytest.raises(
        UserError, match=r"squeue does not answer: .*(slurm_load_jobs error|No such file).*delete .*one\.slurm"
    ):
        left.begin(EXECUTOR)
    assert (commands / "one.slurm").read_text() == "video-r2_old\nvideo-r2_new\n"  # the next run is to know of it


# --- jobs that SLURM does not take ------------------------------------------------------------------------------------

AWAY = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"


@pytest.fixture
def pauses(commands: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a submitter makes, which take no time."""
    monkeypatch.setattr(plugin, "subprocess", plugin.subprocess)  # as it was, after the test
    now, made = [0.0], []

    class Ending(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            made.append(timeout or 0.0)
            now[0] += timeout or 0.0
            return self.is_set()

    monkeypatch.setattr(slurm, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(slurm, "Event", Ending)
    (commands / "queue").write_text("")
    Submitter(Looks().executor)
    return made


def submit(comment: str = "rule_one") -> tuple[int, str, str]:
    """Submit as the plug-in does."""
    process = plugin.subprocess.Popen(  # noqa: S604
        f"sbatch --parsable --comment '{comment}' /dev/stdin",
        shell=True,
        text=True,
        stdin=plugin.subprocess.PIPE,
        stdout=plugin.subprocess.PIPE,
        stderr=plugin.subprocess.PIPE,
    )
    said, complaint = process.communicate(input="#!/bin/sh\ntrue")
    return process.returncode, said, complaint


def failing(commands: Path, times: int, complaint: str) -> str:
    """A stand-in for sbatch that takes the script it is given once it has failed so often."""
    count = f"{commands}/calls"
    return f"echo x >> {count}; [ $(wc -l < {count}) -gt {times} ] || {{ echo '{complaint}' >&2; exit 1; }}; cat >&2; echo 7"


def test_a_job_is_submitted_again_until_the_controller_is_there(
    commands: Path, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    stand_in(commands, "sbatch", failing(commands, 5, AWAY))
    assert submit() == (0, "7\n", "#!/bin/sh\ntrue")
    assert pauses == [5, 10, 20, 40, 60]
    assert f"SLURM does not take a job ({AWAY}): it is submitted again in 5 seconds" in caplog.text


def test_what_is_wrong_with_a_job_is_told_at_once(commands: Path, pauses: list[float]) -> None:
    wrong = "sbatch: error: invalid partition specified: nowhere"
    stand_in(commands, "sbatch", failing(commands, 1, wrong))
    assert submit() == (1, "", f"{wrong}\n")
    assert pauses == []


def test_a_controller_that_stays_away_ends_the_attempts(commands: Path, pauses: list[float]) -> None:
    stand_in(commands, "sbatch", failing(commands, 1000, AWAY))
    assert submit() == (1, "", f"{AWAY}\n")
    assert slurm.UNREACHED < sum(pauses) <= slurm.UNREACHED + 60


LOST = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


def test_a_job_whose_answer_was_lost_is_not_submitted_twice(commands: Path, pauses: list[float]) -> None:
    stand_in(commands, "sbatch", "echo 7")
    assert submit()[:2] == (0, "7\n")
    (commands / "queue").write_text("7\n9\n")
    stand_in(commands, "sbatch", failing(commands, 1000, LOST))
    # Without a complaint: the plug-in takes a job for failed that sbatch complained of, though it has its number.
    assert submit() == (0, "9\n", "")
    assert (commands / "calls").read_text() == "x\n"


def test_the_job_whose_answer_was_lost_is_told_from_others_by_its_comment(commands: Path, pauses: list[float]) -> None:
    """Else another one's number would be its, and its own result never made."""
    stand_in(commands, "sbatch", failing(commands, 1000, LOST))
    stand_in(commands, "squeue", "exit 1")
    assert submit("rule_a")[0] == 1  # SLURM has it as 9
    stand_in(commands, "squeue", "echo '9|rule_a'")
    (commands / "calls").unlink()
    stand_in(commands, "sbatch", failing(commands, 1, AWAY).replace("echo 7", "echo 20"))
    assert submit("rule_b")[:2] == (0, "20\n")
    # Snakemake's own next attempt at it: squeue is asked before sbatch.
    stand_in(commands, "sbatch", "echo 21")
    assert submit("rule_a") == (0, "9\n", "")
    assert submit("rule_a")[:2] == (0, "21\n")  # it has failed, and comes again


def test_a_job_that_slurm_shows_late_is_cancelled_where_it_was_submitted_again(
    commands: Path, pauses: list[float], looks: Looks
) -> None:
    stand_in(commands, "sbatch", failing(commands, 1, LOST).replace("echo 7", "echo 10"))
    looks.executor.cancel = lambda: None
    submitter = Submitter(looks.executor)
    assert submit("rule_a")[:2] == (0, "10\n")
    (commands / "queue").write_text("9|rule_a\n10|rule_a\n11|rule_b\n")
    submitter.cancel_twins()
    assert (commands / "told").read_text() == "9\n"


def test_the_executor_is_given_the_jobs_number_alone(commands: Path, pauses: list[float]) -> None:
    """Of several it can tell none, and would submit the job four times."""
    stand_in(commands, "sbatch", "echo Balance of project p1234: 812 of 1000 used; echo 77; echo Welcome")
    assert submit() == (0, "77\n", "")


def test_a_users_own_view_of_the_queue_is_not_asked_for(
    commands: Path, left: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_STATES", "all")
    stand_in(commands, "squeue", "echo ${SQUEUE_STATES}")
    left.begin(EXECUTOR)
    assert not (commands / "told").exists()


def test_nothing_is_submitted_again_before_slurm_tells_which_jobs_it_has(commands: Path, pauses: list[float]) -> None:
    stand_in(commands, "sbatch", failing(commands, 1000, LOST))
    stand_in(commands, "squeue", f"echo x >> {commands}/asked; [ $(wc -l < {commands}/asked) -gt 2 ] || exit 1; echo 9")
    assert submit() == (0, "9\n", "")
    assert (commands / "calls").read_text() == "x\n"
    assert pauses == [5, 10, 20]


def test_a_job_that_sbatch_said_more_about_is_known(commands: Path, pauses: list[float]) -> None:
    stand_in(commands, "sbatch", "echo Welcome to cluster X; echo 7")
    submit()
    (commands / "queue").write_text("7\n")
    stand_in(commands, "sbatch", failing(commands, 1, AWAY).replace("echo 7", "echo 8"))
    assert submit()[:2] == (0, "8\n")


def test_where_a_user_may_not_have_so_many_jobs_there_is_no_limit_to_waiting(
    commands: Path, pauses: list[float]
) -> None:
    full = "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates accounting"
    stand_in(commands, "sbatch", failing(commands, 100, full))
    assert submit()[:2] == (0, "7\n")
    assert sum(pauses) > 5 * slurm.UNREACHED


# --- runs that are broken off -----------------------------------------------------------------------------------------


def test_a_run_that_is_broken_off_submits_nothing_more_and_cancels_what_has_its_name(
    commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "subprocess", plugin.subprocess)
    of_run = Looks().executor
    ended: list[str] = []
    of_run.cancel = lambda: ended.append("as the plug-in does")
    (commands / "queue").write_text("")
    stand_in(commands, "scancel", f'echo "$@" >> {commands}/told')
    # SLURM is away: one job waits, another behind it.
    stand_in(commands, "sbatch", failing(commands, 1000, AWAY))
    Submitter(of_run)
    with ThreadPoolExecutor(2) as submitting:
        waiting = [submitting.submit(submit) for _ in range(2)]
        while not (commands / "calls").exists():
            time.sleep(0.01)
        of_run.cancel()
        assert [job.result(timeout=20)[0] for job in waiting] == [1, 1]
    assert (commands / "calls").read_text() == "x\n"
    assert (commands / "told").read_text() == "--name=video-r2_new\n"
    assert ended == ["as the plug-in does"]
    assert submit() == (1, "", "the run is being ended")


# --- jobs that SLURM does not tell about ------------------------------------------------------------------------------


class Looks:
    """The plug-in's own executor, as far as it looks at jobs."""

    def __init__(self) -> None:
        executor: Any = object.__new__(plugin.Executor)
        settings = {
            "status_attempts": 5,
            "init_seconds_before_status_checks": 1,
            "keep_successful_logs": True,
            "requeue": True,
        }
        executor.workflow = SimpleNamespace(executor_settings=SimpleNamespace(status_command="squeue", **settings))
        executor.logger = logging.getLogger("looks")
        executor.status_rate_limiter = nullcontext()
        executor.run_uuid = "video-r2_new"
        executor._next_seconds_between_status_checks = 1
        executor._status_query_calls = executor._status_query_failures = 0
        executor._status_query_total_seconds = executor._status_query_max_seconds = 0.0
        executor._status_query_min_seconds = None
        executor._status_query_cycle_rows = []
        executor._submitted_job_clusters = set()
        executor._preemption_warning = False
        self.done: list[str] = []
        self.failed: list[str] = []
        executor.report_job_success = lambda job: self.done.append(job.external_jobid)
        executor.report_job_error = lambda job, msg, **_: self.failed.append(f"{job.external_jobid}: {msg}")
        self.executor = executor

    def look(self, *jobs: str) -> list[str]:
        """Have the executor look at jobs; those that it goes on waiting for."""
        active = [SimpleNamespace(external_jobid=job, aux={}) for job in jobs]

        async def look() -> list[str]:
            return [job.external_jobid async for job in self.executor.check_active_jobs(active)]

        return asyncio.run(look())


@pytest.fixture
def looks(commands: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looks]:
    for name in ("query_job_status", "is_query_tool_available"):
        monkeypatch.setattr(plugin, name, getattr(plugin, name))  # as it was, after the test
    return Looks()


def test_by_itself_the_plug_in_drops_its_jobs_when_slurm_does_not_answer(commands: Path, looks: Looks) -> None:
    """Once it does not any more, `Patience` has half as much to do."""
    stand_in(commands, "squeue", "exit 1")
    assert looks.look("7", "8") == []


def test_squeue_is_asked_where_there_are_no_accounts_however_soon_jobs_are_forgotten(
    commands: Path, looks: Looks
) -> None:
    stand_in(commands, "scontrol", "echo 'MinJobAge = 2 sec'")
    stand_in(commands, "sacct", "exit 1")
    (commands / "queue").write_text("7|COMPLETED\n8|RUNNING\n")
    Patience(looks.executor)
    assert looks.look("7", "8") == ["8"]
    assert looks.done == ["7"]


def test_jobs_are_kept_while_slurm_does_not_answer(
    commands: Path, looks: Looks, caplog: pytest.LogCaptureFixture
) -> None:
    Patience(looks.executor)
    stand_in(commands, "squeue", "exit 1")
    for _ in range(3):
        assert looks.look("7", "8") == ["7", "8"]
    assert "SLURM does not answer (squeue, for 0 minutes): its jobs are kept" in caplog.text
    stand_in(commands, "squeue", "echo '7|COMPLETED'; echo '8|RUNNING'")
    assert looks.look("7", "8") == ["8"]
    assert (looks.done, looks.failed) == (["7"], [])


def test_jobs_that_slurm_holds_are_told_of_once(
    commands: Path, looks: Looks, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count as pending, and wait for somebody for ever."""
    monkeypatch.setattr(slurm, "HELD", 0.0)
    reasons = "echo '7|JobHeldAdmin'; echo '8|Priority'; echo '9|launch failed requeued held'"
    stand_in(commands, "squeue", f'case "$@" in *%r*) {reasons};; *) cat {commands}/queue;; esac')
    (commands / "queue").write_text("7|PENDING\n8|PENDING\n9|PENDING\n")
    Patience(looks.executor)
    for _ in range(3):
        assert looks.look("7", "8", "9") == ["7", "8", "9"]
    told = [message for message in caplog.messages if "holds job" in message]
    assert [message.partition(":")[0] for message in told] == [
        "SLURM holds job 7 (JobHeldAdmin)",
        "SLURM holds job 9 (launch failed requeued held)",
    ]
    assert "scontrol release 7" in told[0]
    assert "scancel 9" in told[1]


@pytest.mark.parametrize("code", [0, 1])  # scancel fails where it does not know the job either
def test_a_job_that_slurm_has_forgotten_is_cancelled_and_counts_as_failed_after_a_while(
    commands: Path, looks: Looks, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    Patience(looks.executor)
    stand_in(commands, "scancel", f'echo "$@" >> {commands}/told; exit {code}')
    now = 1000.0
    monkeypatch.setattr(slurm.time, "monotonic", lambda: now)
    (commands / "queue").write_text("8|RUNNING\n")
    assert looks.look("7", "8") == ["7", "8"]  # SLURM may be slow to tell of a new job
    now += 0.9 * slurm.FORGOTTEN
    assert looks.look("7", "8") == ["7", "8"]
    now += 0.2 * slurm.FORGOTTEN
    assert looks.look("7", "8") == ["8"]
    assert [said.partition(":")[0] for said in looks.failed] == ["7"]
    assert "SLURM does not know job 7 any more" in looks.failed[0]
    assert (commands / "told").read_text() == "7\n"


@pytest.mark.parametrize("state", ["PREEMPTED", "NODE_FAIL", "LAUNCH_FAILED", "UNKNOWN"])
def test_a_job_that_was_ended_and_does_not_come_back_counts_as_failed_after_a_while(
    commands: Path, looks: Looks, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    now = [0.0]
    monkeypatch.setattr(slurm, "time", SimpleNamespace(monotonic=lambda: now[0]))
    stand_in(commands, "squeue", f"echo '7|{state}'")
    Patience(looks.executor)
    assert looks.look("7") == ["7"]
    now[0] += slurm.FORGOTTEN / 2
    assert looks.look("7") == ["7"]
    now[0] += slurm.FORGOTTEN
    assert looks.look("7") == []
    assert "has ended it for good" in looks.failed[0]


def test_a_job_that_slurm_tells_of_again_is_not_forgotten(
    commands: Path, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    Patience(looks.executor)
    now = 1000.0
    monkeypatch.setattr(slurm.time, "monotonic", lambda: now)
    for queue in ("", "7|RUNNING\n", ""):
        (commands / "queue").write_text(queue)
        assert looks.look("7") == ["7"]
        now += 0.6 * slurm.FORGOTTEN
    assert looks.failed == []
