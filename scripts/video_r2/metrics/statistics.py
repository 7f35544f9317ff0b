"""Confidence intervals by the bootstrap, clustered by video because questions share videos."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from video_r2.metrics.averages import MICRO, Averaging

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95% interval, in the unit of the scores; NaN where there is nothing to average."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Draws:
    """A benchmark in every bootstrap sample, the first of them being the scores as they are: averages, numbers of scores."""

    averages: np.ndarray
    counts: np.ndarray


def interval(
    scores: pd.DataFrame,
    averaging: Mapping[str, Averaging] | Averaging = MICRO,
    samples: int = 2000,
    seed: int = 0,
    benchmarks: Sequence[str] | None = None,
    by_question: bool = False,
) -> Estimate:
    """Average scores over benchmarks, with a bootstrap interval.

    Args:
        scores: columns `benchmark`, `category`, `video` and `score` (null where missing). Several seeds of one
            evaluation may stand together: by the column `id` a question then counts once, with the mean of its scores, and is
            missing where one of them is.
        averaging: how each benchmark averages, or one rule for all.
        samples: bootstrap samples. In each, as many videos of a benchmark are drawn with replacement as it has.
        seed: of the drawing; it depends on nothing but this, the benchmark's name and its number of videos.
        benchmarks: those to average over; by default all that occur.
        by_question: give each question the same weight, of whatever benchmarks have scores; else each benchmark.

    Returns:
        NaN if a benchmark has no score: an average over the others would be another figure. The ends are NaN if a benchmark
        (by question: all together) has a single video, which every sample would be made of.
    """
    names = list(benchmarks) if benchmarks is not None else sorted(scores["benchmark"].unique())
    videos = _videos([scores])
    draws = resample(scores, averaging, samples, seed, videos)
    return _estimate(_mean_over(draws, names, by_question), _vary(videos, names, by_question))


def paired_difference(
    one: pd.DataFrame,
    other: pd.DataFrame,
    averaging: Mapping[str, Averaging] | Averaging = MICRO,
    samples: int = 2000,
    seed: int = 0,
    benchmarks: Sequence[str] | None = None,
    other_averaging: Mapping[str, Averaging] | Averaging | None = None,
    by_question: tuple[bool, bool] = (False, False),
) -> Estimate:
    """Difference of two averages, `one` minus `other`, with the interval of the paired difference.

    Both are averaged over the same drawn videos in every sample; arguments as for `interval`.

    Args:
        other_averaging: how each benchmark of `other` is averaged, if not as those of `one` are.
        by_question: whether each question of the one, and of the other, has the same weight; else each benchmark.
    """
    frames, rules = [one, other], [averaging, averaging if other_averaging is None else other_averaging]
    names = list(benchmarks) if benchmarks is not None else sorted({*one["benchmark"], *other["benchmark"]})
    videos = _videos(frames)
    first, second = (
        _mean_over(resample(frame, rule, samples, seed, videos), names, alike)
        for frame, rule, alike in zip(frames, rules, by_question, strict=True)
    )
    return _estimate(first - second, _vary(videos, names, all(by_question)))


def on_common_questions(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both whose questions have a score in every row of both: what can be compared question by question.

    Args:
        one: scores with the columns `benchmark`, `id` and `score`, of one or several seeds.
        other: the same.
    """
    frames = one, other
    asked = [pd.MultiIndex.from_frame(frame[["benchmark", "id"]]) for frame in frames]
    unscored = [index[frame["score"].isna().to_numpy(bool)] for index, frame in zip(asked, frames, strict=True)]
    common = asked[0].intersection(asked[1]).difference(unscored[0]).difference(unscored[1])
    first, second = (frame[index.isin(common)] for index, frame in zip(asked, frames, strict=True))
    return first, second


def resample(
    scores: pd.DataFrame,
    averaging: Mapping[str, Averaging] | Averaging,
    samples: int,
    seed: int,
    videos: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Draws]:
    """Average each benchmark in every bootstrap sample.

    Returns:
        By benchmark, `samples` + 1 averages. Two sets of scores are drawn alike if they are given the same `videos` (by
        default those that occur, also with missing scores).
    """
    videos = videos if videos is not None else _videos([scores])
    draws = {}
    for benchmark, rows in _questions_of(scores).groupby("benchmark", sort=True):
        name = str(benchmark)
        rule = averaging if isinstance(averaging, Averaging) else averaging.get(name, MICRO)
        draws[name] = _resampled(rows, rule, _weights(len(videos[name]), samples, seed, name), videos[name])
    return draws


def _questions_of(scores: pd.DataFrame) -> pd.DataFrame:
    """One row for each question that several seeds have asked, where scores are missing; else the rows do as well."""
    question = [name for name in ("evaluation", "benchmark", "id") if name in scores]
    if "id" not in scores or not scores["score"].isna().any() or not scores.duplicated(question).any():
        return scores
    keys, found = [scores[name] for name in question], scores["score"].astype(float)
    means = found.groupby(keys).mean().mask(found.isna().groupby(keys).any())
    return scores.drop_duplicates(question).drop(columns="score").join(means, on=question)


def _resampled(rows: pd.DataFrame, rule: Averaging, weights: np.ndarray, videos: Sequence[str]) -> Draws:
    present = rows.dropna(subset="score")
    place = {video: at for at, video in enumerate(videos)}
    categories = sorted(present["category"].unique())
    column = {category: at for at, category in enumerate(categories)}
    at = (present["video"].map(place).to_numpy(int), present["category"].map(column).to_numpy(int))
    sums, counts = (np.zeros((len(videos), len(categories))) for _ in range(2))
    np.add.at(sums, at, present["score"].to_numpy(float))
    np.add.at(counts, at, 1.0)
    drawn = weights @ counts
    return Draws(rule.average(weights @ sums, drawn, categories), drawn.sum(axis=-1))


@lru_cache(maxsize=64)
def _weights(videos: int, samples: int, seed: int, benchmark: str) -> np.ndarray:
    """How often each video counts in each sample: (samples + 1) x videos, the first row all ones."""
    rng = np.random.default_rng([seed, zlib.crc32(benchmark.encode())])
    drawn = rng.multinomial(videos, np.full(videos, 1 / videos), size=samples)
    return np.vstack([np.ones((1, videos)), drawn]).astype(float)


def _videos(frames: Sequence[pd.DataFrame]) -> dict[str, list[str]]:
    pairs = pd.concat([frame[["benchmark", "video"]] for frame in frames]).drop_duplicates()
    return {str(benchmark): sorted(rows["video"]) for benchmark, rows in pairs.groupby("benchmark")}


def _mean_over(draws: Mapping[str, Draws], benchmarks: Sequence[str], by_question: bool) -> np.ndarray:
    present = [draws[name] for name in benchmarks if name in draws]
    if not present or (len(present) < len(benchmarks) and not by_question):
        return np.full(1, math.nan)
    averages = np.array([drawn.averages for drawn in present])
    if not by_question:
        return np.asarray(averages.mean(axis=0))
    counts = np.array([drawn.counts for drawn in present])
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(counts > 0, averages * counts, 0.0).sum(axis=0) / counts.sum(axis=0))


def _vary(videos: Mapping[str, Sequence[str]], benchmarks: Sequence[str], by_question: bool) -> bool:
    """Whether samples differ, so that an interval can be taken of them."""
    numbers = [len(videos[name]) for name in benchmarks if name in videos]
    return (sum(numbers) if by_question else min(numbers, default=0)) > 1


def _estimate(draws: np.ndarray, vary: bool) -> Estimate:
    mean, sampled = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
    if math.isnan(mean) or not sampled.size or not vary:
        return Estimate(mean, math.nan, math.nan)
    low, high = np.quantile(sampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(mean, float(low), float(high))
