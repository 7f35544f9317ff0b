"""Samples of the report: which questions are shown, and which frames of their videos."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from PIL import Image

from video_r2.data.frames import Clip
from video_r2.data.samples import choose_samples, make_samples, spread
from video_r2.errors import RejectedRecord


def questions(*benchmarks: str, number: int = 20) -> pd.DataFrame:
    rows = [
        {"id": f"q{at}", "benchmark": benchmark, "video": f"q{at}.mp4", "subtitle": ""}
        for benchmark in benchmarks
        for at in range(number)
    ]
    return pd.DataFrame(rows)


def clip(video: str, subtitle: str) -> Clip:
    if video == "q1.mp4":
        raise RejectedRecord("has no frames", file=video)
    frames = np.stack([np.full((28, 56, 3), 10 * at, dtype=np.uint8) for at in range(7)])
    return Clip(frames, np.arange(7.0), 1.0)


def pairs(chosen: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(chosen["benchmark"], chosen["id"], strict=True))


def test_benchmarks_take_turns_and_the_order_of_the_questions_does_not_matter() -> None:
    frame = questions("x", "y", "z")
    chosen = choose_samples(frame, 4)
    # Of the digests of q0 to q19, those of q18 and q7 are the least (sha256sum).
    assert pairs(chosen) == [("x", "q18"), ("x", "q7"), ("y", "q18"), ("z", "q18")]
    shuffled = frame.sample(frac=1.0, random_state=1).sort_values("benchmark", kind="stable")
    assert pairs(choose_samples(shuffled, 4)) == pairs(chosen)
    assert len(choose_samples(frame, 1000)) == 60
    assert list(chosen.columns) == list(frame.columns)


def test_frames_are_spread_from_the_first_to_the_last_and_never_repeat() -> None:
    assert spread(7, 3).tolist() == [0, 3, 6]
    assert spread(7, 20).tolist() == list(range(7))
    assert spread(1, 6).tolist() == [0]


def test_a_video_that_cannot_be_read_keeps_its_reason_and_the_others_their_frames() -> None:
    first, second = make_samples(questions("x", number=2), clip, 3).to_dict("records")
    assert first["times"] == [0.0, 3.0, 6.0]
    assert pd.isna(first["reason"])
    pictures = [np.asarray(Image.open(io.BytesIO(frame))) for frame in first["frames"]]
    assert [(picture.shape, int(picture.mean().round())) for picture in pictures] == [
        ((28, 56, 3), 0),
        ((28, 56, 3), 30),
        ((28, 56, 3), 60),
    ]
    assert (second["times"], second["frames"], second["reason"]) == ([], [], "has no frames")
