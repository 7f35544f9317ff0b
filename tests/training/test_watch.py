"""When a training is saved, and when it leaves."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest

from video_r2.config import Resumption
from video_r2.training.watch import Watch, time_limit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_is_saved_by_the_clock() -> None:
    clock = Clock()
    watch = Watch(Resumption(minutes=2), clock=clock)
    watch.saved(0)
    clock.now += 119.9
    assert not watch.due(500)
    clock.now += 0.1
    assert watch.due(501)
    watch.saved(501)
    assert not watch.due(900)


def test_it_is_saved_by_the_number_of_steps_too() -> None:
    watch = Watch(Resumption(steps=5))
    watch.saved(7)
    assert [watch.due(step) for step in (8, 11, 12, 13)] == [False, False, True, True]


def test_it_leaves_before_the_limit() -> None:
    clock = Clock()
    watch = Watch(Resumption(before_limit=10), limit=1000.0 + 3600, clock=clock)
    clock.now += 49 * 60
    assert watch.why is None
    clock.now += 61
    assert watch.why == "the job's time limit is near"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_the_first_signal_is_kept_and_the_second_ends(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    watch = Watch(Resumption())
    with watch:
        assert watch.why is None
        os.kill(os.getpid(), number)
        assert watch.why == f"asked to by {number.name}"
        with pytest.raises(SystemExit) as ended:
            os.kill(os.getpid(), number)
        assert ended.value.code == 128 + number
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(
    ("environment", "runtime", "limit"),
    [
        ({"SLURM_JOB_ID": "1", "SLURM_JOB_END_TIME": "5000"}, 720, 5000.0),
        ({"SLURM_JOB_ID": "1"}, 720, 100.0 + 720 * 60),  # a step of Snakemake's, which is not told the end
        ({"SLURM_JOB_ID": "1"}, None, None),
        ({}, 720, None),  # on a machine of one's own nobody keeps to the rule's runtime
    ],
)
def test_the_limit_is_the_schedulers(environment: dict[str, str], runtime: int | None, limit: float | None) -> None:
    resources = SimpleNamespace() if runtime is None else SimpleNamespace(runtime=runtime)
    assert time_limit(resources, 100.0, environment) == limit
