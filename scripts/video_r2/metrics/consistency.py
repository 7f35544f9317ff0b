"""TAC, think-answer consistency: does the trace conclude the answer that is given?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from video_r2.config import Semantics
from video_r2.judge.base import Judge, Reading
from video_r2.judge.rules import same_answer
from video_r2.metrics import released
from video_r2.metrics.accuracy import Score


def score_consistency(
    records: Sequence[Mapping[str, Any]], adapter: str, judge: Judge, semantics: Semantics = "corrected"
) -> list[Score]:
    """Score the consistency of predictions of one benchmark, 0 or 100 each.

    The judge reads the answer out of the last think block and out of the last answer block. Corrected: consistent if
    both are there and equal; a missing block is inconsistent, and counted in the detail as `missing_think` or
    `missing_answer`.
    Released: consistent if both are right or both are wrong, whatever they are, a missing block being wrong.

    Args:
        records: rows of `records.PREDICTION`.
        adapter: reader of the benchmark, for what the release calls right.
        judge: who reads answers; where it failed, the score is None.
    """
    scored = [at for at, record in enumerate(records) if record["response"] is not None]
    readings = []
    for at in scored:
        record = records[at]
        options = [] if record["options"] is None else [str(option) for option in record["options"]]
        kind, question = str(record["answer_type"]), str(record["question"])
        readings.append(Reading(record["think"] or "", "think", kind, options, question))
        readings.append(Reading(record["answer"] or "", "answer", kind, options, question))
    # Blocks that are not there need no judge.
    asked = [at for at, reading in enumerate(readings) if reading.text]
    replies: list[str | None] = [""] * len(readings)
    for at, reply in zip(asked, judge.answers_of([readings[at] for at in asked]), strict=True):
        replies[at] = reply
    scores = [Score(None, {"missing": "no response"}) for _ in records]
    for at, think, answer in zip(scored, replies[::2], replies[1::2], strict=True):
        scores[at] = _score(records[at], think, answer, adapter, semantics)
    return scores


def _score(
    record: Mapping[str, Any], think: str | None, answer: str | None, adapter: str, semantics: Semantics
) -> Score:
    detail: dict[str, Any] = {"think": think, "answer": answer}
    if record["think"] is None:
        detail["missing_think"] = True
    if record["answer"] is None:
        detail["missing_answer"] = True
    if think is None or answer is None:
        return Score(None, {**detail, "missing": "the judge failed"})
    kind, target = str(record["answer_type"]), str(record["target"])
    if semantics == "reference":
        right = [released.is_right(read, target, kind, adapter) for read in (think, answer)]
        return Score(100.0 * (right[0] == right[1]), {**detail, "think_right": right[0], "answer_right": right[1]})
    if not think and record["think"] is not None:
        detail["undecided"] = True
    return Score(100.0 * same_answer(think, answer, kind, str(record["question"])), detail)
