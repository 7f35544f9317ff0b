"""Accuracy of predictions, 0 to 100 each, as each benchmark defines it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from video_r2.config import Semantics
from video_r2.metrics import released
from video_r2.metrics.averages import aggregate, averaging_of
from video_r2.reading.answering import number_of
from video_r2.reading.answers import answers_equal, choice_of
from video_r2.reading.words import contains_words, words_of
from video_r2.rewards.accuracy import equal_when_rounded, target_letter

__all__ = ["Score", "aggregate", "averaging_of", "mean_relative_accuracy", "score_record"]

THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))  # 0.50 to 0.95: VSI-Bench's 10 confidence levels
_OR = re.compile(r"\bor\b|[/|]", re.IGNORECASE)
_BETWEEN_CANDIDATES = re.compile(r"(?:,\s*)?\bor\b|,(?!\d)|[;/|]", re.IGNORECASE)
LEAVES_EMPTY_OUT = frozenset({"mvbench", "video_mmmu"})  # released: an empty answer is not counted at all


@dataclass(frozen=True)
class Score:
    """What a record scored, and what the score was made of.

    `value` is 0 to 100, or None where there is nothing to score; then `detail["missing"]` says why.
    """

    value: float | None
    detail: dict[str, Any] = field(default_factory=dict)


def score_record(record: Mapping[str, Any], adapter: str, semantics: Semantics = "corrected") -> Score:
    """Score one prediction.

    Args:
        record: a row of `records.PREDICTION`.
        adapter: reader of the benchmark, which names it (`config.Benchmark.adapter`).
        semantics: as released (`metrics.released`), or with answers compared as answers: a letter by its label or
            else by the option's words, a number by its value in the question's unit, text by its words.

    Returns:
        None as value for a record without a response. A response without an answer is wrong, not missing.
    """
    response, answer_type = record["response"], str(record["answer_type"])
    if response is None:
        return Score(None, {"missing": "no response"})
    options = [] if record["options"] is None else [str(option) for option in record["options"]]
    target = str(record["target"])
    if semantics == "reference":
        return _released(
            released.answer_of(response), target, answer_type, released.Question(str(record["id"]), options), adapter
        )
    answer, question = record["answer"], str(record["question"])
    if answer is None:
        return Score(0.0, {"read": None, "target": target, "missing": "no answer block"})
    if answer_type == "choice":
        read = choice_of(answer, options)
        return Score(
            100.0 * (read is not None and read == target_letter(target, options)), {"read": read, "target": target}
        )
    if answer_type == "number":
        return _number(answer, target, question, adapter)
    return Score(100.0 * _text_is_right(answer, target, question), {"read": answer, "target": target})


def _number(answer: str, target: str, question: str, adapter: str) -> Score:
    read, wanted = number_of(answer, question), number_of(target, question)
    detail = {"read": read, "target": target}
    if wanted is None:
        return Score(None, {**detail, "missing": "the target is no number"})
    if adapter == "vsibench":
        return Score(100.0 * mean_relative_accuracy(read, wanted), detail)
    right = answers_equal(answer, target, "number", question) or (read is not None and equal_when_rounded(read, wanted))
    return Score(100.0 * right, detail)


def mean_relative_accuracy(answer: float | None, target: float) -> float:
    """VSI-Bench's measure for numbers: the share of 10 thresholds t, 0.50 to 0.95, with |answer - target| / |target|
    <= 1 - t.

    For a target of 0, whose relative error is not defined, 1 if the answer is 0, else 0.
    """
    if answer is None or not math.isfinite(answer):
        return 0.0
    if target == 0:
        return float(answer == 0)
    error = abs(answer - target) / abs(target)
    return sum(error <= 1 - threshold + 1e-9 for threshold in THRESHOLDS) / len(THRESHOLDS)


def _text_is_right(answer: str, target: str, question: str) -> bool:
    """Whether an open answer is the target, or a phrase that says the target's words; a list of candidates is neither."""
    if answers_equal(answer, target, "text"):
        return True
    if contains_words(answer, target):
        return not _lists_candidates(answer)
    wanted, read = number_of(target, question), number_of(answer, question)
    return _is_bare_number(target) and read is not None and wanted is not None and equal_when_rounded(read, wanted)


def _lists_candidates(answer: str) -> bool:
    """Whether an answer is several short ones: "cat or dog", "cat, dog, horse"; two may be one: "Paris, France"."""
    given = [words_of(part) for part in _BETWEEN_CANDIDATES.split(answer)]
    several = 1 if _OR.search(answer) else 2
    return len(given) > several and all(1 <= len(words) <= 2 for words in given)


def _is_bare_number(text: str) -> bool:
    try:
        return math.isfinite(float(text.replace(",", "")))
    except ValueError:
        return False


def _released(answer: str, target: str, answer_type: str, question: released.Question, adapter: str) -> Score:
    if adapter in LEAVES_EMPTY_OUT and not answer:
        return Score(None, {"read": "", "target": target, "missing": "empty answer"})
    if answer_type == "choice":
        read = released.READERS.get(adapter, released.first_letter("ABCDE"))(answer, question)
        return Score(100.0 * (read == target.strip()), {"read": read, "target": target})
    if adapter == "vsibench" and answer_type == "number":
        read_number = released.number_of(answer)
        value = released.mean_relative_accuracy(read_number, released.number_of(target) or 0.0)
        return Score(100.0 * value, {"read": read_number, "target": target})
    return Score(100.0 * released.open_is_right(answer, target), {"read": answer, "target": target})
