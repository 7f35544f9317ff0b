"""What stops a training, and what does not."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from video_r2.config import Guards
from video_r2.errors import UserError
from video_r2.training.guards import EMPTY, NORM, VARIANCE, Guard

STATE = Path("results/a/state/train_grpo/0123/step-000000040")


def guard(**settings: float) -> Guard:
    return Guard(Guards.model_validate({"window": 5, **settings}), lambda: STATE)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["loss", "loss of see", NORM])
def test_a_figure_that_is_no_number_stops_at_once(name: str, value: float) -> None:
    watching = guard()
    watching.check(41, {name: 0.5})
    with pytest.raises(UserError) as stopped:
        watching.check(42, {name: value})
    assert str(stopped.value) == (
        f"training stopped at step 42: the {name} is {value}; last values 0.5, {value}; "
        f"the last good state is kept in {STATE} (cure: try a lower learning rate, or bf16: false; with another setting "
        "training begins anew, and that state serves to look into it)"
    )


def test_without_a_state_it_says_so() -> None:
    with pytest.raises(UserError, match="no state has been saved yet"):
        Guard(Guards(), lambda: None).check(1, {"loss": math.nan})


def test_an_exploding_loss_stops() -> None:
    # The median of 0.3, 0.4, 0.5, 0.6, 0.4 is 0.4; ten times that is 4.
    watching = guard(exploding_loss=10)
    for step, loss in enumerate([0.3, 0.4, 0.5, 0.6, 0.4], 1):
        watching.check(step, {"loss": loss})
    watching.check(6, {"loss": 3.99})
    # Now of 0.4, 0.5, 0.6, 0.4, 3.99: 0.5.
    with pytest.raises(
        UserError, match=r"at step 7: the loss is -5\.01, and was 0\.5 \(median of 5 steps\); last values"
    ):
        watching.check(7, {"loss": -5.01})


@pytest.mark.parametrize(
    "losses",
    [
        [6.0, 0.1, 0.1, 0.1, 6.0],  # too few to tell
        [0.01] * 9 + [1.9] * 3,  # large beside the others, and still a small loss
        [5.0] * 9 + [40.0] * 2 + [5.0] * 3,  # not ten times as large, and not for long
        [0.6] * 9 + [1.7] * 9,  # three times as large, and still small
        [5.0] * 9 + [14.9] * 9,  # not three times as large
    ],
)
def test_a_loss_that_has_not_exploded_does_not_stop(losses: list[float]) -> None:
    watching = guard(least_loss=2.0)
    for step, loss in enumerate(losses, 1):
        watching.check(step, {"loss": loss})


@pytest.mark.parametrize(
    ("losses", "step"),
    [
        # 11.5 is about the logarithm of Qwen's vocabulary: nothing is left of what was learnt. The third makes the median.
        ([1.3] * 30 + [11.5] * 500, 33),
        ([0.6] * 30 + [5.9] * 500, 33),
        # 4% more with every step: the median of five is the loss two steps before, 0.3 * 1.04**n > 2 at n = 49.
        ([0.3 * 1.04**n for n in range(100)], 1 + 49 + 2),
    ],
)
def test_a_loss_that_has_grown_and_stays_stops(losses: list[float], step: int) -> None:
    watching = guard()
    for at, loss in enumerate(losses[: step - 1], 1):
        watching.check(at, {"loss": loss})
    with pytest.raises(UserError, match=rf"at step {step}: the loss has grown to .* \(median of 5 steps\)"):
        watching.check(step, {"loss": losses[step - 1]})


def test_a_gradient_that_has_grown_and_stays_stops() -> None:
    watching = guard()
    for step in range(1, 30):
        watching.check(
            step, {"loss": 0.5, NORM: 1e9 if step in (10, 20) else 0.5}
        )  # scaled down, one step is not the end
    for step in (30, 31):
        watching.check(step, {"loss": 0.5, NORM: 101.0})
    with pytest.raises(UserError, match=r"at step 32: the gradient norm has grown to 101 from 0\.5 at its lowest"):
        watching.check(32, {"loss": 0.5, NORM: 101.0})


def test_a_kind_of_row_that_is_new_is_not_compared_with_the_others() -> None:
    watching = guard()
    for step in range(1, 20):
        watching.check(step, {"loss of echo": 0.01})
    for step in range(20, 40):
        watching.check(step, {"loss of echo": 0.01, "loss of see": 6.0})


def test_rewards_that_do_not_vary_for_steps_in_a_row_stop() -> None:
    watching = guard(steps_without_variance=4)
    for step, share in enumerate([1.0, 1.0, 1.0, 0.9, 1.0, 1.0, 1.0], 1):
        watching.check(step, {VARIANCE: share})
    with pytest.raises(UserError, match="at step 8: the rewards of no group have varied for 4 steps"):
        watching.check(8, {VARIANCE: 1.0})


def test_empty_completions_stop_when_they_are_many_over_the_window() -> None:
    # Of five steps, 0, 0, 1, 1 and 0.4 have a mean of 0.48; 0, 1, 1, 0.4 and 0.2 one of 0.52.
    watching = guard(empty_completions=0.5)
    for step, share in enumerate([0.0, 0.0, 1.0, 1.0, 0.4], 1):
        watching.check(step, {EMPTY: share})
    with pytest.raises(UserError, match="at step 6: 52% of the completions of 5 steps have no text"):
        watching.check(6, {EMPTY: 0.2})


def test_what_was_seen_before_an_interruption_counts() -> None:
    watching = guard(steps_without_variance=4)
    for _ in range(3):
        watching.remember({VARIANCE: 1.0})
    with pytest.raises(UserError, match="for 4 steps"):
        watching.check(4, {VARIANCE: 1.0})


@pytest.mark.parametrize("interrupted", range(1, 12))
def test_an_interruption_at_any_step_changes_nothing(interrupted: int) -> None:
    # The median of five steps falls to 1.0 and has grown to three times that at step 12.
    losses = [2.0, 1.0, 1.0, 1.0, 1.1, 1.3, 1.8, 2.4, 2.9, 3.1, 3.2, 3.3]
    before, after = (
        guard(exploding_loss=3, steps_without_variance=99),
        guard(exploding_loss=3, steps_without_variance=99),
    )
    for step, loss in enumerate(losses[:interrupted], 1):
        before.check(step, {"loss": loss, VARIANCE: 1.0})
    after.recall(json.loads(json.dumps(before.memory)))
    for step, loss in enumerate(losses[interrupted:-1], interrupted + 1):
        after.check(step, {"loss": loss, VARIANCE: 1.0})
    assert after.memory["without_variance"] == 11
    with pytest.raises(UserError, match="at step 12: the loss"):
        after.check(12, {"loss": losses[-1], VARIANCE: 1.0})


def test_curves_like_the_miniatures_do_not_stop() -> None:
    # docs/results.md: six of ten groups have rewards that do not vary, the loss is the divergence's and stays below 0.01;
    # the losses of SFT begin at 3 and fall to 0.1.
    rng = random.Random(0)
    watching = Guard(Guards(steps_without_variance=20), lambda: None)
    for step in range(1, 2000):
        alike = sum(rng.random() < 0.6 for _ in range(10)) / 10
        watching.check(
            step, {"loss": rng.uniform(-1e-3, 1e-2), NORM: rng.uniform(0.1, 30.0), VARIANCE: alike, EMPTY: 0.0}
        )
    watching = Guard(Guards(), lambda: None)
    for step in range(1, 500):
        watching.check(step, {"loss": 0.1 + 3 * 0.98**step * rng.uniform(0.7, 1.5), NORM: rng.uniform(0.1, 3.0)})
