"""What a job took, over all its attempts and on all its GPUs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.iocontainers import Params

from video_r2.ended import ENDED
from video_r2.provenance import attempts
from video_r2.provenance.attempts import Attempts
from video_r2.provenance.circumstances import Beginning, Circumstances


def job(resources: dict[str, Any] | None = None, **params: Any) -> SimpleNamespace:
    return SimpleNamespace(
        rule="train_sft",
        params=Params(fromdict={"code": "c", "seed": 0, **params}),
        output=["results/paper/models/sft/seed-0"],
        resources=resources or {},
        threads=1,
    )


def test_the_time_of_attempts_that_left_is_counted(tmp_path: Path) -> None:
    upkeep = {"folder": str(tmp_path)}
    for before in (0.0, 0.1):
        attempt = Attempts(job(upkeep=upkeep))
        assert before <= attempt.before < before + 0.1
        time.sleep(0.1)
        attempt.leave()
    assert Attempts(job(upkeep={**upkeep, "devices": "others"})).before >= 0.2
    # Of another seed, and of other code, nothing has been done.
    assert Attempts(job(upkeep=upkeep, seed=1)).before == 0
    assert Attempts(job(upkeep=upkeep, code="d")).before == 0


def test_the_time_of_an_attempt_that_was_killed_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PULSE", 0.02)
    Attempts(job(state=str(tmp_path)))
    time.sleep(0.2)
    assert Attempts(job(state=str(tmp_path))).before > 0.1


def test_what_is_kept_of_a_job_that_has_ended_says_what_it_made(tmp_path: Path) -> None:
    done = job(state=str(tmp_path))
    Attempts(done).end(done)
    (note,) = tmp_path.glob(f"*/*/{ENDED}")  # where `ended.forget_ended` looks
    assert json.loads(note.read_text()) == done.output


def test_a_damaged_note_counts_as_none(tmp_path: Path) -> None:
    Attempts(job(state=str(tmp_path))).leave()
    (note,) = tmp_path.glob(f"attempts/*/{attempts.NOTE}")
    for damaged in (b"", b"[1", b"null", b"\xff"):
        note.write_bytes(damaged)
        assert Attempts(job(state=str(tmp_path))).before == 0


def test_a_job_that_begins_anew_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = job()
    Attempts(done).end(done)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node with eight GPUs, by what their driver says."""
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\n" + "echo NVIDIA H100 80GB HBM3\n" * 8)
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


def circumstances(resources: dict[str, Any]) -> Circumstances:
    of = job(resources)
    attempt = Attempts(of)
    attempt.before = 3600.0
    return Beginning(attempt).end(of)


@pytest.mark.parametrize(
    ("resources", "number"),
    [
        ({"gpu": 4}, 4),
        ({"gpu": 16}, 8),  # more than there are: a local run counts them only against each other
        ({"gpu": 0, "nodes": 2, "slurm_extra": "--gpus-per-node=8"}, 16),
    ],
)
@pytest.mark.usefixtures("gpus")
def test_gpus_count_whichever_process_used_them(resources: dict[str, Any], number: int) -> None:
    # As in a training by several processes: this one only waits for them.
    of = circumstances(resources)
    assert (of.gpus, of.device) == (number, "NVIDIA H100 80GB HBM3")
    assert of.seconds == pytest.approx(3600, abs=30)
    assert of.gpu_hours == pytest.approx(number, rel=0.01)


@pytest.mark.usefixtures("gpus")
def test_who_asked_for_none_had_none() -> None:
    assert circumstances({}).gpus == 0


def test_gpus_that_are_not_there_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    of = circumstances({"gpu": 2})
    assert (of.gpus, of.gpu_hours) == (0, 0)
