"""Training on several devices, shown with two processes on CPUs: it learns what one learns, and none of them is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import judge_servers
import pytest
import torch
from safetensors.torch import load_file
from training_data import write_data
from training_jobs import KILL, Judged, Moment, Training

from video_r2.training.processes import LOOPBACK

pytestmark = [pytest.mark.long, pytest.mark.devices]

NO_DROPOUT = {"lora": {"r": 2, "alpha": 2, "dropout": 0.0}}  # every process draws random numbers of its own
SETTINGS: dict[str, dict[str, Any]] = {
    "sft": NO_DROPOUT,
    "grpo": {},
    "one shared group": {"prompts_per_step": 1, "group_size": 4, "per_device_batch": 1},
}
SHARDINGS = ["none", "zero2", "zero3"]
TOLERANCE = 2e-5  # of losses and norms; sums are taken in another order
COMPARED = {"loss", "grad_norm", "learning_rate", "reward/total", "groups_without_variance"}
PATIENCE = 120  # seconds
Log = list[dict[str, float]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


def training(kind: str, folder: Path, data: Path, **settings: Any) -> Training:
    rule = "train_sft" if kind == "sft" else "train_grpo"
    return Training(rule, folder, data, settings={**SETTINGS[kind], **settings}, processes=2)


def result(job: Training) -> tuple[Log, dict[str, torch.Tensor]]:
    return job.result()[1], load_file(job.folder / "model" / "model.safetensors")


@pytest.fixture(scope="module")
def of_one(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Log, dict[str, torch.Tensor]]]:
    """What one process learns, without DeepSpeed."""
    results = {}
    for kind in SETTINGS:
        job = replace(training(kind, tmp_path_factory.mktemp("one"), data), processes=1)
        assert job.run() == 0, job.said
        results[kind] = result(job)
    return results.__getitem__


def assert_same(job: Training, expected: tuple[Log, dict[str, torch.Tensor]]) -> None:
    log, weights = result(job)
    assert len(log) == len(expected[0])
    for entry, of_one in zip(log, expected[0], strict=True):
        assert {*entry} == {*of_one}
        for name in COMPARED & {*of_one}:
            assert entry[name] == pytest.approx(of_one[name], rel=TOLERANCE, abs=TOLERANCE / 100), name
    assert set(weights) == set(expected[1])
    for name, weight in weights.items():
        assert weight.dtype == expected[1][name].dtype
        # A rounding error in a gradient near 0 may turn AdamW's step: ten steps of 0.01 at most.
        torch.testing.assert_close(weight, expected[1][name], atol=2e-3, rtol=0, msg=name)


@pytest.mark.parametrize("sharding", SHARDINGS)
@pytest.mark.parametrize("kind", SETTINGS)
def test_two_processes_learn_what_one_learns(
    kind: str, sharding: str, tmp_path: Path, data: Path, of_one: Callable[[str], Any]
) -> None:
    job = training(kind, tmp_path, data, sharding=sharding)
    assert job.run_together() == [0, 0], job.printed
    assert_same(job, of_one(kind))
    assert job.states == ["ended.json", "made"]


def test_they_share_a_server_of_the_judge(tmp_path: Path, data: Path, of_one: Callable[[str], Any]) -> None:
    notes = tmp_path / "notes"
    service = {"serve": judge_servers.settings(notes).model_dump(mode="json"), "logs": str(tmp_path / "logs")}
    job = replace(training("grpo", tmp_path, data), rewards=Judged, judge_service=service)
    assert job.run_together() == [0, 0], job.printed
    assert_same(job, of_one("grpo"))
    assert len(judge_servers.started(notes)) == 1
    assert judge_servers.running(notes) == []
    assert (tmp_path / "logs/train_grpo/model/3.log").read_text() == "a server that is well\n"


@pytest.mark.parametrize(("kind", "sharding"), [("sft", "zero3"), ("grpo", "zero2")])
def test_in_the_papers_numbers_it_learns_about_the_same(
    kind: str, sharding: str, tmp_path: Path, data: Path, of_one: Callable[[str], Any]
) -> None:
    job = training(kind, tmp_path, data, sharding=sharding, bf16=True, gradient_checkpointing=True)
    assert job.run_together() == [0, 0], job.printed
    log, weights = result(job)
    expected, of_one_process = of_one(kind)
    # The first step's, before what is sampled has gone another way; 8 bits of a bfloat16 are good for 0.4%.
    assert log[0]["loss"] == pytest.approx(expected[0]["loss"], rel=4e-3, abs=1e-6)
    assert log[0]["grad_norm"] == pytest.approx(expected[0]["grad_norm"], rel=2e-2)
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}  # two bytes a weight, as the release's
    frozen = [name for name in weights if ".visual." in name or name.startswith("visual.")]
    assert frozen
    for name in frozen:
        assert torch.equal(weights[name], of_one_process[name].bfloat16())


@pytest.mark.parametrize("sharding", SHARDINGS)
@pytest.mark.parametrize("kind", ["sft", "grpo"])
def test_killed_and_asked_to_leave_it_ends_with_the_same_bits(
    kind: str, sharding: str, tmp_path: Path, data: Path
) -> None:
    dropout = {"lora": {"r": 2, "alpha": 2, "dropout": 0.2}} if kind == "sft" else {}
    undisturbed = training(kind, tmp_path / "undisturbed", data, sharding=sharding, **dropout)
    undisturbed.folder.mkdir()
    never = replace(undisturbed, resumption={"minutes": 1000.0})
    assert never.run_together() == [0, 0], never.printed
    job = replace(undisturbed, folder=tmp_path)
    assert job.run_together(Moment(step=5, signals=KILL, rank=1))[1] == -signal.SIGKILL
    assert job.states
    # One of them hears of it, and all leave.
    assert job.run_together(Moment(step=2, signals=(signal.SIGTERM,), rank=1)) == [os.EX_TEMPFAIL] * 2, job.printed
    assert "run again to go on (asked to by SIGTERM)" in job.printed
    assert job.run_together() == [0, 0], job.printed
    assert "going on from step" in job.printed
    assert job.result() == undisturbed.result()
    assert job.states == ["ended.json", "made"]


# --- the launcher -----------------------------------------------------------------------------------------------------


def processes_of(job: Training) -> list[str]:
    """The job's agents and workers, all over the machine."""
    listed = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in listed if str(job.folder / ".model.processes") in line]


def wait_for(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := what():
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited for {seconds} s in vain")


def test_launched_it_learns_what_one_process_learns(tmp_path: Path, data: Path, of_one: Callable[[str], Any]) -> None:
    job = training("sft", tmp_path, data, sharding="zero3")
    assert job.run() == 0, job.said
    assert "training on 2 processes on CPUs" in job.said
    assert_same(job, of_one("sft"))
    assert processes_of(job) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_over_two_nodes_it_learns_what_one_process_learns(
    tmp_path: Path, data: Path, of_one: Callable[[str], Any]
) -> None:
    """This machine stands in for both nodes, and a script for SLURM's srun."""
    srun = tmp_path / "srun"
    srun.write_text(
        '#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do echo "$1"; shift; done\nexec 3<&0\n'
        '"$@" <&3 & one=$!\n"$@" <&3 & two=$!\nwait $one; code=$?\nwait $two || code=$?\nexit $code\n'
    )
    srun.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GLOO_SOCKET_IFNAME": LOOPBACK}
    job = replace(training("sft", tmp_path, data), processes=1, nodes=2, environment=environment)
    assert job.run() == 0, job.said
    assert "--nodes=2\n--ntasks=2\n--ntasks-per-node=1\n" in job.said
    assert_same(job, of_one("sft"))
    assert processes_of(job) == []


def test_none_is_left_behind_whatever_ends_it(tmp_path: Path, data: Path) -> None:
    job = training("sft", tmp_path, data, epochs=1000.0)

    def state() -> str:
        return next(iter(reversed([name for name in job.states if name.startswith("step")])), "")

    def after_a_step() -> Any:
        before, launcher = state(), job.start()
        wait_for(lambda: state() > before or not launcher.is_alive())
        assert launcher.is_alive(), job.said
        assert len(processes_of(job)) == 3
        return launcher

    # Asked to leave: it saves, and says so.
    launcher = after_a_step()
    os.kill(launcher.pid, signal.SIGTERM)
    launcher.join(PATIENCE)
    assert launcher.exitcode == os.EX_TEMPFAIL, job.said
    assert "run again to go on (asked to by SIGTERM)" in job.said
    assert processes_of(job) == []
    # The launcher is killed: nobody is left to be told.
    launcher = after_a_step()
    assert "going on from step" in job.said
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.join()
    wait_for(lambda: not processes_of(job), 10)
    # A process is killed, as by the memory's end: the others end, and the job says which one it was.
    launcher = after_a_step()
    workers = [line.split()[0] for line in processes_of(job) if "training.worker" in line]
    assert len(workers) == 2
    os.kill(int(workers[1]), signal.SIGKILL)
    launcher.join(PATIENCE)
    assert launcher.exitcode == 1
    assert "was ended by SIGKILL, and the others with it" in job.said.splitlines()[-1]
    assert processes_of(job) == []


def test_what_goes_wrong_in_a_process_is_the_jobs_error(tmp_path: Path, data: Path) -> None:
    job = training("sft", tmp_path, data, learning_rate=1e38, warmup=0.5)
    assert job.run() == 1
    assert job.said.splitlines()[-1].startswith("error: training stopped at step")
    assert "(cure: try a lower learning rate, or bf16: false; with another setting" in job.said
    assert processes_of(job) == []
