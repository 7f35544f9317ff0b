"""The text around a question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2 import config
from video_r2.errors import RejectedRecord, UserError
from video_r2.evaluation.prompts import asked_questions, build_prompt, shared_instruction

PROMPTS = config.Prompts(think="Think.", direct_choice="Letter.", direct_open="Word.")
QUESTION = {"id": "q", "question": "What colour?", "options": ["red", "blue"], "answer_type": "choice"}


def benchmark(**keys: object) -> config.Benchmark:
    return config.Benchmark.model_validate({"label": "B", "group": "generic", "adapter": "b", **keys})


def test_a_prompt_has_context_question_options_and_instruction() -> None:
    asked = benchmark(context="Watch.", option_format="({letter}) {text}")
    expected = "Watch.\nWhat colour?\nOptions:\n(A) red\n(B) blue\nThink."
    assert build_prompt(QUESTION, asked, PROMPTS, "think") == expected


def test_a_configuration_of_a_benchmark_may_have_a_context_of_its_own() -> None:
    asked = benchmark(context="Watch.", configs=["one", "other"], contexts={"one": "Learn."})
    first = {
        config: build_prompt({**QUESTION, "config": config}, asked, PROMPTS, "think").split("\n")[0]
        for config in ("one", "other")
    }
    assert first == {"one": "Learn.", "other": "Watch."}
    with pytest.raises(ValueError, match="contexts: none is none of its configurations"):
        benchmark(contexts={"none": "Learn."})


@pytest.mark.parametrize(
    ("style", "answer_type", "ending"),
    [
        ("think", "number", "Think."),
        ("direct", "number", "Word."),
        ("direct", "text", "Word."),
        ("direct", "choice", "Letter."),
    ],
)
def test_the_instruction_follows_style_and_answer(style, answer_type: str, ending: str) -> None:
    question = {**QUESTION, "options": [], "answer_type": answer_type}
    assert build_prompt(question, benchmark(), PROMPTS, style) == f"What colour?\n{ending}"


@pytest.mark.parametrize(
    ("answer_type", "ending"), [("choice", "Think.\nOne letter."), ("number", "Think."), ("text", "Think.")]
)
def test_the_instruction_to_think_may_depend_on_the_answer(answer_type: str, ending: str) -> None:
    prompts = PROMPTS.model_copy(update={"think_choice": "One letter."})
    question = {**QUESTION, "options": [], "answer_type": answer_type}
    assert build_prompt(question, benchmark(), prompts, "think") == f"What colour?\n{ending}"


def test_a_question_without_options_column_is_open() -> None:
    assert build_prompt({**QUESTION, "options": None}, benchmark(), PROMPTS, "think") == "What colour?\nThink."


def test_more_options_than_letters_are_refused() -> None:
    with pytest.raises(RejectedRecord, match="27 options") as caught:
        build_prompt({**QUESTION, "options": ["x"] * 27}, benchmark(), PROMPTS, "think")
    assert caught.value.record == "q"


LINES = st.text(alphabet="abc .", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(
    st.lists(LINES, min_size=3, max_size=8, unique=True),
    LINES.map(lambda line: f"{line}!"),
    LINES.map(lambda line: f"{line}?"),
)
def test_the_shared_instruction_is_what_the_turns_end_with(questions: list[str], first: str, last: str) -> None:
    assert shared_instruction([f"{question}\n{first}\n{last}" for question in questions]) == f"{first}\n{last}"


def test_the_shared_instruction_of_most_turns_is_enough() -> None:
    turns = ["What?\nThink.", "Who?\nThink.", "Where?\nThink.", "Describe it.\nAt once."]
    assert shared_instruction(turns) == "Think."


@pytest.mark.parametrize("turns", [[], ["What?", "Who?"], ["What?\nA.", "Who?\nB.", "Where?\nC."]])
def test_turns_without_a_shared_ending_are_an_error(turns: list[str]) -> None:
    with pytest.raises(UserError, match="no instruction"):
        shared_instruction(turns, "sft.json")


def test_what_a_turn_asks_is_without_instruction_and_options() -> None:
    turns = [
        "How many seconds does the walk take?\nThink.\nTag it.",
        "What colour?\nOptions:\n(A) red\n(B) blue\nThink.\nTag it.",
        "Which is it?\nThink.\nTag it.\n",
    ]
    assert asked_questions(turns) == ["How many seconds does the walk take?", "What colour?", "Which is it?"]
    assert asked_questions(["How long?", "How far?"]) == ["How long?", "How far?"]  # no instruction is shared
    assert asked_questions([]) == []
