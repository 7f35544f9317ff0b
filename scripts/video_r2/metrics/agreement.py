"""How well a judge reads: its readings beside labels that were written by hand."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from video_r2.errors import UserError
from video_r2.judge.base import AnswerType, Judge, Reading, Verdict
from video_r2.judge.certainty import certain_answer, certain_consistency
from video_r2.judge.rules import same_answer
from video_r2.reading.responses import parse_response

Split = Literal["development", "test", "all"]
SPLITS: tuple[Split, ...] = get_args(Split)


class LabelledResponse(BaseModel):
    """A response and what a reader makes of it.

    Attributes:
        concludes: the answer that the think block settles on; None if none.
        answers: the answer that the answer block gives; None if none.
        consistent: whether both are the same; None where one is None.
        note: for a response with an order to its judge, whether obeying gives a wrong verdict.
        order: the pieces of the response that are this order, each of which stands in it once.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    question: str
    options: tuple[str, ...] | None
    answer_type: AnswerType
    response: str
    concludes: str | None
    answers: str | None
    consistent: bool | None
    note: str
    order: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _order_is_found(self) -> Self:
        if lost := next((piece for piece in self.order if self.response.count(piece) != 1), None):
            raise ValueError(f"the order {lost!r} stands in the response {self.response.count(lost)} times")
        return self

    @property
    def readings(self) -> tuple[Reading, Reading]:
        """What there is to read: the think block and the answer block, with an empty text where one is missing."""
        parsed, kind, options = parse_response(self.response), self.answer_type, self.options or ()
        return (
            Reading(parsed.think or "", "think", kind, options, self.question),
            Reading(parsed.answer or "", "answer", kind, options, self.question),
        )

    @property
    def order_is_wrong(self) -> bool:
        """Whether the response orders its judge to give the verdict that is not the label's."""
        return self.kind.startswith("commands") and self.note.startswith("obeying gives a wrong label")

    def without_order(self) -> LabelledResponse:
        """The response as it would be without the order; its labels are the same."""
        response = self.response
        for piece in self.order:
            response = response.replace(piece, "", 1)
        return self.model_copy(update={"response": response})


@dataclass(frozen=True)
class Outcome:
    """What a judge read in a labelled response.

    Attributes:
        trace, answer: "" for nothing, None where the judge failed.
        without_order: what it read in the same response without its order, where it was asked.
    """

    labelled: LabelledResponse
    trace: str | None
    answer: str | None
    without_order: Outcome | None = None

    @property
    def trace_is_right(self) -> bool:
        return self._is_label(self.trace, self.labelled.concludes)

    @property
    def answer_is_right(self) -> bool:
        return self._is_label(self.answer, self.labelled.answers)

    @property
    def consistent(self) -> bool | None:
        """The judge's verdict; None where it failed."""
        if self.trace is None or self.answer is None:
            return None
        return same_answer(self.trace, self.answer, self.labelled.answer_type, self.labelled.question)

    @property
    def consistency_is_right(self) -> bool:
        return self.consistent is (self.labelled.consistent is True)

    @property
    def obeyed(self) -> bool:
        """Whether the verdict is the wrong one that the response ordered, and would be right without the order."""
        return self.is_as_ordered and self.without_order is not None and self.without_order.consistency_is_right

    @property
    def is_as_ordered(self) -> bool:
        """Whether the verdict is the wrong one that the response ordered, for whatever reason."""
        return self.labelled.order_is_wrong and self.consistent is not None and not self.consistency_is_right

    def _is_label(self, read: str | None, label: str | None) -> bool:
        if read is None:
            return False
        if not read or not label:
            return not read and not label
        return same_answer(read, label, self.labelled.answer_type, self.labelled.question)


@dataclass(frozen=True)
class Agreement:
    """Figures of some responses.

    Attributes:
        number: how many there are.
        trace, answer, consistency: shares that are read as labelled, 0 to 1; NaN without responses.
        kappa: Cohen's kappa of consistency, -1 to 1; see `cohens_kappa`.
        orders: how many responses order a wrong verdict.
        obeyed: how many of these verdicts are wrong, and right where the order is cut out of the response.
    """

    number: int
    trace: float
    answer: float
    consistency: float
    kappa: float
    orders: int
    obeyed: int


def read_labelled(path: str | Path) -> list[LabelledResponse]:
    """Read labelled responses, one JSON object a line.

    Raises:
        UserError: if the file is missing, or a line is no labelled response.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except FileNotFoundError as error:
        raise UserError("there is no such file", file=path) from error
    labelled = []
    for number, line in enumerate(lines, start=1):
        try:
            labelled += [LabelledResponse.model_validate(json.loads(line))] if line.strip() else []
        except (json.JSONDecodeError, ValidationError) as error:
            raise UserError(f"is no labelled response: {error}", file=path, record=f"line {number}") from error
    return labelled


def split_of(labelled: Iterable[LabelledResponse], split: Split) -> list[LabelledResponse]:
    """Responses of a split: of every kind, those at even places are for development, those at odd places for tests."""
    places: Counter[str] = Counter()
    chosen = []
    for response in labelled:
        name = "test" if places[response.kind] % 2 else "development"
        places[response.kind] += 1
        if split in (name, "all"):
            chosen.append(response)
    return chosen


def judge_labelled(labelled: Sequence[LabelledResponse], judge: Judge) -> list[Outcome]:
    """Let a judge read the think block and the answer block of every response; a block that is missing needs none.

    Where the verdict is one that the response ordered, it reads the response without the order, too.
    """
    outcomes = _read(labelled, judge)
    doubted = [at for at, outcome in enumerate(outcomes) if outcome.is_as_ordered]
    for at, without in zip(doubted, _read([labelled[at].without_order() for at in doubted], judge), strict=True):
        outcomes[at] = replace(outcomes[at], without_order=without)
    return outcomes


def _read(labelled: Sequence[LabelledResponse], judge: Judge) -> list[Outcome]:
    readings = [reading for response in labelled for reading in response.readings]
    asked = [at for at, reading in enumerate(readings) if reading.text]
    replies: list[str | None] = [""] * len(readings)
    for at, reply in zip(asked, judge.answers_of([readings[at] for at in asked]), strict=True):
        replies[at] = reply
    return [Outcome(*each) for each in zip(labelled, replies[::2], replies[1::2], strict=True)]


def agreement(outcomes: Sequence[Outcome]) -> Agreement:
    """Figures of these outcomes; a verdict that the judge failed to give counts as a wrong one."""
    truths = [outcome.labelled.consistent is True for outcome in outcomes]
    verdicts = [truth == outcome.consistency_is_right for truth, outcome in zip(truths, outcomes, strict=True)]
    return Agreement(
        number=len(outcomes),
        trace=accuracy([outcome.trace_is_right for outcome in outcomes]),
        answer=accuracy([outcome.answer_is_right for outcome in outcomes]),
        consistency=accuracy([outcome.consistency_is_right for outcome in outcomes]),
        kappa=cohens_kappa(truths, verdicts),
        orders=sum(outcome.labelled.order_is_wrong for outcome in outcomes),
        obeyed=sum(outcome.obeyed for outcome in outcomes),
    )


def agreement_by_kind(outcomes: Sequence[Outcome]) -> dict[str, Agreement]:
    """Figures of every kind, in the order in which the kinds come."""
    kinds: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        kinds.setdefault(outcome.labelled.kind, []).append(outcome)
    return {kind: agreement(chosen) for kind, chosen in kinds.items()}


@dataclass(frozen=True)
class Certainty:
    """How many questions there are of a kind, of how many the rules are certain, and how many of those are right."""

    questions: int
    certain: int
    right: int


def certainty(labelled: Sequence[LabelledResponse]) -> dict[str, Certainty]:
    """How far the rules are certain, and how far rightly, of what traces conclude, of what answers say, of consistency.

    Blocks without text are left out: nobody needs to be asked about them.
    """
    right: dict[str, list[bool | None]] = {"trace": [], "answer": [], "consistency": []}
    for response in labelled:
        think, answer = response.readings
        if think.text:
            read = certain_answer(think)
            right["trace"].append(None if read is None else Outcome(response, read, "").trace_is_right)
        if answer.text:
            read = certain_answer(answer)
            right["answer"].append(None if read is None else Outcome(response, "", read).answer_is_right)
        if think.text and answer.text:
            verdict = Verdict(think.text, answer.text, think.answer_type, think.options, think.question)
            same = certain_consistency(verdict)
            right["consistency"].append(None if same is None else same is (response.consistent is True))
    return {
        name: Certainty(len(found), sum(each is not None for each in found), sum(each is True for each in found))
        for name, found in right.items()
    }


def accuracy(right: Sequence[bool]) -> float:
    """Share that is right, 0 to 1; NaN of nothing."""
    return sum(right) / len(right) if right else math.nan


def cohens_kappa(one: Sequence[bool], other: Sequence[bool]) -> float:
    """Cohen's kappa of two raters with two categories: agreement beyond chance, 1 at best, 0 at chance.

    Args:
        one: a rater's verdicts.
        other: the other's, of the same length.

    Returns:
        NaN where chance alone explains everything: no items, or both raters always say the same.
    """
    observed = accuracy([mine == theirs for mine, theirs in zip(one, other, strict=True)])
    mine, theirs = accuracy(one), accuracy(other)
    expected = mine * theirs + (1 - mine) * (1 - theirs)
    return math.nan if math.isnan(expected) or expected == 1 else (observed - expected) / (1 - expected)
