"""All rewards of a batch, with the rule judge, and with judges that count or fail."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from loopback import Server, question_of

from video_r2.config import RewardWeights, TemporalAlignment
from video_r2.judge.base import Judge, Verdict
from video_r2.judge.cascade import CascadeJudge
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
    return model(completions, ["B"] * n, ["choice"] * n, [OPTIONS] * n, [GROUNDING] * n, ["What colour?"] * n)


def test_by_hand() -> None:
    found = reward(RewardWeights(accuracy=1, format=0.5, temporal_alignment=2, gate=True), RuleJudge(), ALL)
    assert found["accuracy"] == [1, 1, 1, 0]
    assert found["format"] == [1, 1, 1, 0]
    assert found["f1"] == found["temporal_alignment"] == [1, 1, 0, 0]
    assert found["consistency"] == found["gate"] == [1, 0, 1, 0]
    assert found["total"] == [3.5, 1.5, 1.5, 0]


def test_the_question_says_what_a_bare_number_stands_for() -> None:
    model = RewardModel(RewardWeights(), TemporalAlignment(), RuleJudge(), "corrected", zero_embedding)
    completion = "<think>It takes two minutes.</think><answer>2 minutes</answer>"
    questions = ["How many seconds does it take?", "How many minutes does it take?"]
    found = model([completion] * 2, ["120", "120"], ["number"] * 2, [[]] * 2, [{}] * 2, questions)
    assert found["accuracy"] == [1, 0]


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

    def __init__(self, failing: str = "") -> None:
        super().__init__()
        self.failing = failing
        self.verdicts: list[Verdict] = []
        self.traces: list[str] = []

    def claims_of(self, thinks: Sequence[str]) -> list:
        self.traces += thinks
        return [None] * len(thinks) if self.failing == "claims" else super().claims_of(thinks)

    def consistency_of(self, verdicts: Sequence[Verdict]) -> list[bool | None]:
        self.verdicts += verdicts
        return [None] * len(verdicts) if self.failing == "consistency" else super().consistency_of(verdicts)


def test_paid_judge_is_asked_only_where_it_matters() -> None:
    judge = PaidJudge()
    found = reward(RewardWeights(temporal_alignment=1, gate=True), judge, ALL)
    assert len(judge.traces) == 2  # no time in the third trace, no closed trace in the fourth
    assert len(judge.verdicts) == 2  # alignment is 0 in the others
    assert found["total"] == [3, 2, 2, 0]

    # What the rules cannot read, somebody else may.
    odd = PaidJudge()
    reward(RewardWeights(temporal_alignment=1), odd, ["<think>At sixteen seconds a dog.</think><answer>B</answer>"])
    assert len(odd.traces) == 1

    idle = PaidJudge()
    found = reward(RewardWeights(), idle, ALL)
    assert idle.asked == 0
    assert all(math.isnan(value) for value in found["f1"])
    assert found["total"] == [2, 2, 2, 0]


def test_nothing_is_extracted_where_the_gate_is_closed_anyway() -> None:
    without_answer = f"<think>{CLAIMS} So the answer is blue, option B.</think>"
    judge = PaidJudge()
    found = reward(RewardWeights(temporal_alignment=1, gate=True), judge, [without_answer, GOOD])
    assert len(judge.traces) == 1
    assert math.isnan(found["f1"][0])
    assert found["total"] == [0, 3]
    # Without the gate the claims count.
    assert reward(RewardWeights(temporal_alignment=1), PaidJudge(), [without_answer])["total"] == [1]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def of_a_batch(server: Server, judge: Judge) -> list[str]:
    """The prompts that a batch of rollouts is asked by, of which half claim nothing that fits."""
    claimed = [{"time": time, "text": text} for time, text in GROUNDING.items()]

    # Nobody is answered before all have asked.
    all_have_asked = {"claims": threading.Barrier(12), "consistency": threading.Barrier(6)}

    def answer(request: dict, number: int) -> object:
        all_have_asked[request["response_format"]["json_schema"]["name"]].wait(timeout=30)
        trace = question_of(request)["trace"]
        return {"claims": claimed if "red circle" in trace else [], "consistent": True}

    server.behaviour = answer
    fitting = [f"<think>Rollout {n}. {CLAIMS} Blue, I think.</think><answer>B</answer>" for n in range(6)]
    empty = [f"<think>Rollout {n}. At 00:04 nothing.</think><answer>B</answer>" for n in range(6)]
    without_time = [f"<think>It is {word}. Blue, I think.</think><answer>B</answer>" for word in "abc"]
    found = reward(RewardWeights(temporal_alignment=1, gate=True), judge, [*fitting, *empty, *without_time, BROKEN])
    assert found["total"] == [3] * 6 + [2] * 9 + [0]
    server.behaviour = lambda request, number: {"claims": claimed, "consistent": True}
    return [request["response_format"]["json_schema"]["name"] for request in server.requests]


def test_requests_of_a_batch_are_few_and_in_flight_together(server: Server) -> None:
    asked = of_a_batch(server, server.judge(concurrency=32, timeout=60))
    # The trace without a time is not asked about, the gate only where alignment is above 0.
    assert asked == ["claims"] * 12 + ["consistency"] * 6


def test_a_cascade_asks_no_more(server: Server) -> None:
    asked = of_a_batch(server, CascadeJudge(server.judge(concurrency=32, timeout=60)))
    assert asked == ["claims"] * 12 + ["consistency"] * 6
    # Where the conclusion is plain the gate needs no model.
    before = len(server.requests)
    plain = f"<think>{CLAIMS} So the answer is blue (B).</think><answer>B</answer>"
    judge = CascadeJudge(server.judge())
    assert reward(RewardWeights(temporal_alignment=1, gate=True), judge, [plain])["total"] == [3]
    assert len(server.requests) == before + 1


@pytest.mark.parametrize(("failing", "gate"), [("consistency", True), ("claims", True), ("claims", False)])
def test_a_total_that_hangs_on_what_is_missing_is_not_a_number(failing: str, gate: bool) -> None:
    weights = RewardWeights(temporal_alignment=1, gate=gate)
    found = reward(weights, PaidJudge(failing=failing), [GOOD, WITHOUT_CLAIMS, BROKEN])
    assert math.isnan(found["total"][0])
    assert found["total"][1:] == [2.0, 0.0]  # nothing is claimed, or nothing answered
    assert math.isnan(found["consistency"][0])
    assert math.isnan(found["gate"][0]) or not gate
    assert math.isnan(found["temporal_alignment"][0]) == (failing == "claims")
    released = reward(weights, PaidJudge(failing=failing), [GOOD], "reference")
    assert released["total"] == [2.0]  # a failure is a reward of 0 there


def test_order_of_completions_does_not_matter() -> None:
    weights = RewardWeights(temporal_alignment=1, gate=True)
    forward, backward = reward(weights, RuleJudge(), ALL), reward(weights, RuleJudge(), ALL[::-1])
    assert {name: values[::-1] for name, values in backward.items()} == forward
