"""McNemar's test: do two models on one benchmark differ by more than chance?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy.stats import binom


@dataclass(frozen=True)
class Comparison:
    """Two models on the same questions.

    Attributes:
        gained: questions on which the one scores higher.
        lost: questions on which the other does.
        p: probability of a split at least as uneven, if either way is as likely; NaN where no question was scored for
            both.
    """

    gained: int
    lost: int
    p: float


def exact_p(gained: int, lost: int) -> float:
    """Two-sided p of McNemar's exact test: of n differing questions, how many fall to one side is binomial(n, 1/2).

    Exact also for many differing questions, where textbooks turn to chi-squared for want of a computer.
    """
    return min(1.0, 2 * float(binom.cdf(min(gained, lost), gained + lost, 0.5)))


def compare(one: pd.DataFrame, other: pd.DataFrame) -> Comparison:
    """Compare the scores of two models on one benchmark, question by question.

    A question with scores between 0 and 100 (VSI-Bench's numbers) counts for the higher one, as in a sign test. The test
    takes questions as independent, which questions about one video are not quite: the interval of the paired
    difference, clustered by video, does not.

    Args:
        one: columns `id`, `seed` and `score` (null where missing). Of several seeds the first counts: answers to one
            question under several seeds are no independent questions.
        other: the same, of the other model.
    """
    first, second = (_of_first_seed(frame) for frame in (one, other))
    both = first.index.intersection(second.index)
    if both.empty:
        return Comparison(0, 0, math.nan)
    steps = first[both] - second[both]
    gained, lost = int((steps > 0).sum()), int((steps < 0).sum())
    return Comparison(gained, lost, exact_p(gained, lost))


def _of_first_seed(scores: pd.DataFrame) -> pd.Series:
    chosen = scores[scores["seed"] == scores["seed"].min()].dropna(subset="score")
    return chosen.set_index("id")["score"].astype(float)
