"""TAC and the judge's VAS on records written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.judge.base import Judge, Reading
from video_r2.judge.rules import RuleJudge, same_answer
from video_r2.metrics.consistency import score_consistency
from video_r2.metrics.visual_attention_score import score_evidence

OPTIONS = ["red", "blue", "green", "white"]


@pytest.mark.parametrize(
    ("question", "one", "other", "same"),
    [
        ("What does she sell?", "she sells honey", "honey", True),
        ("What does she hold?", "the thing that she holds is a cup", "a cup", True),
        ("Who wins, White or Black?", "Black wins", "Black", True),
        ("What is it?", "salt and pepper", "the salt and the pepper", True),
        ("What is the boat called?", "the boat is called Petrel", "Petrel", True),
        ("What is it?", "the dog", "the brown dog", False),
        ("What is it?", "red", "dark red", False),
        ("What enters?", "a cat", "a cat and a dog", False),
        ("What enters?", "a cat", "a cat, a dog", False),
        ("What enters?", "a cat", "a cat & a dog", False),
        ("What enters?", "a cat", "a dog chasing a cat", False),
        ("What enters?", "no dog", "dog", False),
        ("Is there rain or no rain?", "rain", "no rain", False),
        ("Is it blue or red?", "blue", "blue, red", False),
        ("Does it move left or right?", "left to right", "left", False),
        ("When does he wave?", "after he sits down", "he sits down", False),
        ("Where is the cat?", "under the table", "the table", False),
        ("Who is it?", "the man", "the woman who was behind the man", False),
        ("Which?", "nothing is red", "red", False),
        ("Which?", "not red", "red", False),
    ],
)
def test_a_text_may_repeat_the_question_but_say_nothing_else(question: str, one: str, other: str, same: bool) -> None:
    assert same_answer(one, other, "text", question) == same_answer(other, one, "text", question) == same


def record(think: str | None, answer: str | None, target: str = "A", kind: str = "choice", response: Any = "r") -> dict:
    options = OPTIONS if kind == "choice" else []
    return {
        "think": think,
        "answer": answer,
        "target": target,
        "answer_type": kind,
        "options": options,
        "question": "Which is it?",
        "response": response,
    }


def tac(row: dict, semantics: str, adapter: str = "videomme") -> float | None:
    return score_consistency([row], adapter, RuleJudge(), semantics)[0].value


@pytest.mark.parametrize(
    ("think", "answer", "reference", "corrected"),
    [
        ("So A.", "A", 100, 100),  # both right
        ("So B.", "B", 100, 100),  # both wrong, and equal
        ("So B.", "C", 100, 0),  # both wrong, and different: released, consistent
        ("So A.", "B", 0, 0),
        ("So B.", "A", 0, 0),
        (None, None, 100, 0),  # nothing at all: released, consistent
        (None, "B", 100, 0),
        (None, "A", 0, 0),
        ("So B.", None, 100, 0),
        ("A dog barks.", "C", 100, 0),
    ],
)
def test_choices_by_hand(think: str | None, answer: str | None, reference: float, corrected: float) -> None:
    assert tac(record(think, answer), "reference") == reference
    assert tac(record(think, answer), "corrected") == corrected


@pytest.mark.parametrize(
    ("adapter", "kind", "target", "think", "answer", "reference", "corrected"),
    [
        ("vsibench", "number", "100", "So it is 104.", "96", 100, 0),  # both within 5%
        ("vsibench", "number", "100", "So it is 104.", "94", 0, 0),
        ("vsibench", "number", "100", "So it is 105.", "95", 100, 0),  # 5% is still within
        ("vsibench", "number", "100", "So it is 7.", "7.0", 100, 100),
        # Both are right as released; corrected, they are equal within a millionth.
        ("vsibench", "number", "100", "So it is 100.", "100.00005", 100, 100),
        ("vsibench", "number", "100", "So it is 100.", "100.0005", 100, 0),
        ("video_mmmu", "text", "3.14", "So it is 3.141.", "3.14", 100, 0),  # equal to two decimals
        ("video_mmmu", "text", "left", "So it moves leftward.", "to the left", 100, 0),  # each holds the target
        ("video_mmmu", "text", "left", "So it is the left.", "left", 100, 100),
    ],
)
def test_other_answers_by_hand(
    adapter: str, kind: str, target: str, think: str, answer: str, reference: float, corrected: float
) -> None:
    row = record(think, answer, target, kind)
    assert tac(row, "reference", adapter) == reference
    assert tac(row, "corrected", adapter) == corrected


class EchoingJudge(RuleJudge):
    """Says what it was given, as a judge may that leaves units to others."""

    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        return [reading.text for reading in readings]


def test_numbers_are_compared_in_the_unit_of_the_question() -> None:
    row = record("half a minute", "30", "30", "number") | {"question": "How many seconds does it take?"}
    assert score_consistency([row], "videomme", EchoingJudge())[0].value == 100
    minutes = row | {"question": "How many minutes does it take?"}
    assert score_consistency([minutes], "videomme", EchoingJudge())[0].value == 0


def test_missing_blocks_are_told_apart() -> None:
    rows = [
        record(None, "A"),
        record("So A.", None),
        record("Hm.", "A"),
        record("So A.", "A"),
        record("x", "y", response=None),
    ]
    scores = score_consistency(rows, "videomme", RuleJudge())
    flags = [{name for name, value in score.detail.items() if value is True} for score in scores]
    assert flags == [{"missing_think"}, {"missing_answer"}, {"undecided"}, set(), set()]
    assert [score.value for score in scores] == [0, 0, 0, 100, None]


class FailingJudge(RuleJudge):
    def answers_of(self, readings: Any) -> list[str | None]:
        return [None if "fail" in reading.text else "A" for reading in readings]

    def evidence_of(self, thinks: Any) -> list[float | None]:
        return [None if "fail" in think else 8.0 for think in thinks]


def test_failed_judge_is_missing_and_the_others_stay_in_place() -> None:
    judge: Judge = FailingJudge()
    rows = [record("ok", "A"), record("fail", "A"), record("ok", "A"), record(None, "A")]
    assert [score.value for score in score_consistency(rows, "videomme", judge)] == [100, None, 100, 0]
    assert [score.value for score in score_evidence(rows, judge)] == [80, None, 80, 0]
    assert [score.value for score in score_evidence(rows, judge, "reference")] == [80, 0, 80, 0]


def test_evidence_without_a_trace_is_0_and_without_a_response_missing() -> None:
    rows = [
        record(None, "A"),
        record("", "A"),
        record("A red ball rolls to the left.", "A"),
        record("x", "A", response=None),
    ]
    scores = score_evidence(rows, RuleJudge())
    assert [score.value for score in scores[:2]] == [0, 0]
    assert (scores[2].value or 0) > 0
    assert scores[3].value is None


LETTERS = st.sampled_from("ABCD")


@given(LETTERS, LETTERS, LETTERS)
def test_who_said_what_does_not_matter(one: str, other: str, target: str) -> None:
    for semantics in ("reference", "corrected"):
        forward = tac(record(f"So {one}.", other, target), semantics)
        assert forward == tac(record(f"So {other}.", one, target), semantics)
    assert tac(record(f"So {one}.", other, target), "corrected") == 100 * (one == other)


PHRASES = st.sampled_from(
    ["frisbee", "red frisbee", "a dog", "small dog", "on the table", "table", "not a dog", "5", "05:00"]
)


@given(PHRASES, PHRASES)
def test_who_said_which_phrase_does_not_matter(one: str, other: str) -> None:
    assert same_answer(one, other, "text") == same_answer(other, one, "text")
    assert same_answer(one, one, "text")


@given(st.permutations(range(5)))
def test_order_of_records_does_not_matter(order: list[int]) -> None:
    rows = [
        record("So A.", "A"),
        record("So B.", "A"),
        record(None, "A"),
        record("So C.", "C"),
        record("x", "y", response=None),
    ]
    turned = [rows[at] for at in order]
    for semantics in ("reference", "corrected"):
        scores = score_consistency(rows, "videomme", RuleJudge(), semantics)
        assert score_consistency(turned, "videomme", RuleJudge(), semantics) == [scores[at] for at in order]
        rated = score_evidence(rows, RuleJudge(), semantics)
        assert score_evidence(turned, RuleJudge(), semantics) == [rated[at] for at in order]
