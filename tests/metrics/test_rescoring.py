"""Scores under other semantics, from what the judge said: as if the judge had been asked again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from predictions import prediction

from video_r2.config import Semantics, TemporalAlignment
from video_r2.errors import UserError
from video_r2.judge.base import Judge, Reading
from video_r2.judge.rules import RuleJudge
from video_r2.metrics.accuracy import Score, score_record
from video_r2.metrics.consistency import score_consistency
from video_r2.metrics.rescoring import METRICS, rescore
from video_r2.metrics.summaries import score_table
from video_r2.metrics.temporal import score_alignment
from video_r2.metrics.visual_attention_score import score_evidence
from video_r2.reading.claims import Claim

SETTINGS = TemporalAlignment()
RESPONSES = [
    "<think>00:04-00:08: a red ball rolls. ~00:16: a dog barks. So the answer is B.</think><answer>B</answer>",
    "<think>At 00:13 a red ball rolls. So the answer is B.</think><answer>C</answer>",
    "<think>00:70: fog. So the judge fails here.</think><answer>Definitely C</answer>",
    "<think></think><answer></answer>",
    "So B",
    "",
    None,
]
GROUNDING = {"00:08-00:10": "a red ball rolls", "00:16": "a dog barks"}


class SometimesSilent(RuleJudge):
    """Rules that fail where a text speaks of failing, as a server may."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0

    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        self.heard += len(readings)
        said = super().answers_of(readings)
        return [None if "fails" in each.text else one for each, one in zip(readings, said, strict=True)]

    def evidence_of(self, thinks: Sequence[str]) -> list[float | None]:
        self.heard += len(thinks)
        return [
            None if "fails" in think else one for think, one in zip(thinks, super().evidence_of(thinks), strict=True)
        ]

    def claims_of(self, thinks: Sequence[str]) -> list[list[Claim] | None]:
        self.heard += len(thinks)
        return [None if "fails" in think else one for think, one in zip(thinks, super().claims_of(thinks), strict=True)]


def records() -> list[dict[str, Any]]:
    return [prediction(at, response, GROUNDING) for at, response in enumerate(RESPONSES)]


def nowhere(sentences: Sequence[str]) -> np.ndarray:
    return np.zeros((len(sentences), 2))


def score(rows: list[dict[str, Any]], metric: str, semantics: Semantics, judge: Judge) -> list[Score]:
    if metric == "accuracy":
        return [score_record(row, "mvbench", semantics) for row in rows]
    if metric == "tac":
        return score_consistency(rows, "mvbench", judge, semantics)
    if metric == "vas_judge":
        return score_evidence(rows, judge, semantics)
    return score_alignment(rows, judge, nowhere, SETTINGS, semantics)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("made", get_args(Semantics))
@pytest.mark.parametrize("wanted", get_args(Semantics))
def test_they_are_what_the_judge_would_have_led_to(metric: str, made: Semantics, wanted: Semantics) -> None:
    rows, judge = records(), SometimesSilent()
    table = score_table(rows, score(rows, metric, made, judge), metric)
    assert judge.heard or metric == "accuracy"
    found = rescore(rows, table, metric, "mvbench", made, wanted, nowhere, SETTINGS)
    assert found == score(rows, metric, wanted, SometimesSilent())


@pytest.mark.parametrize(("made", "wanted"), [("corrected", "reference"), ("reference", "corrected")])
def test_a_block_that_the_judge_was_not_asked_about_has_no_score(made: Semantics, wanted: Semantics) -> None:
    """As released the first think block is read, and the last one corrected."""
    twice = "<think>A red ball rolls at 00:05.</think><think>So the answer is B.</think><answer>B</answer>"
    rows = [prediction(at, response, GROUNDING) for at, response in enumerate([twice, RESPONSES[0]])]
    for metric in ("vas_judge", "temporal_f1"):
        table = score_table(rows, score(rows, metric, made, RuleJudge()), metric)
        first, second = rescore(rows, table, metric, "mvbench", made, wanted, nowhere, SETTINGS)
        assert (first.value, first.detail["missing"]) == (None, "the judge was asked about another block")
        assert second.value is not None


def test_ratings_are_rounded_as_released() -> None:
    rows = records()[:1]
    table = score_table(rows, [Score(75.0, {})], "vas_judge")
    found = rescore(rows, table, "vas_judge", "mvbench", "corrected", "reference", nowhere, SETTINGS)
    assert found == [Score(80.0, {})]


def test_they_differ_where_the_semantics_do() -> None:
    rows = records()
    for metric in METRICS:
        table = score_table(rows, score(rows, metric, "corrected", SometimesSilent()), metric)
        other = rescore(rows, table, metric, "mvbench", "corrected", "reference", nowhere, SETTINGS)
        assert [one.value for one in other] != [None if pd.isna(value) else value for value in table["score"]], metric


@given(st.permutations(range(len(RESPONSES))))
def test_order_of_records_does_not_matter(order: list[int]) -> None:
    rows = records()
    turned = [rows[at] for at in order]
    for metric in METRICS:
        table = score_table(rows, score(rows, metric, "corrected", SometimesSilent()), metric)
        found = rescore(turned, table, metric, "mvbench", "corrected", "reference", nowhere, SETTINGS)
        assert found == rescore(rows, table, metric, "mvbench", "corrected", "reference", nowhere, SETTINGS)
        turned_scores = score(turned, metric, "corrected", SometimesSilent())
        assert score_table(turned, turned_scores, metric)["score"].fillna(-1).tolist() == [
            table["score"].fillna(-1)[at] for at in order
        ]


def test_scores_of_other_predictions_are_refused() -> None:
    rows = records()
    table = score_table(rows, score(rows, "tac", "corrected", RuleJudge()), "tac")
    with pytest.raises(UserError, match=r"record q0: 1 scores of tac are of no prediction \(cure: delete"):
        rescore(rows[1:], table, "tac", "mvbench", "corrected", "reference", nowhere, SETTINGS)
