"""VAS by a judge: how much concrete visual evidence a trace claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from video_r2.config import Semantics
from video_r2.judge.base import Judge
from video_r2.metrics.accuracy import Score
from video_r2.metrics.released import trace_judged


def score_evidence(
    records: Sequence[Mapping[str, Any]], judge: Judge, semantics: Semantics = "corrected"
) -> list[Score]:
    """Rate predictions, 0 to 100 each: ten times the judge's 0 to 10.

    A response without a think block, or with an empty one, scores 0, as the rubric says; a failed judge leaves the
    score missing (released: 0, and ratings are rounded).
    """
    traces = [trace_judged(record, semantics) for record in records]
    asked = [at for at, trace in enumerate(traces) if records[at]["response"] is not None and trace]
    ratings = dict(zip(asked, judge.evidence_of([traces[at] for at in asked]), strict=True))
    scores = []
    for at, record in enumerate(records):
        rating = ratings.get(at, 0.0)
        if record["response"] is None:
            scores.append(Score(None, {"missing": "no response"}))
        elif rating is None:
            failed = 0.0 if semantics == "reference" else None
            scores.append(Score(failed, {"missing": "the judge failed"}))
        else:
            rating = round(rating) if semantics == "reference" else rating
            scores.append(Score(10.0 * rating, {} if traces[at] else {"missing_think": True}))
    return scores
