"""McNemar's test against probabilities worked out by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.metrics.mcnemar import Comparison, compare, exact_p


def scores(*values: float | None, seed: int = 0) -> pd.DataFrame:
    rows = [(f"q{at}", seed, value) for at, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["id", "seed", "score"]).astype({"score": float})


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [
        # Both tails of ten tosses with at most one head: 2 (1 + 10) / 1024.
        (9, 1, 22 / 1024),
        (1, 9, 22 / 1024),
        (5, 0, 2 / 32),
        (6, 0, 2 / 64),
        # 2 (1 + 5 + 10) / 32 is all there is.
        (3, 2, 1.0),
        (4, 4, 1.0),
        (0, 0, 1.0),
        (1, 0, 1.0),
        # 2 (1 + 8 + 28) / 256
        (6, 2, 74 / 256),
    ],
)
def test_p_by_hand(gained: int, lost: int, p: float) -> None:
    assert exact_p(gained, lost) == pytest.approx(p)


def test_p_of_many_questions_is_near_the_normal_approximation() -> None:
    """60 of 100, with the correction for continuity: z = (60 - 50 - 0.5) / 5 = 1.9, two-sided 0.0574."""
    assert exact_p(60, 40) == pytest.approx(math.erfc(1.9 / math.sqrt(2)), abs=0.001)


def test_questions_that_both_answer_alike_do_not_count() -> None:
    one = scores(100, 100, 100, 100, 100, 0, 0, 100)
    other = scores(0, 0, 0, 0, 0, 0, 0, 100)
    assert compare(one, other) == Comparison(5, 0, pytest.approx(2 / 32))
    assert compare(other, one) == Comparison(0, 5, pytest.approx(2 / 32))


def test_what_one_of_them_has_no_score_for_does_not_count() -> None:
    assert compare(scores(100, None, 100), scores(0, 0, None)) == Comparison(1, 0, 1.0)
    assert compare(scores(100, 100), scores(0)) == Comparison(1, 0, 1.0)
    nothing = compare(scores(100), scores(None))
    assert (nothing.gained, nothing.lost) == (0, 0)
    assert math.isnan(nothing.p)


def test_of_several_seeds_the_first_counts() -> None:
    one = pd.concat([scores(0, 0, seed=2), scores(100, 100, seed=1)])
    assert compare(one, scores(0, 0, seed=0)) == Comparison(2, 0, 0.5)


def test_the_higher_of_two_graded_scores_is_ahead() -> None:
    assert compare(scores(40, 90), scores(30, 100)) == Comparison(1, 1, 1.0)


@given(st.integers(0, 200), st.integers(0, 200))
def test_p_is_a_probability_that_knows_no_sides_and_falls_with_the_split(gained: int, lost: int) -> None:
    p = exact_p(gained, lost)
    assert 0 < p <= 1
    assert p == exact_p(lost, gained)
    if gained >= lost:
        assert exact_p(gained + 1, lost) <= p + 1e-12
