"""Controls: the same questions with something taken away, to see what the answers rest on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from video_r2 import config
from video_r2.data.frames import Clip
from video_r2.errors import RejectedRecord

GREY = 128


def take_away_video(clip: Clip) -> Clip:
    """Make every frame grey; size, number and times of the frames stay."""
    return replace(clip, frames=np.full_like(clip.frames, GREY))


def clip_change(control: str) -> Callable[[Clip], Clip] | None:
    """What a control does to each clip; None for nothing."""
    return take_away_video if control == "blind" else None


def forced_starts(
    questions: pd.DataFrame, control: str, wording: config.Controls, traces: pd.DataFrame | None = None
) -> dict[str, str | RejectedRecord]:
    """Write the beginning that a control gives to each response; the model goes on from there.

    Args:
        questions: rows of `records.QUESTION`, of one benchmark.
        control: key of the evaluation's control.
        wording: of the beginnings.
        traces: rows of `records.PREDICTION` for the same benchmark, for control "other_trace".

    Returns:
        the beginning by question id, or why there is none; nothing for a control that forces no beginning.
    """
    if control == "no_trace":
        return dict.fromkeys(questions["id"], "<think></think><answer>")
    if control == "no_claims":
        return dict.fromkeys(questions["id"], f"<think>{wording.without_claims}")
    if control == "other_trace":
        if traces is None:
            raise ValueError("control other_trace needs the predictions that the traces are taken from")
        return _other_traces(questions, traces, wording.conclusion)
    return {}


def claims_of(think: str, conclusion: str) -> str:
    """What a think block says before its last sentence that begins with the word `conclusion`; all, if none does."""
    starts = list(re.finditer(rf"(?:^|(?<=[.!?\n])|(?<=[.!?]\s))\s*\b{re.escape(conclusion)}\b", think))
    return (think[: starts[-1].start()] if starts else think).strip()


def _other_traces(questions: pd.DataFrame, traces: pd.DataFrame, conclusion: str) -> dict[str, str | RejectedRecord]:
    """Give each question the claims that the model made of another video.

    Of the other videos' traces, those for a question of the same category are taken first, then those that cite as many
    times as the question's own, then the next one in the order of the table, so that no trace is lent very often.
    """
    claims = [claims_of(think, conclusion) if isinstance(think, str) else "" for think in traces["think"]]
    cited = np.array([len(times) if times is not None else 0 for times in traces["times"]])
    usable = np.array([bool(text) for text in claims]) & (cited > 0)
    videos, categories = traces["video"].to_numpy(dtype=object), traces["category"].to_numpy(dtype=object)
    own_cited = dict(zip(traces["id"], cited.tolist(), strict=True))
    place = np.arange(len(traces))
    starts: dict[str, str | RejectedRecord] = {}
    for at, question in enumerate(questions.itertuples(index=False)):
        candidates = np.flatnonzero(usable & (videos != question.video))
        if not len(candidates):
            starts[str(question.id)] = RejectedRecord(
                "no trace of another video cites a time",
                record=str(question.id),
                cure="nothing to mend: the model gave no trace that could be lent",
            )
            continue
        order = np.lexsort(
            (
                (place[candidates] - at - 1) % len(traces),
                np.abs(cited[candidates] - own_cited.get(str(question.id), 0)),
                categories[candidates] != question.category,
            )
        )
        starts[str(question.id)] = f"<think>{claims[candidates[order[0]]]} {conclusion}"
    return starts
