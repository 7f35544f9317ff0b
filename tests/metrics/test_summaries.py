"""The scoring scripts on prediction files, as the workflow calls them."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from job_files import named_files
from predictions import prediction
from snakemake.iocontainers import OutputFiles, Params

from video_r2.records import PREDICTION, SCORE, read_table, write_table
from video_r2.run import run as run_job

SCRIPTS = Path(__file__).parents[2] / "scripts"
GROUNDING = {"00:00-00:04": "a red circle with 3, rising", "00:04-00:08": "a blue cross with 2, resting"}
CLAIMS = "00:00-00:04: a red circle with 3, rising. 00:04-00:08: a blue cross with 2, resting."
RESPONSES = [
    f"<think>{CLAIMS} So the answer is blue, option B.</think><answer>B</answer>",
    f"<think>{CLAIMS} So the answer is red, option A.</think><answer>B</answer>",
    "<think>So the answer is red, option A.</think><answer>A</answer>",
    "B",
    None,
]


@pytest.fixture
def score(tmp_path: Path) -> Callable[..., list[tuple[pd.DataFrame, dict]]]:
    """Run a scoring script on the responses for each of some benchmarks; give its tables and summaries."""

    def run(script: str, groundings: dict[str, dict[str, str]], **params: Any) -> list[tuple[pd.DataFrame, dict]]:
        files = {kind: [str(tmp_path / f"{name}.{kind}") for name in groundings] for kind in ("in", "parquet", "json")}
        for path, (name, grounding) in zip(files["in"], groundings.items(), strict=True):
            rows = [prediction(at, response, grounding, benchmark=name) for at, response in enumerate(RESPONSES)]
            write_table(path, pd.DataFrame(rows), PREDICTION)
        settings = {
            "semantics": "corrected",
            "bootstrap": 50,
            "judge": {"kind": "rules"},
            "judge_service": {},
            "temporal_alignment": {},
            "benchmarks": {name: {"label": name, "group": "generic", "adapter": "videomme"} for name in groundings},
            **params,
        }
        one = len(groundings) == 1  # Snakemake gives a single file as text
        job = SimpleNamespace(
            input=SimpleNamespace(predictions=files["in"][0] if one else files["in"]),
            output=named_files(
                OutputFiles,
                scores=Path(files["parquet"][0]) if one else files["parquet"],
                summaries=Path(files["json"][0]) if one else files["json"],
            ),
            params=Params(fromdict=settings),
            log=[],
            threads=1,
            rule=script,
        )
        run_job(runpy.run_path(str(SCRIPTS / f"{script}.py"))["main"], job)
        tables = [read_table(path, SCORE) for path in files["parquet"]]
        return list(zip(tables, [json.loads(Path(path).read_text()) for path in files["json"]], strict=True))

    return run


def test_accuracy_of_several_benchmarks_at_once(score) -> None:
    (table, summary), (other, _) = score("score_accuracy", {"one": {}, "two": {}})
    # right, right, wrong, without an answer block, without a response
    assert table["score"].fillna(-1).tolist() == [100, 100, 0, 0, -1]
    assert table["metric"].unique().tolist() == ["accuracy"]
    assert other["benchmark"].unique().tolist() == ["two"]
    assert (summary["evaluation"], summary["seed"], summary["n"], summary["missing"]) == ("sft", 3, 5, 1)
    assert summary["mean"] == 50.0
    assert 0 <= summary["low"] <= 50 <= summary["high"] <= 100
    assert summary["counts"] == {"no answer block": 1, "no response": 1}


def test_consistency(score) -> None:
    ((table, summary),) = score("score_tac", {"one": {}})
    assert table["score"].fillna(-1).tolist() == [100, 0, 100, 0, -1]
    assert summary["counts"] == {"missing_think": 1, "missing_answer": 1, "no response": 1}


def test_evidence(score) -> None:
    ((table, summary),) = score("score_vas_judge", {"one": {}})
    assert (table["score"][:2] >= 70).all()
    assert table["score"][3] == 0
    assert summary["counts"] == {"missing_think": 1, "no response": 1}


def test_alignment_where_the_grounding_is_known_only(score) -> None:
    (known, summary), (unknown, nothing) = score("score_temporal_alignment", {"one": GROUNDING, "two": {}})
    assert known["metric"].unique().tolist() == ["temporal_f1"]
    assert known["score"].fillna(-1).tolist() == [100, 100, 0, 0, -1]
    assert summary["means"]["claims"] == 1.0
    assert len(unknown) == 0
    assert (nothing["n"], nothing["mean"]) == (0, None)


def test_semantics_reach_the_scores(score) -> None:
    ((table, summary),) = score("score_tac", {"one": {}}, semantics="reference")
    # the third is wrong in both, the fourth too (it has no blocks); the second is right in its answer only
    assert table["score"].fillna(-1).tolist() == [100, 0, 100, 100, -1]
    assert summary["semantics"] == "reference"


def test_benchmark_that_is_not_configured_is_refused(score, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        score("score_accuracy", {"one": {}}, benchmarks={"other": {}})
    assert "benchmark 'one' is not in the configuration; there are other" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["score_accuracy", "score_tac", "score_vas_judge", "score_temporal_alignment"])
def test_nothing_heavy_is_imported(script: str) -> None:
    code = f"import runpy, sys; runpy.run_path('{SCRIPTS}/{script}.py'); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(SCRIPTS)},
    )
    assert not {"torch", "transformers", "lmms_eval", "nltk", "sentence_transformers"} & set(done.stdout.split())
