"""A judge of rules where they are certain, and of a model for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from video_r2.judge.base import Judge, Reading, Verdict
from video_r2.judge.certainty import certain_answer, certain_claims, certain_consistency, certain_evidence
from video_r2.reading.claims import Claim

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class CascadeJudge(Judge):
    """Asks the rules first and puts to the model what they are not certain of (`certainty`).

    Args:
        model: who answers the rest.
    """

    def __init__(self, model: Judge) -> None:
        super().__init__()
        self._model = model

    def claims_of(self, thinks: Sequence[str]) -> list[list[Claim] | None]:
        return self._decide(thinks, certain_claims, self._model.claims_of)

    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        return self._decide(readings, certain_answer, self._model.answers_of)

    def consistency_of(self, verdicts: Sequence[Verdict]) -> list[bool | None]:
        return self._decide(verdicts, certain_consistency, self._model.consistency_of)

    def evidence_of(self, thinks: Sequence[str]) -> list[float | None]:
        return self._decide(thinks, certain_evidence, self._model.evidence_of)

    def check_missing(self) -> None:
        self._model.check_missing()

    def close(self) -> None:
        self._model.close()

    def _decide(
        self,
        questions: Sequence[Question],
        certain: Callable[[Question], Answer | None],
        ask: Callable[[Sequence[Question]], list[Answer | None]],
    ) -> list[Answer | None]:
        answers = [certain(question) for question in questions]
        left = [at for at, answer in enumerate(answers) if answer is None]
        for at, answer in zip(left, ask([questions[at] for at in left]), strict=True):
            answers[at] = answer
        self.asked += len(questions)
        self.by_rules += len(questions) - len(left)
        self.missing, self.sent = self._model.missing, self._model.sent
        return answers
