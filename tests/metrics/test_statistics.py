"""Bootstrap intervals: against a plain loop, against theory, paired and clustered."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from video_r2.metrics.averages import MACRO, MICRO, Averaging, aggregate, averaging_of
from video_r2.metrics.statistics import interval, on_common_questions, paired_difference, resample


def make(seed: int, videos: int = 30, per_video: int = 3, benchmark: str = "b", rate: float = 0.6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = videos * per_video
    return pd.DataFrame(
        {
            "benchmark": benchmark,
            "category": rng.choice(["x", "y"], rows),
            "video": np.repeat([f"v{at:03d}" for at in range(videos)], per_video),
            "score": 100.0 * (rng.random(rows) < rate),
        }
    )


@pytest.mark.parametrize("rule", [MICRO, MACRO])
def test_every_sample_is_the_average_of_the_videos_drawn(rule) -> None:
    """The same draws, averaged by a loop over whole tables."""
    scores = make(0)
    draws = resample(scores, rule, 20, seed=7)["b"].averages
    assert draws[0] == pytest.approx(aggregate(scores, rule))
    videos = sorted(scores["video"].unique())
    for sample, counts in zip(draws[1:], _counts(len(videos), 20, 7, "b"), strict=True):
        drawn = pd.concat(
            [scores[scores["video"] == video] for video, n in zip(videos, counts, strict=True) for _ in range(n)]
        )
        assert sample == pytest.approx(aggregate(drawn, rule))


def _counts(videos: int, samples: int, seed: int, benchmark: str) -> np.ndarray:
    rng = np.random.default_rng([seed, zlib.crc32(benchmark.encode())])
    return rng.multinomial(videos, [1 / videos] * videos, size=samples)


def test_width_agrees_with_theory_for_independent_questions() -> None:
    """One question a video: the interval is that of a proportion, 1.96 standard errors to each side."""
    scores = make(1, videos=400, per_video=1)
    found = interval(scores, samples=4000)
    share = found.mean / 100
    error = 100 * math.sqrt(share * (1 - share) / 400)
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.5)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.5)


def test_questions_that_share_videos_widen_the_interval() -> None:
    """Four equal answers a video: the interval is that of the videos, twice as wide as that of as many questions."""
    single = make(2, videos=200, per_video=1)
    clustered = pd.concat([single] * 4)
    alone = clustered.assign(video=[f"v{at}" for at in range(len(clustered))])
    wide, narrow = interval(clustered, samples=4000), interval(alone, samples=4000)
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(2, abs=0.2)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    covered = [
        found.low <= 60 <= found.high for found in (interval(make(seed, 60, 2), samples=300) for seed in range(100))
    ]
    assert 0.88 <= np.mean(covered) <= 1.0


def test_equal_scores_differ_by_exactly_nothing_and_shifted_ones_by_exactly_the_shift() -> None:
    scores = make(3)
    same = paired_difference(scores, scores.sample(frac=1, random_state=0))
    assert (same.mean, same.low, same.high) == pytest.approx((0, 0, 0), abs=1e-9)
    lifted = paired_difference(scores.assign(score=scores["score"] + 5), scores)
    assert (lifted.mean, lifted.low, lifted.high) == pytest.approx((5, 5, 5))


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    one = make(4, videos=100)
    other = one.copy()
    other.loc[other.index[:20], "score"] = 0.0
    paired = paired_difference(one, other)
    widths = [found.high - found.low for found in (interval(one), interval(other))]
    assert 0 < paired.high - paired.low < min(widths)
    assert paired.mean == pytest.approx(interval(one).mean - interval(other).mean)


def test_average_of_benchmarks_weighs_them_alike() -> None:
    scores = pd.concat([make(5, benchmark="large", videos=90), make(6, benchmark="small", videos=5)])
    rules = {"large": averaging_of("videomme"), "small": averaging_of("mvbench")}
    parts = [aggregate(scores[scores["benchmark"] == name], rules[name]) for name in rules]
    found = interval(scores, rules)
    assert found.mean == pytest.approx(np.mean(parts))
    assert found.low < found.mean < found.high
    assert interval(scores, rules, benchmarks=["small"]).mean == pytest.approx(parts[1])


def test_benchmark_without_scores_makes_the_average_missing() -> None:
    scores = make(7)
    assert math.isnan(interval(scores, benchmarks=["b", "absent"]).mean)
    assert interval(scores, benchmarks=["b", "absent"], by_question=True) == interval(scores)
    assert math.isnan(interval(scores, benchmarks=["absent"], by_question=True).mean)
    assert math.isnan(interval(scores.assign(score=np.nan)).mean)
    assert math.isnan(interval(scores.iloc[:0]).mean)
    assert math.isnan(paired_difference(scores, scores, benchmarks=["absent"]).low)


@pytest.mark.parametrize("rule", [MICRO, MACRO])
def test_benchmark_all_of_whose_scores_are_missing_is_missing(rule: Averaging) -> None:
    estimate = interval(make(0).assign(score=math.nan), rule, 10)
    assert all(math.isnan(value) for value in (estimate.mean, estimate.low, estimate.high))


def test_missing_scores_are_left_out_and_keep_the_pairing() -> None:
    scores = make(8)
    gaps = scores.copy()
    gaps.loc[gaps["video"] == "v000", "score"] = np.nan
    assert interval(gaps).mean == pytest.approx(gaps["score"].mean())
    rest = scores[scores["video"] != "v000"]
    assert paired_difference(gaps, scores).mean == pytest.approx(rest["score"].mean() - scores["score"].mean())


def test_what_one_of_two_has_no_score_for_counts_in_neither() -> None:
    """Equal answers of which some wrong ones are missing on one side are no difference."""
    scores = make(8)
    scores["id"] = [f"q{at}" for at in range(len(scores))]
    gaps = scores.copy()
    gaps.loc[gaps.index[gaps["score"] == 0][:7], "score"] = np.nan
    assert paired_difference(gaps, scores).mean > 1
    found = paired_difference(*on_common_questions(gaps, scores))
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)
    one, other = on_common_questions(gaps, scores.iloc[5:])
    assert list(one["id"]) == list(other["id"])
    assert len(one) == len(scores.iloc[5:]) - gaps["score"].iloc[5:].isna().sum()


def test_a_single_video_has_no_interval() -> None:
    one = make(8, videos=1, per_video=10)
    several = make(8, benchmark="c")
    found = interval(one)
    assert found.mean == pytest.approx(one["score"].mean())
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    both = pd.concat([one, several])
    assert math.isnan(interval(both).low)
    assert not math.isnan(interval(both, by_question=True).low)
    assert math.isnan(paired_difference(one, one.assign(score=0.0)).low)


def test_result_depends_on_nothing_but_the_scores_and_the_seed() -> None:
    scores = make(9)
    assert interval(scores) == interval(scores.sample(frac=1, random_state=1))
    assert interval(scores, seed=1) != interval(scores, seed=2)


def test_seeds_of_one_evaluation_are_averaged() -> None:
    one, other = make(10), make(11)
    assert interval(pd.concat([one, other])).mean == pytest.approx((one["score"].mean() + other["score"].mean()) / 2)
    with_ids = [rows.assign(id=[f"q{at}" for at in range(len(rows))]) for rows in (one, other)]
    both = pd.concat(with_ids)
    assert interval(both).mean == interval(pd.concat([one, other])).mean
    # What one seed has no score for is missing: pooled, the other's score would count as much as two.
    first = with_ids[0].assign(score=with_ids[0]["score"].mask(with_ids[0]["id"] == "q0"))
    rest = both[both["id"] != "q0"]
    assert interval(pd.concat([first, with_ids[1]])).mean == pytest.approx(rest["score"].mean())


def test_two_thousand_samples_take_less_than_forty_that_are_drawn_one_by_one() -> None:
    scores = pd.concat([make(at, 40, 3, f"b{at}") for at in range(11)])
    videos = {key: rows["score"] for key, rows in scores.groupby(["benchmark", "video"])}
    drawn = np.random.default_rng(0)

    def one_by_one() -> None:
        for _ in range(40):
            for benchmark in scores["benchmark"].unique():
                of_it = [rows for (name, _), rows in videos.items() if name == benchmark]
                pd.concat([of_it[at] for at in drawn.integers(0, len(of_it), len(of_it))]).mean()

    def seconds(do: Callable[[], object]) -> float:
        begun = time.process_time()
        do()
        return time.process_time() - begun

    ratios = [seconds(one_by_one) / seconds(lambda: interval(scores, MACRO, samples=2000)) for _ in range(3)]
    assert sorted(ratios)[1] > 1
