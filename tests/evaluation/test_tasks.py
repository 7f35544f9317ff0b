"""The lmms-eval tasks that the configuration makes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from lmms_eval.tasks import TaskManager, get_task_dict

from video_r2.evaluation.prompts import build_prompt
from video_r2.evaluation.tasks import percentage, process_results, write_tasks
from video_r2.records import QUESTION, read_table


@pytest.mark.parametrize("style", ["think", "direct"])
def test_every_benchmark_becomes_a_task_that_asks_its_questions(world, settings, tmp_path: Path, style) -> None:
    names = write_tasks(tmp_path, world.questions, settings.benchmarks, settings.prompts, style, 30)
    assert names == [f"clocks_{style}", f"orders_{style}"]
    tasks = get_task_dict(names, TaskManager(include_path=str(tmp_path), include_defaults=False))
    for name, benchmark in zip(names, world.questions, strict=True):
        table = read_table(world.questions[benchmark], QUESTION).to_dict("records")
        docs = tasks[name].test_docs()
        assert [doc["id"] for doc in docs] == [row["id"] for row in table]
        for doc, row in zip(docs, table, strict=True):
            asked = build_prompt(row, settings.benchmarks[benchmark], settings.prompts, style)
            assert tasks[name].doc_to_text(doc) == asked
            assert tasks[name].doc_to_visual(doc) == [row["video"]]
            assert tasks[name].doc_to_target(doc) == row["target"]


def test_a_benchmark_may_have_its_own_limit(world, settings, tmp_path: Path) -> None:
    write_tasks(tmp_path, world.questions, settings.benchmarks, settings.prompts, "think", 30)
    limits = {
        name: yaml.safe_load((tmp_path / f"{name}_think.yaml").read_text())["generation_kwargs"]["max_new_tokens"]
        for name in world.questions
    }
    assert limits == {"clocks": 12, "orders": 30}


def test_a_response_is_scored_by_its_answer() -> None:
    doc = {"target": "B", "answer_type": "choice", "options": ["red", "blue"], "question": "What colour is it?"}
    responses = ["<think>A</think><answer>B</answer>", "blue, option B", "<think>B</think><answer>A</answer>", ""]
    assert [process_results(doc, [response])["accuracy"] for response in responses] == [1, 1, 0, 0]
    assert percentage([1, 0, 0, 0]) == 25


@pytest.mark.parametrize(("unit", "right"), [("centimeters", 1), ("meters", 0)])
def test_the_question_says_what_a_bare_number_stands_for(unit: str, right: float) -> None:
    question = f"How many {unit} is it wide?"
    doc = {"target": "320", "answer_type": "number", "options": None, "question": question}
    assert process_results(doc, ["<answer>3.2 m</answer>"])["accuracy"] == right
