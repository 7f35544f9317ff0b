"""What a plan makes of the jobs: the model's figures, corrected by what has been measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from job_files import leave_record
from repository_copy import copy_repository

from video_r2.planning.assumptions import read_assumptions
from video_r2.planning.costs import Cost
from video_r2.planning.plan import Planned, gpus_had, summed, told


def job(rule: str = "predict", **more: Any) -> Planned:
    given = {"stage": "predict", "gpus": 1, "limit": 12.0, "cost": Cost(7200), "is_done": False, "measured": None}
    return Planned(rule=rule, **{**given, **more})


def test_jobs_are_summed_by_rule() -> None:
    plan = summed([job(), job(gpus=2, cost=Cost(3600, kept=5e9)), job()], "a100", free=1e12)
    (line,) = plan.lines
    assert (line.jobs, line.done, line.gpus, line.hours) == (3, 0, 2, (1.0, 2.0, 2.0))
    assert plan.gpu_hours == 2 * 1 + 2 * 2
    assert plan.kept == 5e9


def test_what_done_jobs_took_corrects_the_model() -> None:
    # They took 3 hours where the model says 4: three quarters.
    done = [job(is_done=True, measured=3600.0), job(is_done=True, measured=7200.0)]
    unmeasured = job(is_done=True)
    plan = summed([*done, unmeasured, job()], "a100", free=0)
    (line,) = plan.lines
    assert (line.jobs, line.done, line.measured, line.factor) == (1, 3, 2, 0.75)
    assert line.hours == (1.5,)
    assert "2 measured, model x 0.75" in told(plan)


def test_jobs_tell_of_their_like_first() -> None:
    # Those with a trace took half of what the model says, those without one three times as long: 1 + 1 hours, 0.5 + 1.5 told.
    thinks, answers = Cost(7200, alike="think"), Cost(1200, alike="direct")
    done = [job(cost=thinks, is_done=True, measured=3600.0), job(cost=answers, is_done=True, measured=3600.0)]
    (line,) = summed([*done, job(cost=thinks), job(cost=answers)], "a100", free=0).lines
    assert line.hours == (1.0, 1.0)
    other = summed([*done, job(cost=Cost(8400, alike="think vllm"))], "a100", free=0)
    assert other.lines[0].hours == (2.0,)  # as all of them: 7,200 s where the model says 8,400


def test_another_rules_times_correct_nothing() -> None:
    plan = summed([job("index_videos", stage="data", is_done=True, measured=1.0), job()], "a100", free=0)
    assert [line.hours for line in plan.lines] == [(), (2.0,)]


def test_without_a_model_a_job_takes_what_others_of_its_rule_took() -> None:
    done = [job(cost=None, is_done=True, measured=1800.0), job(cost=None, is_done=True, measured=5400.0)]
    plan = summed([*done, job(cost=None), job("train_sft", stage="train", cost=None)], "a100", free=0)
    assert [(line.rule, line.hours) for line in plan.lines] == [("train_sft", ()), ("predict", (1.0,))]
    assert "What has no hours is not known" in told(plan)


def test_where_no_times_are_known_none_are_told() -> None:
    said = told(summed([job(cost=None, gpus=0)], "a100", free=1e12))
    assert "0 s" not in said
    assert "A100" not in said


def test_the_longest_way_goes_through_what_waits_for_one_another() -> None:
    jobs = [job(), job(cost=Cost(3600)), job(after=[0, 1]), job(after=[1]), job(is_done=True, after=[2])]
    assert summed(jobs, "a100", free=0).least_hours == 4.0


def test_stages_come_in_their_order_and_are_named_once() -> None:
    jobs = [job("report", stage="paper"), job("build_frames", stage="data"), job(), job("rescore", stage="predict")]
    lines = told(summed(jobs, "a100", free=1e15)).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["data", "predict", "rescore"]
    assert lines[4].split()[:2] == ["paper", "report"]
    assert lines[5].split()[:4] == ["in", "all", "4", "0"]


def test_what_does_not_fit_is_said() -> None:
    cost = Cost(13 * 3600, kept=60e9, passing=50e9)
    said = told(summed([job(cost=cost), job(), job("train_sft", stage="train", cost=cost)], "a100", free=219e9))
    assert "1 of predict may take longer than the 12 hours that they are given; what they have done is kept" in said
    assert "they come again, 2 times in all; the command is to be given 2 times." in said
    assert "they come again, 2 times in all." in told(summed([job(cost=cost)], "a100", free=219e9, retries=1))
    assert "should all run at once: 50.0 GB of train_sft, 50.0 GB of predict; so 220.0 GB at the most." in said
    assert "The disk has 219.0 GB free, which may not be enough." in said
    assert "not be enough" not in told(summed([job(cost=cost), job(cost=cost)], "a100", free=220e9))


def test_several_trainings_at_once_have_their_states_beside_each_other() -> None:
    plan = summed([job(cost=Cost(1, kept=16e9, passing=274e9)) for _ in range(3)], "a100", free=1e12)
    assert (plan.kept, plan.peak) == (48e9, 870e9)
    # One that is done has its states no more, and its checkpoint is on the disk already.
    done = job(cost=Cost(1, kept=16e9, passing=274e9), is_done=True)
    assert summed([done, job(cost=Cost(1, kept=16e9, passing=274e9))], "a100", free=1e12).peak == 290e9


def test_the_paper_is_planned_before_anything_is_there(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/plan.py", "--json"], cwd=root, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    jobs = {line["rule"]: line["jobs"] + line["done"] for line in plan["lines"]}
    assert jobs["predict"] == 21 * 11 + 11
    assert jobs["train_grpo"] == 3
    assert all(len(line["hours"]) == line["jobs"] for line in plan["lines"])
    hours = {line["rule"]: line["gpu_hours"] for line in plan["lines"]}
    assert {rule for rule, of in hours.items() if of} == {"train_sft", "train_grpo", "predict", "score_vas_attention"}
    assert 100 < sum(hours.values()) < 10_000
    # As in docs/training.md, on eight.
    assert {rule: round(needed / 2**30, 1) for rule, needed in plan["memory"].items()} == {
        "train_sft": 41.4,
        "train_grpo": 39.1,
    }


def test_a_runs_own_benchmark_files_correct_the_model(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_repository(root, tmp_path)
    raw, benchmarks = Path("results/paper/raw/benchmarks"), folder / "results/paper/benchmarks/fetch_benchmark"
    (folder / raw / "mmvu").mkdir(parents=True)
    benchmarks.mkdir(parents=True)
    # 900 videos of 50 s at 0.125 MB a second, and 50 MB a second: 112.5 s, the model says. It took half as long again.
    (benchmarks / "mmvu.jsonl").write_text('{"s": 168.75, "h:m:s": "0:02:48"}\n')
    command = [sys.executable, "scripts/plan.py", str(raw / "mmvu"), str(raw / "videomme"), "--json"]
    (line,) = json.loads(subprocess.check_output(command, cwd=folder, text=True))["lines"]
    assert (line["jobs"], line["done"], line["measured"], line["factor"]) == (1, 1, 1, 1.5)
    # 101 GB, says sources.yaml; twice that stays: archives, and what was in them.
    assert line["hours"] == [pytest.approx(1.5 * 101_000 / 50 / 3600)]
    assert line["kept"] == 202e9
    # Snakemake measures the last attempt alone; the job's record knows of those that were broken off before.
    monkeypatch.chdir(folder)
    leave_record(raw / "mmvu", before=225)
    (line,) = json.loads(subprocess.check_output(command, cwd=folder, text=True))["lines"]
    assert line["factor"] == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    ("gpus", "device", "expected"),
    [
        (1, "NVIDIA A100-SXM4-80GB", (1, "a100")),
        (8, "NVIDIA H100 80GB HBM3", (8, "h100")),
        (2, "Tesla V100", (2, "a100")),
        (0, "Intel Xeon", None),
    ],
)
def test_what_a_job_took_is_held_against_the_gpus_that_it_had(
    gpus: int, device: str, expected: tuple[int, str] | None
) -> None:
    """Answers took 50 minutes on one GPU: with eight from now on, the others are not to be told to take as long."""
    ran: Any = SimpleNamespace(circumstances=SimpleNamespace(gpus=gpus, device=device))
    assert gpus_had(ran, read_assumptions()) == expected
    assert gpus_had(None, read_assumptions()) is None


def test_gpus_that_nothing_is_known_of_are_told() -> None:
    said = told(summed([job()], "a100", free=1e12, unknown="v100"))
    assert "GPU-hours are those of A100s.\nNothing is known of v100" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "MissingRuleException"),
        (["--config", "semantics=other"], "semantics: Input should be"),
        (["--configfile", "none.yaml"], "error: none.yaml: there is no such file"),
    ],
)
def test_what_cannot_be_planned_is_said(root: Path, arguments: list[str], said: str) -> None:
    command = [sys.executable, "scripts/plan.py", *arguments]
    done = subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
