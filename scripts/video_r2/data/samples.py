"""Sample questions for the report: which are shown, and frames of their videos as the models saw them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from video_r2.data.frames import Clip
from video_r2.errors import RejectedRecord


def choose_samples(questions: pd.DataFrame, number: int) -> pd.DataFrame:
    """`number` of the questions, each benchmark in turn, by a hash of the id, not by how they went.

    Args:
        questions: with columns `benchmark` and `id`, each pair once.
    """
    order = {name: at for at, name in enumerate(dict.fromkeys(questions["benchmark"]))}
    ranked = questions.assign(
        hash=[hashlib.sha256(name.encode()).hexdigest() for name in questions["id"]],
        place=questions["benchmark"].map(order),
    )
    ranked["turn"] = ranked.sort_values("hash").groupby("benchmark").cumcount()
    chosen = ranked.sort_values(["turn", "place"]).head(number).sort_values(["place", "turn"])
    return chosen[questions.columns]


def make_samples(questions: pd.DataFrame, load: Callable[[str, str], Clip], number: int) -> pd.DataFrame:
    """Frames of the videos of questions, with the columns of `records.SAMPLE`.

    Args:
        questions: columns of `records.QUESTION`.
        load: the clip of a video, given the paths of the video and of its subtitle (empty if none), as the models saw it.
            The reason of a RejectedRecord is kept in place of the frames.
        number: frames of each video.
    """
    rows = []
    for question in questions.itertuples(index=False):
        row: dict[str, Any] = {
            "id": question.id,
            "benchmark": question.benchmark,
            "times": [],
            "frames": [],
            "reason": None,
        }
        try:
            clip = load(str(question.video), str(question.subtitle))
            kept = spread(len(clip.frames), number)
            row |= {"times": clip.times[kept].tolist(), "frames": [to_jpeg(clip.frames[at]) for at in kept]}
        except RejectedRecord as error:
            row["reason"] = error.reason
        rows.append(row)
    return pd.DataFrame(rows, columns=["id", "benchmark", "times", "frames", "reason"])


def spread(length: int, number: int) -> np.ndarray:
    """At most `number` places among `length`, evenly spread from the first to the last."""
    return np.unique(np.linspace(0, length - 1, min(number, length)).round().astype(int))


def to_jpeg(frame: np.ndarray) -> bytes:
    """An image, uint8 RGB [height, width, 3], as a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()
