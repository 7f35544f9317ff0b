"""The workflow on a real SLURM cluster (slurm_cluster.py): the chain at smoke size; jobs and runs that are broken off."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest
import yaml
from chaos import Run, differences
from slurm_cluster import GPU_TYPE, Cluster, reason_against, running

pytestmark = [pytest.mark.slurm, pytest.mark.long]

HERE = Path(__file__).parent
OVERLAYS = ["profiles/local/miniature.yaml", "profiles/local/smoke.yaml"]
ON_GPUS = {"train_sft", "train_grpo", "predict", "score_vas_attention"}
STEPS = 60
SMALL = {
    "experiment": "small",
    "training": {
        "base": {
            "shape": {"text_layers": 2},
            "films": 8,
            "phases": [{"steps": STEPS, "batches": [{"echo": 2}, {"see": 2}]}],
        },
        "resumption": {"steps": 5},
    },
}
MODEL = "results/small/models/base/seed-0"
BENCHMARK = "results/small/raw/benchmarks/tempcompass"
WORLD = "results/small/raw/training/videos"
RULES = ["generate_benchmark", "generate_world", "train_base"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    reason = reason_against()
    if not os.environ.get("TEST_SLURM"):
        pytest.skip(f"no SLURM cluster can be started here: {reason}" if reason else "ten minutes: make test-slurm")
    assert reason is None, reason
    # Not below pytest's folders: the path of munged's socket must be short.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, running(Path(folder)) as cluster:
        yield cluster


# --- jobs, as SLURM remembers them ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """What SLURM says of a job; times in seconds since 1970."""

    number: int
    rule: str
    state: str
    gpus: str
    partition: str
    began: float
    ended: float


def jobs(cluster: Cluster, below: Path) -> list[Job]:
    """All jobs that were submitted from a folder, in their order."""
    said = cluster.ask("scontrol", "show", "jobs", "--oneliner")
    told = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in said.splitlines()]
    return [
        Job(
            int(of["JobId"]),
            of.get("Comment", "").removeprefix("rule_").partition("_wildcards_")[0],
            of["JobState"],
            of.get("TresPerJob", ""),
            of["Partition"],
            seconds(of["StartTime"]),
            seconds(of["EndTime"]),
        )
        for of in told
        if of.get("WorkDir") == str(below)
    ]


def seconds(said: str) -> float:
    return time.mktime(time.strptime(said, "%Y-%m-%dT%H:%M:%S")) if said != "Unknown" else 0.0


def wait_for(event: Callable[[], object], process: subprocess.Popen[bytes], minutes: float = 2) -> None:
    begun = time.monotonic()
    while not event():
        assert process.poll() is None, "the run has ended"
        assert time.monotonic() < begun + 60 * minutes, "nothing comes"
        time.sleep(0.05)


# --- runs -------------------------------------------------------------------------------------------------------------


class SlurmRun(Run):
    """Runs of `snakemake --profile slurm` in a copy of the repository, which look at their jobs often."""

    program = (sys.executable, str(HERE / "look_often.py"))
    environment = MappingProxyType({"VIDEO_R2_SITE": str(HERE / "site.yaml")})

    def __init__(self, root: Path, folder: Path, experiment: str, overlays: Sequence[str], *targets: str) -> None:
        # Threads as in the local profile: with more, sums of floating-point numbers come out in another order.
        threads = yaml.safe_load((root / "profiles/local/config.yaml").read_text(encoding="utf-8"))["set-threads"]
        same = ["--set-threads", *(f"{rule}={number}" for rule, number in threads.items())]
        settings = ["--profile", "slurm", "--configfile", *overlays, "--latency-wait", "5", *same]
        super().__init__(root, folder, experiment, *targets, *settings)


def small(root: Path, folder: Path, *targets: str) -> SlurmRun:
    run = SlurmRun(root, folder, "small", [*OVERLAYS, "small.yaml"], *targets)
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    return run


@pytest.fixture(scope="module")
def calm(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The weights that the small experiment makes without SLURM, where nothing happens to it."""
    folder = tmp_path_factory.mktemp("calm") / "copy"
    run = Run(root, folder, "small", MODEL, "--profile", "local", "--configfile", OVERLAYS[1], "small.yaml")
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    assert run.ends_well(), run.said[-6000:]
    return weights(run)


def weights(run: Run) -> dict[str, str]:
    return {name: checksum for name, checksum in run.made().items() if name.endswith(".safetensors")}


# --- the chain --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def local(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The chain at smoke size by the local profile; where SMOKE_CHAIN names its folder, test_chain.py has run it there."""
    folder = Path(os.environ.get("SMOKE_CHAIN") or tmp_path_factory.mktemp("local") / "copy")
    run = Run(root, folder, "smoke", "all", "--profile", "local", "--configfile", OVERLAYS[1])
    if not (run.results / "report.html").exists():
        assert run.ends_well(), run.said[-6000:]
    return run


def test_the_chain_gives_what_the_local_profile_gives(root: Path, tmp_path: Path, cluster: Cluster, local: Run) -> None:
    run = SlurmRun(root, tmp_path / "copy", "smoke", OVERLAYS, "all")
    assert run.ends_well(), run.said[-6000:]
    made = run.made()
    assert len([name for name in made if name.startswith("tables/")]) > 40
    assert differences(local.made(), made) == []

    ran = jobs(cluster, run.folder)
    assert {job.state for job in ran} == {"COMPLETED"}
    assert {job.rule for job in ran} > {"generate_world", "train_base", "score_tac", "report", *ON_GPUS}
    for job in ran:
        asked = {"train_sft": 2, "train_grpo": 2, "predict": 1, "score_vas_attention": 1}.get(job.rule)
        assert job.partition == ("gpu" if asked else "cpu")
        assert job.gpus == (f"gres:gpu:{GPU_TYPE}:{asked}" if asked else "")
    # What SLURM's own log of a job says is kept.
    assert len(list((run.folder / "results/slurm-logs").rglob("*.log"))) == len(ran)


# --- jobs that are broken off -----------------------------------------------------------------------------------------


SUBMISSION_FAILED = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


@contextmanager
def before_commands(folder: Path, **does: str) -> Iterator[None]:
    """Have commands of SLURM's do something before what they do."""
    folder.mkdir()
    for name, first in does.items():
        stand_in = folder / name
        stand_in.write_text(f'#!/bin/sh\n{first}\nexec {shutil.which(name)} "$@"\n')
        stand_in.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}:{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


@contextmanager
def commands_that_can_fail(folder: Path) -> Iterator[Path]:
    """A squeue that fails, as where slurmctld is away, while a file exists; that file.

    The first sbatch fails with what it says where slurmctld does not answer in time.
    """
    away, tried = folder / "away", folder / "tried"
    with before_commands(
        folder,
        squeue=f"[ -e {away} ] && {{ date +%s >> {away}; exit 1; }}",
        sbatch=f"[ -e {tried} ] || {{ touch {tried}; echo '{SUBMISSION_FAILED}' >&2; exit 1; }}",
    ):
        yield away


def script_of(run: Run, rule: str) -> psutil.Process | None:
    """The process that runs a rule's script."""
    scripts = str(run.folder / ".snakemake" / "scripts")
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(word.startswith(scripts) and rule in word for word in words):
            return process
    return None


def test_jobs_that_are_cancelled_too_long_or_too_big_come_again(
    root: Path, tmp_path: Path, cluster: Cluster, calm: dict[str, str]
) -> None:
    run = small(root, tmp_path / "copy", MODEL, BENCHMARK, WORLD)
    limits = ["generate_world:runtime=1", "train_base:mem_mb=600 + 4000 * (attempt - 1)"]

    def running_jobs(rule: str) -> list[Job]:
        return [job for job in jobs(cluster, run.folder) if (job.rule, job.state) == (rule, "RUNNING")]

    with commands_that_can_fail(tmp_path / "bin") as away, run.running("--set-resources", *limits) as process:
        wait_for(lambda: script_of(run, "generate_world"), process)
        held = script_of(run, "generate_world")
        assert held is not None
        held.send_signal(signal.SIGSTOP)  # so that it takes longer than its minute
        wait_for(lambda: script_of(run, "generate_benchmark"), process)
        (cancelled,) = running_jobs("generate_benchmark")
        cluster.ask("scancel", str(cancelled.number))
        wait_for(lambda: "Trying to restart" in run.said, process)
        away.touch()
        time.sleep(15)
        asked = len(away.read_text().splitlines())
        away.unlink()
        assert process.wait(timeout=300) == 0, run.said[-6000:]
    assert asked >= 5
    assert "SLURM does not answer (squeue, for 0 minutes): its jobs are kept" in run.said
    assert f"SLURM does not take a job ({SUBMISSION_FAILED}): it is submitted again in 5 seconds" in run.said

    states = {rule: [job.state for job in jobs(cluster, run.folder) if job.rule == rule] for rule in RULES}
    assert states == {
        "generate_benchmark": ["CANCELLED", "COMPLETED"],
        "generate_world": ["TIMEOUT", "COMPLETED"],
        "train_base": ["FAILED", "COMPLETED"],  # with cgroups OUT_OF_MEMORY
    }
    first, _ = sorted((run.folder / "results/slurm-logs/rule_train_base").rglob("*.log"), key=lambda log: int(log.stem))
    assert "exceeded memory limit" in first.read_text(encoding="utf-8").lower()
    assert weights(run) == calm


def test_a_run_that_was_killed_ends_its_jobs_before_it_goes_on(
    root: Path, tmp_path: Path, cluster: Cluster, calm: dict[str, str]
) -> None:
    run = small(root, tmp_path / "copy", MODEL)
    states = run.results / "state" / "train_base"
    with run.running() as process:
        wait_for(lambda: list(states.glob("*/step-*")), process)
        process.kill()
    (left,) = jobs(cluster, run.folder)
    assert left.state == "RUNNING"

    assert run.ends_well(), run.said[-6000:]
    assert "has not ended well; its lock of results/small is removed" in run.said
    assert f"note: 1 jobs of a run of results/small that was broken off are still in SLURM ({left.number})" in run.said
    first, second = jobs(cluster, run.folder)
    assert first.ended <= second.began
    assert second.state == "COMPLETED"
    log = (run.results / "logs/train_base/base/seed-0.log").read_text(encoding="utf-8")
    assert "going on from step " in log
    assert weights(run) == calm
    assert not (run.folder / "results/small/state/run.slurm").exists()


def test_a_job_that_is_submitted_when_its_run_was_killed_writes_nothing(
    root: Path, tmp_path: Path, cluster: Cluster
) -> None:
    """An sbatch that waits for SLURM lives on when its Snakemake dies; the next run has looked for jobs by then."""
    run = small(root, tmp_path / "copy", BENCHMARK)
    asked = tmp_path / "asked"
    lives_on = '[ "$LIVES_ON" ] || LIVES_ON=1 exec setsid "$0" "$@"'
    with before_commands(tmp_path / "bin", sbatch=f"{lives_on}; [ -e {asked} ] || {{ touch {asked}; sleep 20; }}"):
        with run.running() as process:
            wait_for(asked.exists, process)
            process.kill()
        assert run.ends_well(), run.said[-6000:]
    made = {path: path.stat().st_mtime_ns for path in run.results.rglob("*") if path.is_file()}
    ends = time.monotonic() + 150
    while sorted(job.state for job in jobs(cluster, run.folder)) != ["COMPLETED", "FAILED"]:
        assert time.monotonic() < ends, jobs(cluster, run.folder)
        time.sleep(0.5)
    late = next(job for job in jobs(cluster, run.folder) if job.state == "FAILED")
    (said,) = (run.folder / "results/slurm-logs").rglob(f"{late.number}.log")
    assert "this job is of a run that was broken off" in said.read_text(encoding="utf-8")
    assert all(path.stat().st_mtime_ns == before for path, before in made.items())


def test_a_run_that_is_interrupted_leaves_no_job(root: Path, tmp_path: Path, cluster: Cluster) -> None:
    """By itself the executor would go on submitting, and leave what it has submitted then to itself."""
    names = ("tempcompass", "mmvu", "minerva", "mvbench")
    run = small(root, tmp_path / "copy", *(f"results/small/raw/benchmarks/{name}" for name in names))
    with before_commands(tmp_path / "bin", sbatch="sleep 2", squeue="sleep 1"), run.running() as process:
        wait_for(lambda: "has been submitted" in run.said, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) != 0
    assert "Terminating processes on user request" in run.said
    first = jobs(cluster, run.folder)
    assert 1 <= len(first) < len(names)
    ends = time.monotonic() + 60
    while any(job.state in ("PENDING", "RUNNING", "COMPLETING") for job in jobs(cluster, run.folder)):
        assert time.monotonic() < ends, "a job is left"
        time.sleep(0.5)

    assert run.ends_well(), run.said[-6000:]
    again = jobs(cluster, run.folder)[len(first) :]
    assert [job.state for job in again] == ["COMPLETED"] * len(names)
    assert max(job.ended for job in jobs(cluster, run.folder)[: len(first)]) <= min(job.began for job in again)
    assert not (run.folder / "results/small/state/run.slurm").exists()


def test_a_job_is_refused_settings_that_its_run_did_not_begin_with(
    root: Path, tmp_path: Path, cluster: Cluster
) -> None:
    """It reads them anew on its node; Snakemake would take what it makes for a result of the ones before."""
    run = small(root, tmp_path / "copy", BENCHMARK)
    overlay = run.folder / OVERLAYS[1]
    before = overlay.read_text(encoding="utf-8")
    edit = f"sed -i 's/benchmark_questions: 20/benchmark_questions: 9/' {overlay}"
    with before_commands(tmp_path / "bin", sbatch=edit):
        assert not run.ends_well("--retries", "0")
    assert "of generate_benchmark has been edited since this run began (world)" in run.said
    assert not (run.folder / BENCHMARK).exists()
    overlay.write_text(before, encoding="utf-8")
    assert run.ends_well(), run.said[-6000:]
    assert not (run.results / "state/params.json").exists()
