"""The same predictions scored as released and corrected."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pandas as pd

from video_r2 import config
from video_r2.metrics.rescoring import METRICS, rescore
from video_r2.metrics.summaries import read_predictions, score_table
from video_r2.paper.exhibits import Study
from video_r2.records import SCORE
from video_r2.rewards.temporal_alignment import Embed

Scores = dict[config.Semantics, pd.DataFrame]


def score_both_ways(
    predictions: Iterable[str | Path],
    scores: pd.DataFrame,
    study: Study,
    embed: Embed,
    settings: config.TemporalAlignment,
) -> Scores:
    """Scores under both semantics: those that were made, and those that the other semantics would have made.

    No judge is asked: what it said stands in the details of the scores.

    Args:
        predictions: files of predictions.
        scores: columns of `records.SCORE`, of metrics in `rescoring.METRICS`, under the study's semantics.
        embed: sentence embeddings, for temporal alignment.
        settings: of temporal alignment.
    """
    other: config.Semantics = next(name for name in get_args(config.Semantics) if name != study.semantics)
    by_file = dict(list(scores.groupby(["evaluation", "seed", "benchmark"])))
    tables = []
    for path in predictions:
        records = read_predictions(path)
        key = (records[0]["evaluation"], records[0]["seed"], records[0]["benchmark"])
        adapter = study.benchmarks[records[0]["benchmark"]].adapter
        by_id = {record["id"]: record for record in records}
        for metric, rows in by_file.get(key, scores.iloc[:0]).groupby("metric"):
            if metric in METRICS:
                again = rescore(records, rows, str(metric), adapter, other, embed, settings)
                tables.append(score_table([by_id[name] for name in rows["id"]], again, str(metric)))
    rescored = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(SCORE))
    return {study.semantics: _with_reward(scores, study.semantics), other: _with_reward(rescored, other)}


def _with_reward(scores: pd.DataFrame, semantics: config.Semantics) -> pd.DataFrame:
    """The scores with the precision of temporal alignment, and with what training rewards, as metrics of their own."""
    f1 = scores[scores["metric"] == "temporal_f1"]
    precision = [json.loads(detail).get("precision", math.nan) for detail in f1["detail"]]
    by_precision = f1.assign(metric="temporal_precision", score=precision)
    rewarded = by_precision if semantics == "reference" else f1
    return pd.concat([scores, by_precision, rewarded.assign(metric="temporal_reward")], ignore_index=True)
