"""All rewards of a batch, with the rule judge, and with judges that count or fail."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from video_r2.config import RewardWeights, TemporalAlignment
from video_r2.judge.base import Judge, Verdict
from video_r2.judge.rules import RuleJudge
from video_r2.rewards.combined import RewardModel

OPTIONS = ["red", "blue", "green", "white"]
GROUNDING = {"00:00-00:04": "a red circle with 3, rising", "00:04-00:08": "a blue cross with 2, resting"}
CLAIMS = "00:00-00:04: a red circle with 3, rising. 00:04-00:08: a blue cross with 2, resting."
GOOD = f"<think>{CLAIMS} So the answer is blue, option B.</think><answer>B</answer>"
CONTRADICTING = f"<think>{CLAIMS} So the answer is red, option A.</think><answer>B</answer>"
WITHOUT_CLAIMS = "<think>So the answer is blue, option B.</think><answer>B</answer>"
BROKEN = f"<think>{CLAIMS} So the answer is blue, option B."
ALL = [GOOD, CONTRADICTING, WITHOUT_CLAIMS, BROKEN]


def zero_embedding(sentences: Sequence[str]) -> np.ndarray:
    return np.zeros((len(sentences), 2))


def reward(weights: RewardWeights, judge: Judge, completions: Sequence[str], semantics: str = "corrected") -> dict:
    model = RewardModel(weights, TemporalAlignment(), judge, semantics, zero_embedding)
    n = len(completions)
    return model(completions, ["B"] * n, ["choice"] * n, [OPTIONS] * n, [GROUNDING] * n)


def test_by_hand() -> None:
    found = reward(RewardWeights(accuracy=1, format=0.5, temporal_alignment=2, gate=True), RuleJudge(), ALL)
    assert found["accuracy"] == [1, 1, 1, 0]
    assert found["format"] == [1, 1, 1, 0]
    assert found["f1"] == found["temporal_alignment"] == [1, 1, 0, 0]
    assert found["consistency"] == found["gate"] == [1, 0, 1, 0]
    assert found["total"] == [3.5, 1.5, 1.5, 0]


def test_without_gate_and_alignment_both_are_logged_but_do_not_count() -> None:
    found = reward(RewardWeights(), RuleJudge(), ALL)
    assert found["gate"] == [1, 1, 1, 1]
    assert found["consistency"] == [1, 0, 1, 0]
    assert found["f1"] == [1, 1, 0, 0]
    assert found["total"] == [2, 2, 2, 0]


def test_reference_rewards_precision() -> None:
    half = "<think>00:00-00:04: a red circle with 3, rising. So B.</think><answer>B</answer>"
    weights = RewardWeights(accuracy=0, format=0, temporal_alignment=1)
    assert reward(weights, RuleJudge(), [half], "reference")["total"] == [1.0]
    assert reward(weights, RuleJudge(), [half])["total"] == [pytest.approx(2 / 3)]


class PaidJudge(RuleJudge):
    """A rule judge that costs something, remembers what it was asked, and may fail."""

    free = False

    def __init__(self, failing: bool = False) -> None:
        super().__init__()
        self.failing = failing
        self.verdicts: list[Verdict] = []
        self.traces: list[str] = []

    def claims_of(self, thinks: Sequence[str]) -> list:
        self.traces += thinks
        return super().claims_of(thinks)

    def consistency_of(self, verdicts: Sequence[Verdict]) -> list[bool | None]:
        self.verdicts += verdicts
        return [None] * len(verdicts) if self.failing else super().consistency_of(verdicts)


def test_paid_judge_is_asked_only_where_it_matters() -> None:
    judge = PaidJudge()
    found = reward(RewardWeights(temporal_alignment=1, gate=True), judge, ALL)
    assert len(judge.traces) == 2  # no time in the third trace, no closed trace in the fourth
    assert len(judge.verdicts) == 2  # alignment is 0 in the others
    assert found["total"] == [3, 2, 2, 0]

    idle = PaidJudge()
    found = reward(RewardWeights(), idle, ALL)
    assert idle.asked == 0
    assert all(math.isnan(value) for value in found["f1"])
    assert found["total"] == [2, 2, 2, 0]


def test_verdict_that_is_missing_is_not_a_number_and_earns_no_alignment() -> None:
    found = reward(RewardWeights(temporal_alignment=1, gate=True), PaidJudge(failing=True), [GOOD])
    assert math.isnan(found["consistency"][0])
    assert found["total"] == [2.0]


def test_order_of_completions_does_not_matter() -> None:
    weights = RewardWeights(temporal_alignment=1, gate=True)
    forward, backward = reward(weights, RuleJudge(), ALL), reward(weights, RuleJudge(), ALL[::-1])
    assert {name: values[::-1] for name, values in backward.items()} == forward
