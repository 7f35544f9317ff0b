"""A training that is killed, asked to leave or out of space ends as if nothing had happened, once it is run again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from training_data import write_data
from training_jobs import KILL, Moment, Nothing, Training

pytestmark = pytest.mark.long

KINDS = ["base", "base in two processes", "sft", "grpo"]
STEPS = {"base": 13, "base in two processes": 13, "sft": 9, "grpo": 8}
UPDATES = {"base": 3, "base in two processes": 3}  # optimizers: AdamW, and Muon for each tower
SAVING = 4  # of the names that a saved state touches, at least
TERM, USR1, INT = int(signal.SIGTERM), int(signal.SIGUSR1), int(signal.SIGINT)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


def training(kind: str, folder: Path, data: Path) -> Training:
    threads = 2 if "two" in kind else 1
    return Training(f"train_{kind.split()[0]}", folder, data, threads)


Result = tuple[str, list[dict[str, float]]]


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """What each kind of training leaves when nothing happens to it, and nothing is saved on the way."""
    results = {}
    for kind in KINDS:
        of_kind = replace(training(kind, tmp_path_factory.mktemp("undisturbed"), data), resumption={"minutes": 1000.0})
        assert of_kind.run() == 0, of_kind.said
        results[kind] = of_kind.result()
    return results


def finish(job: Training, expected: Result, steps: int) -> None:
    """Run to the end: the same weights and log, from the last saved state on, in whose place is what was made now."""
    kept = [name for name in job.states if name.startswith("step-") and "." not in name]
    assert job.run() == 0, job.said
    if kept:
        assert f"going on from step {int(kept[-1].removeprefix('step-'))} of {steps}" in job.said
    assert job.result() == expected
    assert job.states == ["ended.json", "made"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_random_steps_it_ends_with_the_same_bits(
    kind: str, seed: int, tmp_path: Path, data: Path, undisturbed: dict[str, Result]
) -> None:
    job = training(kind, tmp_path, data)
    rng = random.Random(f"{kind} {seed}")
    updates = UPDATES.get(kind, 1)
    resumed = 0
    for _ in range(2):
        # Counted from where this run begins: behind its second step, after which it saves.
        latest = updates * max(3, (STEPS[kind] - resumed) // 2)
        moment = Moment(step=rng.randint(2 * updates + 1, latest), signals=KILL)
        assert job.run(moment) == -signal.SIGKILL
        kept = [int(name.removeprefix("step-")) for name in job.states if name.startswith("step-")]
        assert kept
        assert kept[-1] > resumed
        resumed = kept[-1]
    finish(job, undisturbed[kind], STEPS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_while_it_saves_it_ends_with_the_same_bits(
    kind: str, seed: int, tmp_path: Path, data: Path, undisturbed: dict[str, Result]
) -> None:
    job = training(kind, tmp_path, data)
    assert job.run(Moment(touch=random.Random(f"{kind} {seed}").randint(6, 20), signals=KILL)) == -signal.SIGKILL
    finish(job, undisturbed[kind], STEPS[kind])


@pytest.mark.parametrize("kind", ["sft", "base in two processes"])
@pytest.mark.parametrize(("at", "touch"), [("/.made", 1), ("/.made", 3), ("ended.json", 1), (".ended.json", 2)])
def test_killed_at_its_very_end_it_costs_little(
    kind: str, at: str, touch: int, tmp_path: Path, data: Path, undisturbed: dict[str, Result]
) -> None:
    job = training(kind, tmp_path, data)
    assert job.run(Moment(touch=touch, at=at, signals=KILL)) == -signal.SIGKILL
    assert (job.folder / "model").exists()
    shutil.rmtree(job.folder / "model")  # as Snakemake does with what a job has made that failed
    finish(job, undisturbed[kind], STEPS[kind])
    if "ended" in at:
        assert "what it made is put back" in job.said
        assert "going on from" not in job.said


def test_when_one_of_two_processes_is_killed_training_ends_and_can_go_on(
    tmp_path: Path, data: Path, undisturbed: dict[str, Result]
) -> None:
    job = training("base in two processes", tmp_path, data)
    assert job.run(Moment(step=20, signals=KILL, rank=1)) == 1
    finish(job, undisturbed["base in two processes"], 13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asked", [TERM, USR1, INT])
def test_asked_to_leave_it_saves_and_says_that_it_is_to_be_run_again(
    kind: str, asked: int, tmp_path: Path, data: Path, undisturbed: dict[str, Result]
) -> None:
    job = replace(training(kind, tmp_path, data), resumption={"minutes": 1000.0})
    rank = 1 if "two" in kind else 0  # where there are several, one of them hears of it
    step = 2 + (2 if rank else 3) * UPDATES.get(kind, 1)
    assert job.run(Moment(step=step, signals=(asked,), rank=rank)) == 75  # EX_TEMPFAIL
    done = int(job.states[-1].removeprefix("step-"))
    assert 3 <= done <= 5
    assert f"saved at step {done} of {STEPS[kind]}; run again to go on" in job.said
    assert "Traceback" not in job.said
    finish(job, undisturbed[kind], STEPS[kind])


def test_asked_twice_it_leaves_at_once(tmp_path: Path, data: Path) -> None:
    job = training("sft", tmp_path, data)
    assert job.run(Moment(step=3, signals=(TERM, TERM))) == 128 + TERM
    assert job.states == ["step-000000002"]


def test_the_number_of_processes_may_change(tmp_path: Path, data: Path, undisturbed: dict[str, Result]) -> None:
    # The two processes compute a batch each and their gradients are added, as one process adds them.
    job = training("base in two processes", tmp_path, data)
    assert job.run(Moment(step=12, signals=KILL)) == -signal.SIGKILL
    finish(replace(job, threads=1), undisturbed["base"], 13)


def test_a_damaged_state_is_set_aside_and_the_one_before_it_used(
    tmp_path: Path, data: Path, undisturbed: dict[str, Result]
) -> None:
    job = training("sft", tmp_path, data)
    assert job.run(Moment(step=7, signals=KILL)) == -signal.SIGKILL
    assert job.states == ["step-000000004", "step-000000006"]
    newest = next((tmp_path / "state").glob("*/*/step-000000006"))
    optimizer = newest / "optimizer.pt"
    optimizer.write_bytes(optimizer.read_bytes()[:-100])
    assert job.run(Moment(step=2, signals=KILL)) == -signal.SIGKILL
    assert "step-000000006: this state of the training is damaged: optimizer.pt (" in job.said
    assert "going on from step 4 of 9" in job.said
    assert "step-000000006.damaged" in job.states
    (newest.parent / "step-000000006.damaged").rename(tmp_path / "aside")
    finish(job, undisturbed["sft"], 9)


def test_other_settings_never_go_on_from_this_state(
    tmp_path: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    job = training("sft", tmp_path, data)
    assert job.run(Moment(step=5, signals=KILL)) == -signal.SIGKILL
    other = replace(job, settings={"learning_rate": 5e-3})
    assert other.run() == 0
    assert "going on" not in other.said
    alone = replace(other, folder=tmp_path_factory.mktemp("alone"))
    assert alone.run() == 0
    assert other.result() == alone.result()
    # What was interrupted is still there.
    assert job.states == ["ended.json", "made", "step-000000002", "step-000000004"]


def test_how_often_one_saves_is_no_other_setting(tmp_path: Path, data: Path, undisturbed: dict[str, Result]) -> None:
    job = training("sft", tmp_path, data)
    assert job.run(Moment(step=5, signals=KILL)) == -signal.SIGKILL
    finish(replace(job, resumption={"steps": 3, "keep": 1}, guards={"window": 4}), undisturbed["sft"], 9)


def test_a_second_process_is_kept_out(tmp_path: Path, data: Path, undisturbed: dict[str, Result]) -> None:
    job = training("sft", tmp_path, data)
    first = job.start(Moment(step=5, signals=(int(signal.SIGSTOP),)))
    while not job.states or job.states[-1] != "step-000000004":
        assert first.is_alive()
        time.sleep(0.05)
    second = replace(job, folder=job.folder)
    assert second.run() == 1
    assert f"another process is at this: process {first.pid} on {os.uname().nodename}, since 20" in second.said
    assert "Traceback" not in second.said
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    finish(job, undisturbed["sft"], 9)


# --- training that goes wrong -----------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_training_and_leaves_the_last_good_state(tmp_path: Path, data: Path) -> None:
    job = replace(training("sft", tmp_path, data), settings={"learning_rate": 1e38, "warmup": 0.5})
    assert job.run() == 1
    assert "is nan; last values" in job.said
    assert "(cure: try a lower learning rate, or bf16: false; with another setting training begins anew" in job.said
    assert "Traceback" not in job.said
    assert not (tmp_path / "model").exists()


def test_rewards_that_do_not_vary_stop_training(tmp_path: Path, data: Path) -> None:
    job = replace(training("grpo", tmp_path, data), rewards=Nothing, guards={"steps_without_variance": 5})
    assert job.run() == 1
    assert "training stopped at step 5: the rewards of no group have varied for 5 steps" in job.said
    assert f"the last good state is kept in {tmp_path}/state/train_grpo/" in job.said
    assert "(cure: try a higher temperature" in job.said
    assert job.states == ["step-000000002", "step-000000004"]


def test_a_prompt_that_is_too_long_is_named(tmp_path: Path, data: Path) -> None:
    job = replace(training("grpo", tmp_path, data), settings={"max_prompt_tokens": 20})
    assert job.run() == 1
    assert "tokens, more than training.grpo.max_prompt_tokens = 20 (cure: raise it" in job.said
    assert "Traceback" not in job.said


def test_the_count_of_steps_without_variance_survives_an_interruption(tmp_path: Path, data: Path) -> None:
    job = replace(training("grpo", tmp_path, data), rewards=Nothing, guards={"steps_without_variance": 5})
    assert job.run(Moment(step=3, signals=KILL)) == -signal.SIGKILL
    assert job.run() == 1
    assert "training stopped at step 5" in job.said


def test_the_base_model_stops_with_all_its_processes(tmp_path: Path, data: Path) -> None:
    settings = {"matrix_learning_rate": 1e20, "learning_rate": 1e20}
    job = replace(training("base in two processes", tmp_path, data), settings=settings)
    assert job.run() == 1
    assert "training stopped at step" in job.said
    assert "Traceback" not in job.said


# --- the disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["base in two processes", "sft", "grpo"])
def test_a_disk_that_is_full_while_it_saves_costs_what_was_not_saved(
    kind: str, small_disk: Path, tmp_path: Path, data: Path, undisturbed: dict[str, Result]
) -> None:
    job = replace(training(kind, tmp_path, data), state=small_disk / "state")
    ballast = small_disk / "ballast"
    step = 3 * UPDATES.get(kind, 1) + 1
    assert job.run(Moment(step=step, ballast=str(ballast))) == 1
    assert "the disk is full (cure: free some space and run again)" in job.said
    assert "Traceback" not in job.said
    assert job.states == ["step-000000002"]
    ballast.unlink()
    finish(job, undisturbed[kind], STEPS[kind])


def test_training_does_not_begin_where_there_is_no_space_for_its_states(
    small_disk: Path, tmp_path: Path, data: Path
) -> None:
    (small_disk / "ballast").write_bytes(bytes(8 * 2**20 - 300_000))
    job = replace(training("grpo", tmp_path, data), state=small_disk / "state")
    assert job.run() == 1
    assert "training, for 3 states of" in job.said
    assert "0.3 MB are free" in job.said or "0.29 MB are free" in job.said
    assert "(cure: free some space, or keep fewer states" in job.said
