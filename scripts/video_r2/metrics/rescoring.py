"""Predictions that were scored, scored again under other semantics: from what the judge said then, without asking it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from video_r2.config import Semantics, TemporalAlignment
from video_r2.errors import UserError
from video_r2.judge.base import Judge, Reading, Verdict
from video_r2.metrics.accuracy import Score, score_record
from video_r2.metrics.consistency import score_consistency
from video_r2.metrics.released import trace_judged
from video_r2.metrics.temporal import score_alignment
from video_r2.metrics.visual_attention_score import score_evidence
from video_r2.reading.claims import Claim
from video_r2.reading.times import Interval
from video_r2.rewards.temporal_alignment import Embed

NOT_ASKED = "the judge was asked about another block"
METRICS = ("accuracy", "tac", "vas_judge", "temporal_f1")


class RecordedJudge(Judge):
    """Says again what a judge said when records were scored; where it failed then, it fails now.

    Args:
        records: rows of `records.PREDICTION`.
        scores: the score of each record, as value and detail, in the same order.
        metric: what was scored: tac, vas_judge or temporal_f1.
        semantics: by which they were scored.
    """

    free = True

    def __init__(
        self, records: Sequence[Mapping[str, Any]], scores: Sequence[Score], metric: str, semantics: Semantics
    ) -> None:
        super().__init__()
        self._said: dict[Any, Any] = {}
        for record, score in zip(records, scores, strict=True):
            failed = score.detail.get("missing") == "the judge failed"
            think = trace_judged(record, semantics)
            if metric == "vas_judge":
                self._said[think] = None if failed or score.value is None else score.value / 10
            elif metric == "temporal_f1":
                missing = "missing" in score.detail
                self._said[think] = None if missing else [_claim(entry) for entry in score.detail["made"]]
            else:
                for source in ("think", "answer"):
                    self._said[_key(record, record[source] or "", source)] = score.detail.get(source)

    def claims_of(self, thinks: Sequence[str]) -> list[list[Claim] | None]:
        return [self._said.get(think) for think in thinks]

    def answers_of(self, readings: Sequence[Reading]) -> list[str | None]:
        return [self._said[_reading_key(reading)] for reading in readings]

    def consistency_of(self, verdicts: Sequence[Verdict]) -> list[bool | None]:
        """None: no score holds a verdict, because consistency is told from the two answers."""
        return [None for _ in verdicts]

    def evidence_of(self, thinks: Sequence[str]) -> list[float | None]:
        return [self._said.get(think) for think in thinks]

    def check_missing(self) -> None:
        """What failed was counted when it was asked."""


def rescore(
    records: Sequence[Mapping[str, Any]],
    scores: pd.DataFrame,
    metric: str,
    adapter: str,
    made: Semantics,
    wanted: Semantics,
    embed: Embed,
    settings: TemporalAlignment,
) -> list[Score]:
    """Score records under other semantics than they were scored under.

    Args:
        records: rows of `records.PREDICTION`, of one benchmark, those that were scored among them.
        scores: their scores, rows of `records.SCORE`.
        metric: one of `METRICS`.
        adapter: reader of the benchmark.
        made: the semantics by which they were scored.
        wanted: those by which they are to be.
        embed: sentence embeddings, for temporal alignment.
        settings: of temporal alignment.

    Returns:
        A score for each row of `scores`, in their order. Of a response with several think blocks the judge may have read
        another than is wanted: its score is missing.

    Raises:
        UserError: if a score is of no record.
    """
    by_id = {record["id"]: record for record in records}
    unknown = [name for name in scores["id"] if name not in by_id]
    if unknown:
        raise UserError(
            f"{len(unknown)} scores of {metric} are of no prediction",
            record=unknown[0],
            cure="delete the scores of that evaluation; they will be made again",
        )
    chosen = [by_id[name] for name in scores["id"]]
    if metric == "accuracy":
        return [score_record(record, adapter, wanted) for record in chosen]
    given = [
        Score(None if pd.isna(value) else float(value), json.loads(detail))
        for value, detail in zip(scores["score"], scores["detail"], strict=True)
    ]
    judge = RecordedJudge(chosen, given, metric, made)
    if metric == "tac":
        return score_consistency(chosen, adapter, judge, wanted)
    if metric == "vas_judge":
        again = score_evidence(chosen, judge, wanted)
    else:
        again = score_alignment(chosen, judge, embed, settings, wanted)
    return [
        score if trace_judged(record, made) == trace_judged(record, wanted) else Score(None, {"missing": NOT_ASKED})
        for record, score in zip(chosen, again, strict=True)
    ]


def _key(record: Mapping[str, Any], text: str, source: str) -> tuple[Any, ...]:
    options = () if record["options"] is None else tuple(map(str, record["options"]))
    return text, source, str(record["answer_type"]), options, str(record["question"])


def _reading_key(reading: Reading) -> tuple[Any, ...]:
    return reading.text, reading.source, reading.answer_type, tuple(reading.options), reading.question


def _claim(entry: Mapping[str, Any]) -> Claim:
    interval = entry["interval"]
    return Claim(entry["time"], None if interval is None else Interval(**interval), entry["text"])
