"""The interface of a judge: what is asked about a trace, whoever answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from video_r2.reading.claims import Claim

AnswerType = Literal["choice", "number", "text"]
Source = Literal["think", "answer"]


@dataclass(frozen=True)
class Verdict:
    """Something to judge: a trace beside the answer that was given, and the question that both are about."""

    think: str
    answer: str
    answer_type: str
    options: Sequence[str] = ()
    question: str = ""


@dataclass(frozen=True)
class Reading:
    """A text to read an answer out of.

    `source` says whether the text is a trace, of which only the conclusion counts, or an answer block. The question, where
    it is known, says in which unit a number counts.
    """

    text: str
    source: Source
    answer_type: str
    options: Sequence[str] = ()
    question: str = ""


class Judge(ABC):
    """Reads claims, answers, consistency and visual evidence out of text.

    The `…_of` methods take a batch, whose requests are in flight together where a server answers them. For each item
    they give None if the judge failed: that is a missing value, never a low one. They raise a `UserError` as soon as so
    many have failed that the rest cannot make up for it.

    Attributes:
        free: whether asking costs nothing, so that one may ask more than a reward needs.
        asked: questions put to the judge so far.
        by_rules: how many of them rules decided.
        sent: how many were sent to a server; what is left was known already, of which a question asked twice is one.
        missing: how many it failed to answer.
    """

    free = False

    def __init__(self) -> None:
        self.asked = 0
        self.by_rules = 0
        self.sent = 0
        self.missing = 0

    @abstractmethod
    def claims_of(self, thinks: Sequence[str]) -> list[list[Claim] | None]:
        """What each trace says happens at which time."""

    @abstractmethod
    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        """The answer that each text gives: a letter, a number or words; "" where it gives none."""

    @abstractmethod
    def consistency_of(self, verdicts: Sequence[Verdict]) -> list[bool | None]:
        """Whether each trace concludes the answer that was given."""

    @abstractmethod
    def evidence_of(self, thinks: Sequence[str]) -> list[float | None]:
        """How much concrete visual evidence each trace claims, 0 to 10."""

    @abstractmethod
    def check_missing(self) -> None:
        """Raise a `UserError` if the judge failed more often than is allowed."""

    def close(self) -> None:  # noqa: B027 -- most have nothing to end
        """End what lives as long as the judge: its server, if it has started one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def report(self) -> str:
        """Who answered how many questions so far, in a line."""
        known = self.asked - self.by_rules - self.sent
        return (
            f"judge: {self.asked} questions; {self.by_rules} decided by rules, {known} known already, {self.sent} sent "
            f"to the server ({self.asked - self.sent} calls saved); {self.missing} without an answer"
        )

    def claims(self, think: str) -> list[Claim] | None:
        """One trace; see `claims_of`."""
        return self.claims_of([think])[0]

    def answer_in(self, text: str, options: Sequence[str], answer_type: str, source: Source = "think") -> str | None:
        """One text; see `answers_of`."""
        return self.answers_of([Reading(text, source, answer_type, options)])[0]

    def consistent(
        self, think: str, answer: str, options: Sequence[str], answer_type: str, question: str = ""
    ) -> bool | None:
        """One trace and answer; see `consistency_of`."""
        return self.consistency_of([Verdict(think, answer, answer_type, options, question)])[0]

    def visual_evidence(self, think: str) -> float | None:
        """One trace; see `evidence_of`."""
        return self.evidence_of([think])[0]
