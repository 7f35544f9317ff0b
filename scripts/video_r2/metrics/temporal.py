"""Temporal alignment of predictions on questions whose grounding is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from video_r2.config import Semantics, TemporalAlignment
from video_r2.errors import RejectedRecord
from video_r2.judge.base import Judge
from video_r2.metrics.accuracy import Score
from video_r2.metrics.released import trace_judged
from video_r2.rewards.temporal_alignment import Embed, sentences_needed, temporal_alignment


def grounding_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The grounding of a record: a sentence by its time; empty where none is known.

    Raises:
        RejectedRecord: if it is no JSON object of texts.
    """
    try:
        grounding = json.loads(record["grounding"] or "{}")
    except ValueError as error:
        raise RejectedRecord(f"its grounding is no JSON: {error}", record=str(record["id"])) from error
    if not isinstance(grounding, dict) or not all(isinstance(text, str) for text in grounding.values()):
        raise RejectedRecord("its grounding is no object of times and sentences", record=str(record["id"]))
    return grounding


def score_alignment(
    records: Sequence[Mapping[str, Any]],
    judge: Judge,
    embed: Embed,
    settings: TemporalAlignment,
    semantics: Semantics = "corrected",
) -> list[Score]:
    """Score how well the claims of each trace agree with the record's grounding: 100 x F1, the rest in the detail.

    The detail's `made` are the claims as the judge read them.

    Args:
        records: rows of `records.PREDICTION` with a grounding.
    """
    groundings = [grounding_of(record) for record in records]
    traces = [trace_judged(record, semantics) for record in records]
    asked = [at for at, trace in enumerate(traces) if trace]
    claims = dict(zip(asked, judge.claims_of([traces[at] for at in asked]), strict=True))
    needed = [text for at, made in claims.items() for text in sentences_needed(made or [], groundings[at], settings)]
    embed(list(dict.fromkeys(needed)))  # one batch for all
    scores = []
    for at, record in enumerate(records):
        made = claims.get(at, [])
        if record["response"] is None or made is None:
            reason = "no response" if record["response"] is None else "the judge failed"
            scores.append(Score(None, {"missing": reason}))
            continue
        found = temporal_alignment(made, groundings[at], settings, embed, semantics)
        detail = {
            **({} if traces[at] else {"missing_think": True}),
            "precision": 100.0 * found.precision,
            "recall": 100.0 * found.recall,
            "claims": found.claims,
            "events": found.events,
            "made": [asdict(claim) for claim in made],
        }
        scores.append(Score(100.0 * found.f1, detail))
    return scores
