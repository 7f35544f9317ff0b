"""A judge of rules: deterministic, without a model, linear in the length of the text, and never raising."""

from __future__ import annotations

import re
from collections.abc import Sequence

from video_r2.judge.base import Judge, Reading, Verdict
from video_r2.judge.evidence import rate_evidence
from video_r2.reading.answering import quantity_of, written
from video_r2.reading.answers import answers_equal, choice_of
from video_r2.reading.claims import Claim, read_claims
from video_r2.reading.conclusions import concluded_choice, concluded_number, concluded_text, given_text
from video_r2.reading.doubts import DOUBTFUL
from video_r2.reading.plain_text import plain_text, trusted_text
from video_r2.reading.words import NEGATIONS, lexicon, occurrences, stem_of, words_of


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
    """Whether two answers that were read are equal; of text, one may also repeat the question ("she sells honey", "honey").

    Which of the two the trace concludes makes no difference.
    """
    if not think or not answer:
        return False
    if answers_equal(think, answer, answer_type, question):
        return True
    return answer_type == "text" and (_repeats(question, think, answer) or _repeats(question, answer, think))


_MAKE_A_SENTENCE = lexicon(
    "is are was were be been being it he she they there this that which who does do did has have had will would can its his "
    "her their thing"
)
_EQUATING = lexicon("is are was were called named")
_SETS_APART = re.compile(r"[,;&/+|]|\b(?:or|and|then)\b", re.IGNORECASE)
_CLAUSE_ENDS = re.compile(r"[,:;?]\s")
OFFERED = 3  # words on either side of an "or" that may be what is offered


def _offered(question: str) -> set[str]:
    """Words that a question may offer to choose from: those around its "or", back to a comma."""
    clauses = map(words_of, _CLAUSE_ENDS.split(question))
    return {
        word
        for words in clauses
        for at in occurrences(words, ("or",))
        for word in words[max(0, at - OFFERED) : at + 1 + OFFERED]
    }


def _repeats(question: str, longer: str, shorter: str) -> bool:
    """Whether what a text says beyond another only makes a sentence of it: "she sells honey", "the answer is honey".

    Nothing but words of the question, and of any sentence, may stand there, or one that equates with the other. What a
    question offers to choose from repeats nothing: of "left or right?", "left to right" is not "left".
    """
    if _SETS_APART.search(longer):
        return False
    words, known, offered = words_of(longer), words_of(shorter), _offered(question)
    repeated = {stem_of(word) for word in words_of(question) if word not in NEGATIONS and word not in offered}

    def adds_nothing(before: Sequence[str], after: Sequence[str]) -> bool:
        if not after and len(before) > 1 and before[-1] in _EQUATING and NEGATIONS.isdisjoint(before):
            return True
        return all(word in _MAKE_A_SENTENCE or stem_of(word) in repeated for word in (*before, *after))

    return any(adds_nothing(words[:at], words[at + len(known) :]) for at in occurrences(words, known))
