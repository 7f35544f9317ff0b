"""What the controls take away, and what they leave."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from video_r2 import config
from video_r2.data.frames import Clip
from video_r2.errors import RejectedRecord
from video_r2.evaluation.controls import claims_of, clip_change, forced_starts, take_away_video

WORDING = config.Controls(conclusion="So")


def traces(*rows: tuple[str, str, str, str | None, int]) -> pd.DataFrame:
    """Rows of (id, video, category, think block, number of times)."""
    frame = pd.DataFrame(rows, columns=["id", "video", "category", "think", "cited"])
    frame["times"] = [["00:01"] * number for number in frame.pop("cited")]
    return frame


def start_of(frame: pd.DataFrame, identity: str) -> str | RejectedRecord:
    return forced_starts(frame, "other_trace", WORDING, frame)[identity]


def test_a_blind_model_sees_grey_frames_of_the_same_size_at_the_same_times() -> None:
    rng = np.random.default_rng(0)
    clip = Clip(rng.integers(0, 255, (4, 6, 8, 3), dtype=np.uint8), np.arange(4.0), 1.0)
    blind = take_away_video(clip)
    assert blind.frames.shape == clip.frames.shape
    assert blind.frames.dtype == np.uint8
    assert set(blind.frames.flatten().tolist()) == {128}
    assert blind.times is clip.times
    assert blind.fps_effective == clip.fps_effective


def test_only_the_blind_control_changes_clips() -> None:
    assert clip_change("blind") is take_away_video
    assert [clip_change(control) for control in ("none", "no_trace", "no_claims", "other_trace")] == [None] * 4


@pytest.mark.parametrize(
    ("control", "start"), [("no_trace", "<think></think><answer>"), ("no_claims", "<think>So the answer is")]
)
def test_a_forced_start_is_the_same_for_all(control: str, start: str) -> None:
    questions = traces(("a", "v", "", None, 0), ("b", "w", "", None, 0))
    assert forced_starts(questions, control, WORDING) == {"a": start, "b": start}


@pytest.mark.parametrize("control", ["none", "blind"])
def test_other_controls_force_nothing(control: str) -> None:
    assert forced_starts(traces(("a", "v", "", None, 0)), control, WORDING) == {}


@pytest.mark.parametrize(
    ("think", "claims"),
    [
        ("00:01: a cat. So the answer is A.", "00:01: a cat."),
        ("00:01: a cat.\nSo the answer is A.", "00:01: a cat."),
        ("So it begins. 00:01: a cat. So, A.", "So it begins. 00:01: a cat."),
        ("00:01: a cat, So what. Also Some more.", "00:01: a cat, So what. Also Some more."),
        ("So the answer is A.", ""),
        ("", ""),
    ],
)
def test_claims_are_what_stands_before_the_conclusion(think: str, claims: str) -> None:
    assert claims_of(think, "So") == claims


def test_a_borrowed_trace_is_another_videos_and_of_the_same_category_first() -> None:
    frame = traces(
        ("a", "v", "count", "00:01: mine. So A.", 2),
        ("b", "v", "count", "00:02: also mine. So B.", 2),
        ("c", "w", "order", "00:03: other kind. So C.", 2),
        ("d", "x", "count", "00:04: far off. So D.", 5),
        ("e", "y", "count", "00:05: near. So A.", 3),
    )
    assert start_of(frame, "a") == "<think>00:05: near. So"
    # Of those as good, the next in the table: the order starts anew at the end.
    assert start_of(frame, "d") == "<think>00:05: near. So"
    assert start_of(frame, "c") == "<think>00:01: mine. So"


def test_traces_without_claims_are_not_lent() -> None:
    frame = traces(
        ("a", "v", "", "00:01: mine. So A.", 1),
        ("b", "w", "", None, 0),
        ("c", "x", "", "So C.", 1),
        ("d", "y", "", "no time in it. So D.", 0),
    )
    reason = start_of(frame, "a")
    assert isinstance(reason, RejectedRecord)
    assert reason.record == "a"
    assert start_of(frame, "b") == "<think>00:01: mine. So"


def test_borrowing_needs_traces() -> None:
    with pytest.raises(ValueError, match="needs the predictions"):
        forced_starts(traces(("a", "v", "", None, 0)), "other_trace", WORDING)
