"""A judge of rules: deterministic, without a model, linear in the length of the text, and never raising."""

from __future__ import annotations

from collections.abc import Sequence

from video_r2.judge.base import Judge, Reading, Verdict
from video_r2.judge.evidence import rate_evidence
from video_r2.reading.answering import quantity_of, written
from video_r2.reading.answers import answers_equal, choice_of
from video_r2.reading.claims import Claim, read_claims
from video_r2.reading.conclusions import concluded_choice, concluded_number, concluded_text, given_text
from video_r2.reading.doubts import DOUBTFUL
from video_r2.reading.plain_text import plain_text, trusted_text
from video_r2.reading.words import contains_words, lexicon, words_of


class RuleJudge(Judge):
    """Judges by rules: see `read_answer`, `is_consistent`, `claims.read_claims` and `evidence.rate_evidence`."""

    free = True

    def claims_of(self, thinks: Sequence[str]) -> list[list[Claim] | None]:
        self._count(len(thinks))
        return [read_claims(think) for think in thinks]

    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        self._count(len(readings))
        return [read_answer(reading) for reading in readings]

    def consistency_of(self, verdicts: Sequence[Verdict]) -> list[bool | None]:
        self._count(len(verdicts))
        return [is_consistent(verdict) for verdict in verdicts]

    def evidence_of(self, thinks: Sequence[str]) -> list[float | None]:
        self._count(len(thinks))
        return [rate_evidence(think) for think in thinks]

    def check_missing(self) -> None:
        """Rules never fail."""

    def _count(self, questions: int) -> None:
        self.asked += questions
        self.by_rules += questions


def read_answer(reading: Reading) -> str:
    """The answer that a text gives: a letter, a number with its unit, or words; "" where it gives none.

    An answer block is read as a whole, of a trace the answer that it settles on (`reading.conclusions`).
    """
    text, options, question = reading.text, reading.options, reading.question
    if reading.source == "answer":
        trusted = trusted_text(text, DOUBTFUL, (question, *options))
        return (_given(trusted, reading) if trusted != plain_text(text) else "") or _given(text, reading)
    if reading.answer_type == "choice":
        return concluded_choice(text, options, question)
    return concluded_number(text, question) if reading.answer_type == "number" else concluded_text(text, question)


def _given(answer: str, reading: Reading) -> str:
    if reading.answer_type == "choice":
        return choice_of(answer, reading.options) or ""
    if reading.answer_type == "number":
        quantity = quantity_of(answer, reading.question)
        return "" if quantity is None else written(quantity)
    return given_text(answer)


def is_consistent(verdict: Verdict) -> bool:
    """Whether the conclusion of a trace is the answer that was given; without a conclusion or an answer it is not."""
    kind, options, question = verdict.answer_type, verdict.options, verdict.question
    think = read_answer(Reading(verdict.think, "think", kind, options, question))
    answer = read_answer(Reading(verdict.answer, "answer", kind, options, question))
    return same_answer(think, answer, kind, question)


def same_answer(think: str, answer: str, answer_type: str, question: str = "") -> bool:
    """Whether two answers that were read are equal; of text, one may also say more of the same ("the dog", "the brown dog").

    A list, a sequence and a contrast ("a cat and a dog", "left, then right") say something else than one of their parts.

    Which of the two the trace concludes makes no difference.
    """
    if not think or not answer:
        return False
    if answers_equal(think, answer, answer_type, question):
        return True
    return answer_type == "text" and (_says_more(think, answer) or _says_more(answer, think))


_SEVERAL = lexicon("and or nor then but not plus versus vs who whom whose behind than")


def _says_more(longer: str, shorter: str) -> bool:
    words, known = words_of(longer), words_of(shorter)
    return contains_words(longer, shorter) and _SEVERAL.intersection(words) <= set(known)
