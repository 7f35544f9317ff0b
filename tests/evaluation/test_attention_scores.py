"""VAS by attention, from predictions to scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import score_vas_attention
from video_r2.evaluation.attention_scores import evenly_spaced
from video_r2.records import PREDICTION, QUESTION, SCORE, read_table, write_table

RESPONSES = ["<think>00:02-00:04: a red circle.</think><answer>A</answer>", "A", None, ""]


@pytest.fixture
def job(make_job: Callable[..., Any], world, tmp_path: Path) -> Any:
    made = make_job()
    predictions = []
    for name, path in world.questions.items():
        rows = read_table(path, QUESTION)
        given = {
            "evaluation": "row",
            "seed": 0,
            "prompt": rows["question"],
            "response": [RESPONSES[at % 4] for at in range(len(rows))],
            "think": None,
            "answer": None,
            "times": [[]] * len(rows),
            "tokens": 1,
            "finished": True,
        }
        predictions.append(tmp_path / f"{name}.parquet")
        write_table(predictions[-1], rows.assign(**given), PREDICTION)
    made.input = SimpleNamespace(checkpoint=made.input.checkpoint, predictions=predictions)
    made.output = SimpleNamespace(
        scores=[tmp_path / "scores" / path.name for path in predictions],
        summaries=[tmp_path / "scores" / f"{path.stem}.json" for path in predictions],
    )
    for name, value in {"semantics": "corrected", "bootstrap": 50, "attention_questions": 0}.items():
        setattr(made.params, name, value)
    return made


def scores(job: Any) -> pd.DataFrame:
    score_vas_attention.main(job)
    return pd.concat([read_table(path, SCORE) for path in job.output.scores], ignore_index=True)


def test_every_response_is_scored_and_missing_ones_say_why(job: Any) -> None:
    frame = scores(job)
    assert len(frame) == 24
    for at, row in enumerate(frame.to_dict("records")):
        detail = json.loads(row["detail"])
        if RESPONSES[at % 4]:
            assert 0 < row["score"] < 100
            shown = sum(detail["per_second"].values())
            assert shown == pytest.approx(row["score"] / 100, abs=1e-3)
            assert shown + detail["prompt"] + detail["response"] == pytest.approx(1, abs=1e-3)
            # The first response makes a claim about 2 to 4 s; "A" makes none.
            assert [(claim["start"], claim["end"]) for claim in detail.get("cited", [])] == [(2, 4)] * (at % 4 == 0)
            if at % 4 == 0:
                assert detail["on_cited"] == detail["cited"][0]["share"]
                assert 0 < detail["on_cited"] < 1
                assert 0 < detail["on_cited_if_even"] < 1
        else:
            assert pd.isna(row["score"])
            assert detail == {"missing": f"the response is {'missing' if at % 4 == 2 else 'empty'}"}
    summary = json.loads(Path(job.output.summaries[0]).read_text())
    assert (summary["n"], summary["missing"], summary["metric"]) == (12, 6, "vas_attention")


def test_the_batch_changes_no_score(job: Any) -> None:
    together = scores(job)
    job.params.decoding["batch"] = 1
    alone = scores(job)
    assert alone["id"].tolist() == together["id"].tolist()
    assert alone["score"].to_numpy() == pytest.approx(together["score"].to_numpy(), abs=1e-4, nan_ok=True)


def test_so_many_questions_are_read_as_configured(job: Any) -> None:
    job.params.attention_questions = 5
    frame = scores(job)
    assert frame.groupby("benchmark").size().tolist() == [5, 5]


def test_chosen_questions_are_spread_over_the_table() -> None:
    names = [f"q{at}" for at in range(10)]
    assert evenly_spaced(names, 4) == {"q0", "q3", "q6", "q9"}
    assert evenly_spaced(names, 0) == evenly_spaced(names, 10) == evenly_spaced(names, 99) == set(names)
