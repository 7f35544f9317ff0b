"""A job is refused parameters that its run did not begin with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from job_files import named_files
from snakemake.iocontainers import InputFiles, Params

from video_r2.errors import UserError
from video_r2.given_params import forget_params, note_params, require_given

STATES = "results/e/state"


def job(output: str = "results/e/scores/a.parquet", inputs: InputFiles | None = None, **params: Any) -> SimpleNamespace:
    return SimpleNamespace(
        rule="score", output=[output], input=InputFiles() if inputs is None else inputs, params=Params(fromdict=params)
    )


def run(*jobs: SimpleNamespace) -> Any:
    return SimpleNamespace(dag=SimpleNamespace(needrun_jobs=lambda: jobs))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_job_with_the_same_parameters_runs() -> None:
    note_params(STATES, run(job(code="1", settings={"a": 1, "b": [2.0]}), job("results/e/b", code="2")))
    require_given(job(settings={"a": 1, "b": [2.0]}, code="1"))


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ({"code": "2", "settings": {"a": 1, "b": 2}}, "code"),
        ({"code": "1", "settings": {"a": 2, "b": 2}}, "settings"),
        ({"code": "1", "settings": {"b": 2, "a": 1}}, "settings"),  # the order of keys may count
        ({"code": "1"}, "settings"),
        ({"code": "2", "settings": {"a": 1, "b": 2}, "seed": 0}, "code, seed"),
    ],
)
def test_a_job_with_others_is_refused(now: dict[str, Any], named: str) -> None:
    note_params(STATES, run(job(code="1", settings={"a": 1, "b": 2})))
    with pytest.raises(UserError, match=rf"of score has been edited since this run began \({named}\)"):
        require_given(job(**now))


def test_what_no_result_depends_on_and_what_is_found_on_the_disk_may_differ() -> None:
    note_params(STATES, run(job(code="1", cache="here", raw={"videos": {}}, environment={"torch": "2.0"})))
    require_given(job(code="1", cache="there", raw={}, environment={"torch": "2.1"}))


def test_a_job_with_other_inputs_is_refused() -> None:
    """A model's start and rows reach its training as inputs alone."""
    begun = named_files(InputFiles, start=Path("models/sft"), judge_weights=[Path("raw/judge")])
    note_params(STATES, run(job(inputs=begun, code="1")))
    require_given(job(inputs=named_files(InputFiles, start=Path("models/sft")), code="1"))
    with pytest.raises(UserError, match=r"since this run began \(input\)"):
        require_given(job(inputs=named_files(InputFiles, start=Path("models/base")), code="1"))


def test_without_a_run_nothing_is_known() -> None:
    require_given(job(code="1"))
    note_params(STATES, run(job(code="1")))
    require_given(job("results/e/other", code="2"))
    require_given(job("results/f/scores/a.parquet", code="2"))
    forget_params(STATES)
    require_given(job(code="2"))
