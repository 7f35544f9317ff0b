"""How benchmarks average, by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_r2.metrics.averages import MACRO, MICRO, aggregate, averaging_of


def scores(**categories: list[float | None]) -> pd.DataFrame:
    rows = [(category, score) for category, values in categories.items() for score in values]
    return pd.DataFrame(rows, columns=["category", "score"]).astype({"score": float})


UNEVEN = scores(a=[100, 0, 0, 0], b=[100])


@pytest.mark.parametrize("adapter", ["mvbench", "mlvu", "video_mmmu"])
def test_average_over_categories(adapter: str) -> None:
    assert aggregate(UNEVEN, averaging_of(adapter)) == pytest.approx((25 + 100) / 2)


@pytest.mark.parametrize("adapter", ["videomme", "tempcompass", "longvideobench", "mmvu", "minerva", "another"])
def test_average_over_questions(adapter: str) -> None:
    assert aggregate(UNEVEN, averaging_of(adapter)) == pytest.approx(200 / 5)


@pytest.mark.parametrize("metric", ["tac", "vas_judge", "vas_attention", "temporal_f1"])
def test_other_metrics_average_over_questions(metric: str) -> None:
    assert averaging_of("mvbench", metric) == MICRO


def test_directions_of_vsibench_are_one_type_of_eight_but_three_of_ten_as_released() -> None:
    table = scores(
        object_rel_direction_easy=[90],
        object_rel_direction_medium=[60],
        object_rel_direction_hard=[30, 30],
        object_counting=[20],
        route_planning=[10],
    )
    assert aggregate(table, averaging_of("vsibench")) == pytest.approx((60 + 20 + 10) / 3)
    released = averaging_of("vsibench", semantics="reference")
    assert aggregate(table, released) == pytest.approx((90 + 60 + 30 + 20 + 10) / 5)


def test_an_average_knows_the_parts_that_it_is_published_over() -> None:
    mvbench, vsibench = averaging_of("mvbench"), averaging_of("vsibench")
    tasks = [f"task {at}" for at in range(20)]
    assert (mvbench.lacks(tasks), mvbench.lacks(tasks[1:])) == (False, True)
    directions = [f"object_rel_direction_{level}" for level in ("easy", "medium", "hard")]
    types = [f"type {at}" for at in range(7)]
    # One direction is enough for the directions; as released they are three of ten types.
    assert (vsibench.lacks([*types, directions[0]]), vsibench.lacks(types)) == (False, True)
    assert averaging_of("vsibench", semantics="reference").lacks([*types, directions[0]])
    assert not averaging_of("minerva").lacks(["a"])


def test_missing_scores_are_left_out_and_nothing_is_nothing() -> None:
    assert aggregate(scores(a=[100, None], b=[None]), MACRO) == 100
    assert math.isnan(aggregate(scores(a=[None]), MICRO))
    assert math.isnan(aggregate(scores(), MACRO))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), min_size=1, max_size=12), st.randoms())
def test_average_lies_between_the_scores_and_knows_no_order(rows: list[tuple[str, float]], rng) -> None:
    table = pd.DataFrame(rows, columns=["category", "score"])
    turned = pd.DataFrame(rng.sample(rows, len(rows)), columns=["category", "score"])
    for averaging in (MICRO, MACRO):
        average = aggregate(table, averaging)
        assert table["score"].min() - 1e-9 <= average <= table["score"].max() + 1e-9
        assert aggregate(turned, averaging) == pytest.approx(average)
