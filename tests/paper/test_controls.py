"""Controls: which row each belongs to, how they are laid out, and what guessing scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from video_r2 import config
from video_r2.paper.controls import chance_scores, control_pairs, control_rows
from video_r2.paper.exhibits import Study, cells, differences
from video_r2.paper.layouts import controls_sheet
from video_r2.paper.tables import to_markdown


@pytest.fixture
def study(params: SimpleNamespace) -> Study:
    params.benchmarks["vsibench"] = config.Benchmark(label="VSI", group="reasoning", adapter="vsibench").model_dump()
    return Study.from_params(params)


def question(name: str, target: str, options: list[str], kind: str = "choice", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "benchmark": "mmvu",
        "category": "",
        "video": "v.mp4",
        "question": "",
        "options": options,
        "answer_type": kind,
        "target": target,
        **changes,
    }


def chance(study: Study, *rows: dict[str, Any]) -> list[float]:
    return chance_scores(pd.DataFrame(rows), study)["score"].tolist()


def test_chance_of_an_option_is_even(study: Study) -> None:
    assert chance(study, question("a", "A", ["x", "y", "z", "w"]), question("b", "B", ["x", "y"])) == [25, 50]


def test_chance_of_a_text_is_another_questions_answer(study: Study) -> None:
    rows = [question(str(at), target, [], "text") for at, target in enumerate(["red", "red", "blue"])]
    # of the two others of each: one red and one blue; one red and one blue; two reds
    assert chance(study, *rows) == [50, 50, 0]


def test_chance_of_a_number_is_scored_as_the_benchmark_scores(study: Study) -> None:
    rows = [question(str(at), target, [], "number", benchmark="vsibench") for at, target in enumerate(["10", "8"])]
    # 8 for 10 is off by 0.2, within thresholds 0.50 to 0.80; 10 for 8 by 0.25, within 0.50 to 0.75
    assert chance(study, *rows) == pytest.approx([70, 60])


def test_an_answer_is_drawn_from_the_same_category_or_not_at_all(study: Study) -> None:
    rows = [question("a", "red", [], "text", category="x"), question("b", "red", [], "text", category="y")]
    assert pd.isna(chance(study, *rows)).all()


def test_every_control_stands_beside_the_normal_row_of_its_model(study: Study) -> None:
    names = study.shown_in("controls")
    assert control_pairs(study, names) == [("grpo_no_trace", "grpo"), ("grpo_blind", "grpo")]
    rows = control_rows(study, ["grpo_blind", "base_direct", "grpo", "grpo_sampled", "grpo_no_trace"])
    assert rows["evaluation"].tolist() == ["grpo", "grpo_sampled", "grpo_blind", "grpo_no_trace", "base_direct"]
    assert rows["decoding"].tolist() == ["greedy", "sampled", "greedy", "greedy", "greedy"]


def test_a_sampled_control_belongs_to_the_sampled_row(params: SimpleNamespace) -> None:
    entry = {**params.evaluations["grpo_no_trace"], "decoding": {"temperature": 1.0}}
    params.evaluations["grpo_sampled_no_trace"] = entry
    assert control_pairs(Study.from_params(params), ["grpo_sampled_no_trace"]) == [
        ("grpo_sampled_no_trace", "grpo_sampled")
    ]


def test_the_table_marks_losses_and_ends_with_chance(params: SimpleNamespace) -> None:
    study = Study.from_params(params)
    names = ["grpo", "grpo_no_trace"]
    rows = []
    for benchmark in study.header.members("overall"):
        for at in range(8):
            shared = {"id": f"sum-{at}", "benchmark": benchmark, "category": "", "video": f"{benchmark}{at}", "seed": 0}
            shared["metric"] = "accuracy"
            rows.append({**shared, "evaluation": "grpo", "score": 100.0})
            rows.append({**shared, "evaluation": "grpo_no_trace", "score": 40.0})
            rows.append({**shared, "evaluation": "chance", "score": 25.0})
    scores = pd.DataFrame(rows)
    shown = cells(scores, study, ["accuracy"], [*names, "chance"], ("one", "several"))
    losses = differences(scores, study, ["accuracy"], control_pairs(study, names), ("generic", "several"))
    text = to_markdown(controls_sheet(shown, losses, control_rows(study, names)))
    assert "| SFT + GRPO | nothing | greedy | 100.0 | 100.0 | 100.0 | – | 100.0 |" in text
    assert "| without trace | the trace | greedy | 40.0\\* | 40.0 | 40.0 | – | 40.0\\* |" in text
    assert "| Chance |  |  | 25.0 | 25.0 | 25.0 | – | 25.0 |" in text
