"""Controls: rows from which something is taken away, the normal rows they belong to, and what guessing scores."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from video_r2.metrics.accuracy import score_record
from video_r2.paper.exhibits import Study, rows_of

TAKEN_AWAY = {
    "none": "nothing",
    "blind": "the video",
    "no_trace": "the trace",
    "no_claims": "its claims",
    "other_trace": "own claims, for another video's",
}
CHANCE = "chance"


def normal_row(study: Study, evaluation: str) -> str | None:
    """The row of the same model, asked and decoded in the same way, with nothing taken away; None if there is none."""
    entry = study.evaluations[evaluation]
    return study.find(entry.model, entry.prompt, sampled=study.is_sampled(evaluation))


def control_pairs(study: Study, names: list[str]) -> list[tuple[str, str]]:
    """Each control of `names` with its normal row."""
    pairs = []
    for name in names:
        normal = normal_row(study, name)
        if study.evaluations[name].control != "none" and normal is not None:
            pairs.append((name, normal))
    return pairs


def control_rows(study: Study, names: list[str]) -> pd.DataFrame:
    """How `names` are laid out: every model a block, its normal rows before its controls."""
    rows = [
        {
            "evaluation": name,
            "label": study.evaluations[name].label,
            "control": TAKEN_AWAY[study.evaluations[name].control],
            "decoding": "sampled" if study.is_sampled(name) else "greedy",
            "block": study.evaluations[name].model,
        }
        for name in names
    ]
    frame = pd.DataFrame(rows, columns=["evaluation", "label", "control", "decoding", "block"])
    models = {model: place for place, model in enumerate(dict.fromkeys(frame["block"]))}
    place = frame["block"].map(models) * 2 + (frame["control"] != TAKEN_AWAY["none"])
    return frame.iloc[place.argsort(kind="stable")].reset_index(drop=True)


def chance_scores(questions: pd.DataFrame, study: Study) -> pd.DataFrame:
    """What guessing is expected to score on each question, as the scores of an evaluation called `chance`.

    With options, an option is drawn; without, the right answer of another question of the same benchmark, category and
    type of answer, which is scored as the benchmark scores answers.

    Args:
        questions: columns of `records.QUESTION`.

    Returns:
        A frame with the columns of `records.SCORE`; the score is missing where there is nothing to draw from.
    """
    rows: list[dict[str, Any]] = [dict(zip(questions.columns, row, strict=True)) for row in rows_of(questions)]
    pools: dict[tuple[str, str, str], Counter[str]] = {}
    for row in rows:
        pools.setdefault(_kind(row), Counter())[row["target"]] += 1
    scores = []
    for row in rows:
        if len(row["options"]):
            scores.append(100.0 / len(row["options"]))
        else:
            others = pools[_kind(row)] - Counter([row["target"]])
            scores.append(_expected_score(row, others, study.benchmarks[row["benchmark"]].adapter))
    return questions[["id", "benchmark", "category", "video"]].assign(
        evaluation=CHANCE, seed=0, metric="accuracy", score=np.array(scores, dtype=float), detail="{}"
    )


def _kind(question: dict[str, Any]) -> tuple[str, str, str]:
    return question["benchmark"], question["category"], question["answer_type"]


def _expected_score(question: dict[str, Any], answers: Counter[str], adapter: str) -> float:
    """Mean score of a draw from `answers`, each as often as it occurs; NaN where none can be scored."""
    total, drawn = 0.0, 0
    for answer, times in answers.items():
        value = score_record({**question, "response": answer, "answer": answer}, adapter).value
        if value is not None:
            total, drawn = total + times * value, drawn + times
    return total / drawn if drawn else math.nan
