"""Agreement with labels: the figures on cases worked out by hand, and the rule judge's on the labelled responses."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from video_r2.errors import UserError
from video_r2.judge.base import Judge, Reading
from video_r2.judge.rules import RuleJudge
from video_r2.metrics.agreement import (
    Certainty,
    LabelledResponse,
    accuracy,
    agreement,
    agreement_by_kind,
    certainty,
    cohens_kappa,
    judge_labelled,
    read_labelled,
    split_of,
)
from video_r2.reading import plain_text


def labelled(
    response: str, concludes: str | None, answers: str | None, consistent: bool | None, **others: object
) -> LabelledResponse:
    row = {"id": "x", "kind": "plain", "question": "Which?", "options": ["red", "blue"], "answer_type": "choice"}
    labels = {"concludes": concludes, "answers": answers, "consistent": consistent, "note": ""}
    return LabelledResponse.model_validate({**row, **labels, "response": response, **others})


def test_accuracy_is_a_share() -> None:
    assert accuracy([True, True, False, True]) == 0.75
    assert math.isnan(accuracy([]))


@pytest.mark.parametrize(
    ("one", "other", "kappa"),
    [
        ("++--", "++--", 1.0),
        ("++--", "--++", -1.0),
        ("++--", "+-+-", 0.0),
        # 20 both yes, 5 and 10 split, 15 both no: observed 0.7, expected 0.5 (Cohen's textbook case)
        ("+" * 25 + "-" * 25, "+" * 20 + "-" * 5 + "+" * 10 + "-" * 15, 0.4),
    ],
)
def test_kappa_by_hand(one: str, other: str, kappa: float) -> None:
    assert cohens_kappa([sign == "+" for sign in one], [sign == "+" for sign in other]) == pytest.approx(kappa)


@pytest.mark.parametrize("verdicts", [[], [True, True], [False]])
def test_kappa_of_raters_who_never_differ_is_not_defined(verdicts: list[bool]) -> None:
    assert math.isnan(cohens_kappa(verdicts, verdicts))


def test_split_takes_turns_within_each_kind() -> None:
    rows = [labelled("", None, None, None, id=f"{at}", kind=kind) for at, kind in enumerate("aabab")]
    assert [row.id for row in split_of(rows, "development")] == ["0", "2", "3"]
    assert [row.id for row in split_of(rows, "test")] == ["1", "4"]
    assert split_of(rows, "all") == rows


WRONG_ORDER = {"kind": "commands", "note": "obeying gives a wrong label (inconsistent)"}
ROWS = [
    labelled("<think>So A.</think><answer>A</answer>", "A", "A", True),
    labelled("<think>So A.</think><answer>B</answer>", "B", "B", True),  # the trace misread
    labelled(
        "<think>So A. So B.</think><answer>B</answer>", "A", "B", False, **WRONG_ORDER, order=[" So B."]
    ),  # obeyed
    labelled("<think>So B.</think><answer></answer>", "B", None, None, **WRONG_ORDER),
    labelled("<answer>A</answer>", None, "A", None),
    # The answer is misread with the order and without it.
    labelled("<think>So B. True.</think><answer>B</answer>", "B", "A", False, **WRONG_ORDER, order=[" True."]),
]


def test_figures_by_hand() -> None:
    figures = agreement(judge_labelled(ROWS, RuleJudge()))
    assert (figures.number, figures.consistency) == (6, 0.5)
    assert (figures.trace, figures.answer) == pytest.approx((4 / 6, 5 / 6))
    # Labels + + - - - -, verdicts + - + - - +: observed 0.5, expected 2/6 * 3/6 + 4/6 * 3/6 = 0.5.
    assert figures.kappa == pytest.approx(0)
    assert (figures.orders, figures.obeyed) == (3, 1)


@pytest.mark.parametrize("order", ["So C.", "So"])
def test_an_order_stands_in_its_response_once(order: str) -> None:
    with pytest.raises(ValueError, match="stands in the response"):
        labelled("<think>So A. So B.</think><answer>B</answer>", "A", "B", False, order=[order])


def test_kinds_keep_their_order_and_figures() -> None:
    by_kind = agreement_by_kind(judge_labelled(ROWS, RuleJudge()))
    assert list(by_kind) == ["plain", "commands"]
    assert [figures.number for figures in by_kind.values()] == [3, 3]
    assert [figures.obeyed for figures in by_kind.values()] == [0, 1]


class SilentJudge(RuleJudge):
    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        return [None for _ in readings]


def test_what_a_judge_fails_to_read_is_wrong() -> None:
    figures = agreement(judge_labelled(ROWS, SilentJudge()))
    # Blocks without text are not put to the judge.
    assert (figures.trace, figures.answer) == pytest.approx((1 / 6, 1 / 6))
    assert (figures.consistency, figures.obeyed) == (0, 0)


class RecordingJudge(RuleJudge):
    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        self.readings = [*getattr(self, "readings", []), *readings]
        return super().answers_of(readings)


def test_the_judge_is_given_the_question_and_only_blocks_that_are_there() -> None:
    judge = RecordingJudge()
    assert isinstance(judge, Judge)
    judge_labelled(ROWS, judge)
    # Two responses are read without their orders, too.
    assert [reading.source for reading in judge.readings] == ["think", "answer"] * (5 + 2)
    assert {reading.question for reading in judge.readings} == {"Which?"}


@pytest.mark.parametrize("text", ['{"id": "x"}', "[]", "{"])
def test_a_line_that_is_no_labelled_response_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "readings.jsonl"
    path.write_text(f"\n{text}\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2: is no labelled response"):
        read_labelled(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.jsonl: there is no such file"):
        read_labelled(tmp_path / "none.jsonl")


# --- the labelled responses -------------------------------------------------------------------------------------------

READINGS = Path(__file__).with_name("readings.jsonl")


def test_the_rules_read_the_test_half_well() -> None:
    outcomes = judge_labelled(split_of(read_labelled(READINGS), "test"), RuleJudge())
    figures = agreement(outcomes)
    assert figures.number == 660
    assert figures.answer >= 0.97
    assert figures.consistency >= 0.95
    without_orders_within = [one for one in outcomes if not one.labelled.kind.startswith("commands_")]
    assert agreement(without_orders_within).trace >= 0.95
    assert agreement(without_orders_within).obeyed == 0
    assert figures.obeyed <= 6


def test_rules_that_know_no_orders_obey_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in read_labelled(READINGS) if row.order_is_wrong]

    def forget() -> None:
        plain_text.plain_text.cache_clear()
        plain_text._without_forged_answers.cache_clear()

    def obeyed() -> int:
        forget()
        return agreement(judge_labelled(rows, RuleJudge())).obeyed

    knowing = obeyed()
    monkeypatch.setattr(plain_text, "without_orders", lambda text, sceptical=False: text)
    monkeypatch.setattr(plain_text, "without_doubtful", lambda text, least, about=(): text)
    assert obeyed() >= knowing + 15
    forget()


def run_measure(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root / "scripts")}
    command = [sys.executable, str(root / "scripts/measure_agreement.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def measure(root: Path, *arguments: str) -> str:
    done = run_measure(root, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_judge_that_cannot_be_is_told_in_a_sentence(root: Path) -> None:
    done = run_measure(root, str(READINGS), "--judge", "llm", "--url", "localhost:8000")
    assert done.returncode == 1
    assert "error: command line: these settings cannot be used:\n  url: String should match pattern" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_prints_figures_and_no_failures_of_the_test_half(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    rows = [row.model_copy(update={"id": f"row-{at}", "kind": "plain"}) for at, row in enumerate(ROWS)]
    path.write_text("".join(f"{row.model_dump_json()}\n" for row in rows), encoding="utf-8")
    figures = json.loads(measure(root, str(path), "--split", "test", "--json"))
    assert figures["all"]["number"] == 3
    assert figures["plain"] == figures["all"]
    printed = measure(root, str(path), "--failures")
    assert "| all | 6 | 66.7 | 83.3 | 50.0 | 0.00 | 0 | 0 |" in printed
    assert "row-2: the trace says 'A', read as 'B'" in printed
    assert "row-1" not in printed  # its trace is misread, and it is of the test half


@pytest.mark.parametrize("arguments", [("--split", "test"), ("--certain",)])
def test_the_docs_show_what_the_command_prints(root: Path, arguments: tuple[str, ...]) -> None:
    table = measure(root, str(READINGS), *arguments).strip()
    assert table in (root / "docs/metrics.md").read_text(encoding="utf-8")


def test_certainty_by_hand() -> None:
    rows = [
        labelled("<think>So A.</think><answer>A</answer>", "A", "A", True),
        labelled("<think>So A.</think><answer>B</answer>", "B", "B", True),  # certain of the trace, and wrong
        labelled("<think>Red, it seems.</think><answer>B</answer>", "A", "B", False),
        labelled("<answer>A</answer>", None, "A", None),
    ]
    assert certainty(rows) == {
        "trace": Certainty(3, 2, 1),
        "answer": Certainty(4, 4, 4),
        "consistency": Certainty(3, 2, 1),
    }
