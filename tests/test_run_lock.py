"""Locks that a run of the workflow has left, and whose they are."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from video_r2.errors import UserError
from video_r2.run_lock import LOCKS, RunLock, orphans

RUN = Path("results/one/state/run.lock")
HERE = f"process 1 on {socket.gethostname()}, since 2026-01-01 00:00:00"


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What Snakemake has locked for two experiments, in the folder that it works in."""
    monkeypatch.chdir(tmp_path)
    LOCKS.mkdir(parents=True)
    RUN.parent.mkdir(parents=True)
    (LOCKS / "0.input.lock").write_text("config.yaml\nresults/one/a.json\n")
    (LOCKS / "0.output.lock").write_text("results/one/b.json\n")
    (LOCKS / "1.output.lock").write_text("results/one-more/a.json\n")
    return LOCKS


def names(locks: Path) -> list[str]:
    return sorted(path.name for path in locks.iterdir())


def test_what_a_dead_run_of_this_machine_has_left_is_removed(locks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RUN.write_text(f"{HERE}\n")
    RunLock("results/one", "results/one/state").clear()
    assert names(locks) == ["1.output.lock"]
    assert capsys.readouterr().err == f"note: {HERE} has not ended well; its lock of results/one is removed\n"


@pytest.mark.parametrize("holder", [f"process 1 on not-{socket.gethostname()}, since 2026-01-01 00:00:00", "", None])
def test_what_may_be_alive_elsewhere_stays(locks: Path, holder: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    if holder is not None:
        RUN.write_text(holder)
    RunLock("results/one", "results/one/state").clear()
    assert len(names(locks)) == 3
    assert capsys.readouterr().err == ""


HOLDER = """
import sys
from video_r2.run_lock import RunLock
RunLock("results/one", "results/one/state").take()
print("taken", flush=True)
sys.stdin.read()
"""


def test_what_a_live_run_has_locked_stays(locks: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env={"PYTHONPATH": str(root / "scripts")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        RunLock("results/one", "results/one/state").clear()
        assert len(names(locks)) == 3
        assert f"note: process {holder.pid} on {socket.gethostname()}, since " in capsys.readouterr().err
        holder.kill()
    RunLock("results/one", "results/one/state").clear()
    assert names(locks) == ["1.output.lock"]


def test_a_run_of_another_clone_with_the_same_results_is_kept_out(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir()
    here, there = (tmp_path / name for name in ("here", "there"))
    for clone in (here, there):
        clone.mkdir()
        (clone / "results").symlink_to(tmp_path / "shared")
    monkeypatch.chdir(here)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=there,
        env={"PYTHONPATH": str(root / "scripts")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        with pytest.raises(UserError, match=f"another process is at this: process {holder.pid} on "):
            RunLock("results/one", "results/one/state").take()
        holder.kill()


def test_what_a_run_has_started_is_told_nothing_of_it(locks: Path, root: Path) -> None:
    """A report is made by a Snakemake within a job."""
    run = RunLock("results/one", "results/one/state")
    run.take()
    child = "from video_r2.run_lock import RunLock\nRunLock('results/one', 'results/one/state').clear()"
    environment = {"PYTHONPATH": str(root / "scripts")}
    done = subprocess.run([sys.executable, "-c", child], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert len(names(locks)) == 3
    run.end()


SNAKEFILE = """
from pathlib import Path
from video_r2.run_lock import RunLock

RUN = RunLock("results/one", "results/one/state")
if workflow.is_main_process:
    RUN.clear()
    RUN.name_holder(workflow)
    Path("looked").touch()

rule all:
    output: "results/one/b.json"
    shell: "touch {output}"
"""


def test_of_two_that_begin_at_once_the_one_that_leaves_names_the_other(locks: Path, root: Path) -> None:
    """The other has Snakemake's lock, and ours only after this one has looked for it."""
    Path("Snakefile").write_text(SNAKEFILE)
    environment = {**os.environ, "PYTHONPATH": str(root / "scripts")}
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as second:
        while not Path("looked").exists():
            assert second.poll() is None, second.communicate()[0]
            time.sleep(0.02)
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as first:
            said, _ = second.communicate()
            first.kill()
    assert second.returncode == 1
    assert f"note: process {first.pid} on {socket.gethostname()}, since " in said
    assert "is making results/one" in said
    assert "Directory cannot be locked" in said


def test_a_job_that_a_killed_run_of_another_clone_left_is_found_by_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clones = [tmp_path / name for name in ("here", "there", "elsewhere")]
    for clone in clones:
        (clone / ".snakemake/scripts").mkdir(parents=True)
        (clone / ".snakemake/scripts/job.py").write_text("import time\ntime.sleep(600)\n")
    (tmp_path / "shared/one").mkdir(parents=True)
    (clones[2] / "results/one").mkdir(parents=True)
    for clone in clones[:2]:
        (clone / "results").symlink_to(tmp_path / "shared")
    monkeypatch.chdir(clones[0])
    left = [
        subprocess.Popen(
            [sys.executable, str(clone / ".snakemake/scripts/job.py")], cwd=clone, start_new_session=True
        ).pid
        for clone in clones[1:]
    ]
    try:
        assert orphans("results/one") == left[:1]
    finally:
        for process in left:
            os.kill(process, signal.SIGKILL)
