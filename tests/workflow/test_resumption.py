"""A training in the workflow: killed, it goes on; how often it is saved makes nothing run again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml
from repository_copy import copy_repository

pytestmark = pytest.mark.long

BASE = "results/small/models/base/seed-0"
OTHER = "results/small/raw/benchmarks/tempcompass"
STEPS = 40


class Small:
    """A copy of the repository, and a base model that is trained in seconds.

    Attributes:
        processes: the run that was killed, and the one that came after it.
        same: what a run said that was started beside the first, and its exit code.
        beside: the same of a dry run.
        beside_jobs: the same of a run that was started when Snakemake had been killed, and its job had not.
        other: the same of a run that was started beside the second, to make other files.
        again: what the second said.
    """

    processes: tuple[int, int]
    same: tuple[str, int]
    beside: tuple[str, int]
    beside_jobs: tuple[str, int]
    other: tuple[str, int]
    again: str

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = copy_repository(root, folder)
        overlay = {
            "experiment": "small",
            "training": {
                "base": {
                    "shape": {"text_layers": 2},
                    "films": 8,
                    "phases": [{"steps": STEPS, "batches": [{"echo": 2}]}],
                },
                "resumption": {"steps": 3},
            },
        }
        (folder / "small.yaml").write_text(yaml.safe_dump(overlay))

    def start(self, *arguments: str, target: str = BASE) -> subprocess.Popen[str]:
        settings = ["--profile", "local", "--configfile", "small.yaml"]
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", target, *settings, *arguments],
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def snakemake(self, *arguments: str) -> str:
        said, code = self.attempt(*arguments)
        assert code == 0, said[-6000:]
        return said

    def attempt(self, *arguments: str, target: str = BASE) -> tuple[str, int]:
        """Run Snakemake; what it said, and its exit code."""
        running = self.start(*arguments, target=target)
        said, _ = running.communicate()
        return said, running.returncode

    @property
    def states(self) -> list[Path]:
        return [path for path in self.kept if path.name.startswith("step-")]

    @property
    def kept(self) -> list[Path]:
        return sorted((self.folder / "results/small/state/train_base").glob("*/*"))

    @property
    def log(self) -> str:
        return (self.folder / "results/small/logs/train_base/base/seed-0.log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Trained in two runs, the first of which was killed with all its processes; others were started beside it."""
    small = Small(root, tmp_path_factory.mktemp("small"))
    first = small.start()
    wait_for(first, lambda: small.states)
    os.killpg(first.pid, signal.SIGSTOP)  # it does not end before the others have been turned away
    small.same = small.attempt()
    small.beside = small.attempt("--dry-run")
    first.kill()
    small.beside_jobs = small.attempt()
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert not (small.folder / BASE / "model.safetensors").exists()

    second = small.start()
    lock = small.folder / "results/small/state/run.lock"
    wait_for(second, lambda: f"process {second.pid} " in lock.read_text(encoding="utf-8"))
    os.killpg(second.pid, signal.SIGSTOP)
    small.other = small.attempt(target=OTHER)
    os.killpg(second.pid, signal.SIGCONT)
    small.again, _ = second.communicate()
    assert second.returncode == 0, small.again[-6000:]
    small.processes = (first.pid, second.pid)
    return small


def wait_for(running: subprocess.Popen[str], event: Callable[[], object]) -> None:
    while not event():
        assert running.poll() is None, running.communicate()[0][-6000:]
        time.sleep(0.05)


def who(process: int) -> str:
    return f"process {process} on {socket.gethostname()}, since "


def test_a_second_run_says_who_is_at_it_and_leaves(trained: Small) -> None:
    first, second = trained.processes
    (same, code), (other, code_of_other) = trained.same, trained.other
    assert (code, code_of_other) == (1, 1)
    assert f"note: {who(first)}" in same
    assert "is making results/small" in same
    assert "Directory cannot be locked" in same
    # Snakemake itself lets runs go on beside each other that make different files.
    assert f"error: results/small: another process is at this: {who(second)}" in other
    assert "(cure: wait until it has ended, or end it)" in other
    assert not (trained.folder / OTHER).exists()
    assert "Traceback" not in same + other


def test_a_dry_run_beside_a_run_tells_what_would_run(trained: Small) -> None:
    said, code = trained.beside
    assert code == 0
    assert "train_base" in said


def test_the_lock_of_a_killed_run_is_told_from_a_live_one(trained: Small) -> None:
    said, _ = trained.beside_jobs
    assert f"note: {who(trained.processes[0])}" in said
    assert "has not ended well; its lock of results/small is removed" in said


def test_a_run_does_not_begin_beside_the_jobs_of_one_that_was_killed(trained: Small) -> None:
    said, code = trained.beside_jobs
    assert code == 1
    assert "error: results/small: jobs of a run that was killed are still at work: processes " in said
    assert "still at work" not in trained.again


def test_killed_with_snakemake_it_goes_on(trained: Small) -> None:
    assert f" of {STEPS}" in trained.log
    assert "going on from step " in trained.log
    steps = [json.loads(line)["step"] for line in (trained.folder / BASE / "log.jsonl").read_text().splitlines()]
    assert steps == [10, 20, 30, 40]
    assert trained.kept == []


@pytest.mark.parametrize(
    "keys",
    [
        {"resumption": {"minutes": 7, "steps": 5, "keep": 4, "before_limit": 3}},
        {"guards": {"window": 7}},
        {"devices": {"processes": 2}},
    ],
)
def test_how_often_it_is_saved_and_when_it_stops_makes_nothing_run_again(
    trained: Small, keys: dict[str, object]
) -> None:
    assert "Nothing to be done" in trained.snakemake("--dry-run", "--config", f"training={keys}")


def test_another_setting_of_the_stage_does(trained: Small) -> None:
    said = trained.snakemake("--dry-run", "--config", "training={'base': {'warmup': 3}}")
    assert "train_base" in said
    assert "Nothing to be done" not in said


def test_what_a_job_has_made_without_snakemake_is_not_made_again(trained: Small) -> None:
    """Snakemake alone is killed; its job ends well, and nobody notes it."""
    weights = trained.folder / BASE / "model.safetensors"
    before = weights.read_bytes()
    running = trained.start("--forcerun", "train_base")
    wait_for(running, lambda: trained.states)
    jobs = [child for child in psutil.Process(running.pid).children(recursive=True) if is_job(child)]
    running.kill()
    _, left = psutil.wait_procs(jobs, timeout=120)
    assert jobs
    assert not left
    assert weights.read_bytes() == before
    assert [path.name for path in trained.kept] == ["ended.json", "lock", "made"]

    assert "train_base" in trained.snakemake("--dry-run")
    assert len(trained.kept) == 3
    trained.snakemake()
    assert "what it made is put back" in trained.log
    assert "going on from" not in trained.log
    assert weights.read_bytes() == before
    assert trained.kept == []
    assert "Nothing to be done" in trained.snakemake("--dry-run")


def is_job(process: psutil.Process) -> bool:
    return any(".snakemake/scripts/" in word for word in process.cmdline())
