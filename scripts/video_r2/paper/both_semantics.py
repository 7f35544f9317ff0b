"""The same predictions scored as released and corrected."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import get_args

import pandas as pd

from video_r2 import config
from video_r2.metrics.rescoring import METRICS, rescore
from video_r2.metrics.summaries import read_predictions, score_table
from video_r2.records import SCORE, SCORE_BY_SEMANTICS
from video_r2.rewards.temporal_alignment import Embed


def score_both_ways(
    predictions: Iterable[str | Path],
    scores: pd.DataFrame,
    adapters: Mapping[str, str],
    semantics: config.Semantics,
    embed: Embed,
    settings: config.TemporalAlignment,
) -> pd.DataFrame:
    """Scores under both semantics: those that were made, and those that the other semantics would have made.

    No judge is asked: what it said stands in the details of the scores.

    Args:
        predictions: files of predictions.
        scores: columns of `records.SCORE`, of metrics in `rescoring.METRICS`.
        adapters: the reader of each benchmark.
        semantics: of `scores`.
        embed: sentence embeddings, for temporal alignment.
        settings: of temporal alignment.

    Returns:
        A frame with the columns of `records.SCORE_BY_SEMANTICS`.
    """
    other: config.Semantics = next(name for name in get_args(config.Semantics) if name != semantics)
    by_file = dict(list(scores.groupby(["evaluation", "seed", "benchmark"])))
    tables = []
    for path in predictions:
        records = read_predictions(path)
        key = (records[0]["evaluation"], records[0]["seed"], records[0]["benchmark"])
        adapter = adapters[records[0]["benchmark"]]
        by_id = {record["id"]: record for record in records}
        for metric, rows in by_file.get(key, scores.iloc[:0]).groupby("metric"):
            if metric in METRICS:
                again = rescore(records, rows, str(metric), adapter, semantics, other, embed, settings)
                tables.append(score_table([by_id[name] for name in rows["id"]], again, str(metric)))
    rescored = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(SCORE))
    both = [
        _with_reward(made, by).assign(semantics=by)
        for made, by in ((scores, semantics), (rescored, other))
        if len(made)
    ]
    columns = list(SCORE_BY_SEMANTICS)
    return pd.concat(both, ignore_index=True)[columns] if both else pd.DataFrame(columns=columns)


def _with_reward(scores: pd.DataFrame, semantics: config.Semantics) -> pd.DataFrame:
    """The scores with the precision of temporal alignment, and with what training rewards, as metrics of their own."""
    f1 = scores[scores["metric"] == "temporal_f1"]
    precision = [json.loads(detail).get("precision", math.nan) for detail in f1["detail"]]
    by_precision = f1.assign(metric="temporal_precision", score=precision)
    rewarded = by_precision if semantics == "reference" else f1
    return pd.concat([scores, by_precision, rewarded.assign(metric="temporal_reward")], ignore_index=True)
