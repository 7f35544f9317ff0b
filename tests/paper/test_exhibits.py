"""Cells, differences and boxes from score files, against figures worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from video_r2.errors import UserError
from video_r2.metrics.summaries import read_scores
from video_r2.paper.exhibits import LOOKS, Study, boxes, cells, differences, lacking, looks_of


@pytest.fixture
def study(params: SimpleNamespace) -> Study:
    return Study.from_params(params)


def cell(frame, evaluation: str, column: str, metric: str = "accuracy"):
    found = frame[(frame["evaluation"] == evaluation) & (frame["column"] == column) & (frame["metric"] == metric)]
    assert len(found) == 1
    return found.iloc[0]


def test_averages_give_every_benchmark_the_same_weight(study: Study, write_scores: Callable[..., Path]) -> None:
    paths = [
        write_scores("sft", "mvbench", [100, 0, 100, 100]),  # 75
        write_scores("sft", "tempcompass", [100, 0, 100, 0]),  # 50
        write_scores("sft", "videomathqa", [0, 0, 0, 0]),  # 0
        write_scores("sft", "mmvu", [100, 100, 100, 0, 0, 0, 0, 0, 0, 0]),  # 30
    ]
    frame = cells(read_scores(paths), study, ["accuracy"], ["sft"])
    values = dict(zip(frame["column"], frame["value"], strict=True))
    assert values == pytest.approx(
        {
            "mvbench": 75,
            "tempcompass": 50,
            "videomathqa": 0,
            "mmvu": 30,
            "generic": 62.5,
            "reasoning": 15,
            "overall": 38.75,
        }
    )
    assert list(frame["column"]) == ["mvbench", "tempcompass", "videomathqa", "mmvu", "generic", "reasoning", "overall"]
    overall = cell(frame, "sft", "overall")
    assert overall.low <= overall.value <= overall.high
    assert (overall.questions, overall.missing, overall.seeds) == (22, 0, 1)
    assert math.isnan(overall.sd)
    # every video of VideoMathQA scores 0, whichever are drawn
    assert (cell(frame, "sft", "videomathqa").low, cell(frame, "sft", "videomathqa").high) == (0, 0)


def test_what_was_not_scored_is_missing_and_takes_its_averages_along(
    study: Study, write_scores: Callable[..., Path]
) -> None:
    paths = [
        write_scores("sft", "mvbench", [100, 100]),
        write_scores("sft", "tempcompass", [None, 0]),
        write_scores("sft", "videomathqa", [100, 100]),
    ]
    frame = cells(read_scores(paths), study, ["accuracy"], ["sft", "grpo"])
    # a missing score is left out and counted, not taken for 0
    assert cell(frame, "sft", "tempcompass").value == 0
    assert cell(frame, "sft", "tempcompass").missing == 1
    assert cell(frame, "sft", "generic").value == 50
    for evaluation, column in [("sft", "mmvu"), ("sft", "reasoning"), ("sft", "overall"), ("grpo", "mvbench")]:
        assert math.isnan(cell(frame, evaluation, column).value)
    assert set(frame["label"]) == {"SFT", "SFT + GRPO"}


def test_as_released_vas_is_averaged_over_all_questions_of_what_ran(
    study: Study, write_scores: Callable[..., Path]
) -> None:
    paths = [
        write_scores("sft", "mvbench", [100], "vas_judge"),
        write_scores("sft", "tempcompass", [20, 20, 20], "vas_judge"),
        write_scores("grpo", "mvbench", [50], "vas_judge"),
        write_scores("grpo", "tempcompass", [0, 0, 0], "vas_judge"),
    ]
    scores, released = read_scores(paths), replace(study, semantics="reference")
    frame = cells(scores, released, ["vas_judge"], ["sft"])
    assert cell(frame, "sft", "generic", "vas_judge").value == 40
    assert cell(frame, "sft", "overall", "vas_judge").value == 40  # of the reasoning benchmarks none ran
    assert cell(cells(scores, study, ["vas_judge"], ["sft"]), "sft", "generic", "vas_judge").value == 60
    ahead = differences(scores, released, ["vas_judge"], [("sft", "grpo")], ["generic"])
    assert ahead["value"].tolist() == [27.5]  # 40 - 12.5


def test_several_seeds_give_their_mean_and_spread(study: Study, write_scores: Callable[..., Path]) -> None:
    paths = [
        write_scores("sft", "mvbench", [100, 0, 0, 0], seed=0),  # 25
        write_scores("sft", "mvbench", [100, 100, 100, 0], seed=1),  # 75
        write_scores("sft", "mvbench", [100, 100, 0, 0], seed=2),  # 50
    ]
    found = cell(cells(read_scores(paths), study, ["accuracy"], ["sft"]), "sft", "mvbench")
    assert found.value == 50
    # deviations -25, 25, 0: variance 1250 / 2
    assert found.sd == pytest.approx(25)
    assert (found.seeds, found.questions) == (3, 4)


def test_macro_averages_follow_the_benchmarks_own_rule(study: Study, write_scores: Callable[..., Path]) -> None:
    path = write_scores("sft", "mvbench", [100, 100, 100, 0], categories=["a", "a", "a", "b"])
    found = cells(read_scores([path]), study, ["accuracy"], ["sft"])
    # MVBench averages over its types: (100 + 0) / 2; consistency is averaged over questions
    assert cell(found, "sft", "mvbench").value == 50
    path = write_scores("sft", "mvbench", [100, 100, 100, 0], "tac", categories=["a", "a", "a", "b"])
    assert cell(cells(read_scores([path]), study, ["tac"], ["sft"]), "sft", "mvbench", "tac").value == 75


def test_looks_part_the_questions_of_all_benchmarks(study: Study, write_scores: Callable[..., Path]) -> None:
    paths = [
        write_scores("sft", "mvbench", [100, 0], ids=["colour_at-000", "sum-001"]),
        write_scores("sft", "mmvu", [0, 100, 100], ids=["digit_of-000", "gap-001", "count-002"]),
        write_scores("sft", "heldout", [0], ids=["sum-000"]),
    ]
    frame = cells(read_scores(paths), study, ["accuracy"], ["sft"], LOOKS)
    assert cell(frame, "sft", "one").value == 50
    assert cell(frame, "sft", "several").value == pytest.approx(200 / 3)
    assert cell(frame, "sft", "several").questions == 3


@pytest.mark.parametrize(
    ("name", "looks"),
    [("colour_at-003", "one"), ("longest-101", "several"), ("video/sum-1", "several"), ("0421", None), ("x-1", None)],
)
def test_looks_of_a_question(name: str, looks: str | None) -> None:
    assert looks_of(name) == looks


def test_differences_are_paired_by_question(study: Study, write_scores: Callable[..., Path]) -> None:
    one = [100, 0, 100, 0, 100, 0, 100, 0]
    paths = [
        write_scores("grpo", "mvbench", [100, 50, 100, 50, 100, 50, 100, 50]),
        write_scores("sft", "mvbench", one),
    ]
    found = differences(read_scores(paths), study, ["accuracy"], [("grpo", "sft")], ["mvbench", "tempcompass"])
    first, second = found.to_dict("records")
    # every video gains the same 25, so that the paired difference does not vary at all, though the scores do
    assert (first["value"], first["low"], first["high"]) == (25, 25, 25)
    assert math.isnan(second["value"])


def test_a_question_scored_twice_is_refused(write_scores: Callable[..., Path]) -> None:
    path = write_scores("sft", "mvbench", [100, 0], ids=["sum-1", "sum-1"])
    with pytest.raises(UserError, match=r"record sum-1: 1 questions are scored twice.*'mvbench'"):
        read_scores([path])


def test_boxes_of_single_responses(study: Study, write_scores: Callable[..., Path]) -> None:
    claims = {"on_cited": 0.25, "on_cited_if_even": 0.125}
    paths = [
        write_scores("sft", "mvbench", [10, 20], "vas_attention", details=[claims, {}]),
        write_scores("sft", "mmvu", [30, None, 40], "vas_attention", details=[{}, {}, {**claims, "on_cited": 0.5}]),
    ]
    first, second = boxes(read_scores(paths), study, ["sft", "grpo"]).to_dict("records")
    # 10 20 30 40: mean and median 25, quartiles at 17.5 and 32.5
    assert (first["mean"], first["q1"], first["median"], first["q3"]) == (25, 17.5, 25, 32.5)
    assert (first["whisker_low"], first["whisker_high"], first["responses"]) == (10, 40, 4)
    assert first["low"] < 25 < first["high"]
    # of the two responses that make claims
    assert (first["on_cited"], first["on_cited_if_even"]) == (37.5, 12.5)
    # One video of each benchmark has claims, or both have: means of 25, 37.5 and 50.
    assert 25 <= first["on_cited_low"] <= 37.5 <= first["on_cited_high"] <= 50
    assert first["on_cited_low"] < first["on_cited_high"]
    assert second["responses"] == 0
    assert math.isnan(second["mean"])


def test_a_benchmark_that_lacks_a_part_of_its_published_average_is_named(study: Study) -> None:
    tasks = [f"task {at}" for at in range(20)]
    rows = [("accuracy", "sft", 0, "mvbench", task, 100.0) for task in tasks]
    rows += [("accuracy", "grpo", 0, "mvbench", task, None if task == "task 7" else 0.0) for task in tasks]
    scores = pd.DataFrame(rows, columns=["metric", "evaluation", "seed", "benchmark", "category", "score"])
    label = study.benchmarks["mvbench"].label
    assert lacking(scores, study) == [f"{label} (over 19 of 20 parts)"]
    assert lacking(scores[scores["evaluation"] == "sft"], study) == []
    assert lacking(scores.assign(metric="tac"), study) == []
