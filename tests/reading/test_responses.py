"""Responses of models that mark their parts in other ways."""

from __future__ import annotations

import pytest

from video_r2.config import ResponseFormat
from video_r2.reading.responses import parse_response, with_own_tags

BOXED = ResponseFormat(answer=("\\boxed{", "}"))
REST = ResponseFormat(think=("", "</think>"), answer=("</think>", ""))


@pytest.mark.parametrize(
    ("form", "text", "think", "answer"),
    [
        (BOXED, "<think>It is red.</think> The answer is \\boxed{B}.", "It is red.", "B"),
        (BOXED, "<think>x</think>\\boxed{\\frac{1}{2}}", "x", "\\frac{1}{2}"),
        (BOXED, "\\boxed{A}, no: <think>wait</think> \\boxed{C}", "wait", "C"),
        (BOXED, "<think>cut off", None, None),
        (BOXED, "<think>x</think> and \\boxed{C", "x", None),
        (REST, "It is red.</think>\n\nB", "It is red.", "B"),
        (REST, "no mark at all", None, None),
        (ResponseFormat(), "<think>x</think><answer>B</answer>", "x", "B"),
        (BOXED, "<think>x</think><answer>B</answer>", "x", None),
    ],
)
def test_other_marks_are_read_as_tags(form: ResponseFormat, text: str, think: str | None, answer: str | None) -> None:
    parsed = parse_response(with_own_tags(text, form))
    assert (parsed.think, parsed.answer) == (think, answer)


def test_without_any_mark_a_response_stays_as_it_is() -> None:
    assert with_own_tags("B", BOXED) == "B"
    assert with_own_tags("<answer> B </answer>\n", ResponseFormat()) == "<answer> B </answer>\n"
