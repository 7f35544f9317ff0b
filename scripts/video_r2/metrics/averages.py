"""How each benchmark turns the scores of its questions into its one figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from video_r2.config import Semantics


@dataclass(frozen=True)
class Averaging:
    """A rule of averaging.

    Attributes:
        macro: average within each category first, then over the categories; else over all questions alike.
        merged: categories that are averaged together, each with the same weight, before they count as one.
        parts: over how many the published average is; None where it is over questions.
    """

    macro: bool = False
    merged: Mapping[str, str] = field(default_factory=dict)
    parts: int | None = None

    def parts_of(self, categories: Iterable[str]) -> set[str]:
        """What an average over questions of these categories is over."""
        return {self.merged.get(category, category) for category in categories}

    def lacks(self, categories: Iterable[str]) -> bool:
        """Whether questions of these categories lack a part of the published average."""
        return self.parts is not None and len(self.parts_of(categories)) < self.parts

    def average(self, sums: np.ndarray, counts: np.ndarray, categories: Sequence[str]) -> np.ndarray:
        """Average from the sums and counts of categories; a category without questions is left out.

        Args:
            sums: … x C, sums of the scores of each category.
            counts: … x C, how many scores each sum is of.
            categories: names of the C categories.

        Returns:
            The averages, of shape …; NaN where there is no score at all.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            if not self.macro:
                return np.asarray(sums.sum(axis=-1) / counts.sum(axis=-1))
            present = (counts > 0).astype(float)
            means = np.where(counts > 0, sums / counts, 0.0)
            parents = [self.merged.get(category, category) for category in categories]
            names = sorted(set(parents))
            # The shape is said for the sake of no categories, which would be a vector of nothing.
            membership = np.array([[parent == name for name in names] for parent in parents], dtype=float)
            membership = membership.reshape(len(parents), len(names))
            members = present @ membership
            merged = np.where(members > 0, (means @ membership) / members, 0.0)
            return np.asarray(merged.sum(axis=-1) / (members > 0).sum(axis=-1))


MICRO = Averaging()
MACRO = Averaging(macro=True)
_DIRECTIONS = {f"object_rel_direction_{level}": "object_rel_direction" for level in ("easy", "medium", "hard")}

# By adapter; a benchmark that is not listed averages over its questions. Sources: the release's lmms-eval tasks and,
# for VSI-Bench, its authors' definition of eight types.
ACCURACY_AVERAGES: dict[str, Averaging] = {
    "mvbench": Averaging(macro=True, parts=20),  # configurations
    "mlvu": Averaging(macro=True, parts=7),  # types
    "video_mmmu": Averaging(macro=True, parts=3),  # tracks
    "vsibench": Averaging(macro=True, merged=_DIRECTIONS, parts=8),  # types, the directions being one
}
# The released post-processing of VSI-Bench takes the three directions as three types of ten.
RELEASED_ACCURACY_AVERAGES: dict[str, Averaging] = {**ACCURACY_AVERAGES, "vsibench": Averaging(macro=True, parts=10)}


def averaging_of(adapter: str, metric: str = "accuracy", semantics: Semantics = "corrected") -> Averaging:
    """The rule by which a benchmark averages a metric; any metric but accuracy is averaged over questions."""
    if metric != "accuracy":
        return MICRO
    table = RELEASED_ACCURACY_AVERAGES if semantics == "reference" else ACCURACY_AVERAGES
    return table.get(adapter, MICRO)


def is_averaged_by_question(metric: str, semantics: Semantics) -> bool:
    """Whether a metric's averages over benchmarks give each question, rather than each benchmark, the same weight.

    The release averages the judge's VAS over all questions of whatever benchmarks ran.
    """
    return metric == "vas_judge" and semantics == "reference"


def aggregate(scores: pd.DataFrame, averaging: Averaging) -> float:
    """Average the scores of one benchmark.

    Args:
        scores: columns `category` and `score` (0 to 100, null where missing), one row a question; missing ones are
            left out.

    Returns:
        0 to 100; NaN if there is no score.
    """
    present = scores.dropna(subset="score")
    by_category = present.groupby("category", sort=True)["score"].agg(["sum", "count"])
    sums, counts = by_category["sum"].to_numpy(float), by_category["count"].to_numpy(float)
    return float(averaging.average(sums, counts, list(by_category.index)))
