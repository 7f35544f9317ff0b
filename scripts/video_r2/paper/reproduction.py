"""Published numbers beside computed ones, for the rows that mean the same."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from video_r2.paper.exhibits import AVERAGES, Study, rows_of, unlike_averages
from video_r2.paper.reported import Reported

PAIRS = [
    "exhibit",
    "label",
    "metric",
    "column",
    "published",
    "value",
    "low",
    "high",
    "published_step",
    "step",
    "agrees",
]


def beside_published(cells: pd.DataFrame, study: Study, reported: Reported) -> pd.DataFrame:
    """Pair published averages with computed ones.

    Rows of the ablation are paired by what they are made of and how they are asked, those of the main table and of the
    heat maps by their label. A step is the difference from the row before in the same column; that the experiments may
    differ in size is why the direction of steps is compared, and not only their values. Whether it agrees is left open where an
    average is over other benchmarks than the published one.

    Args:
        cells: computed cells of accuracy, tac and vas_judge.

    Returns:
        A frame with the columns of `PAIRS`; what is not known on one of the two sides is NaN.
    """
    found = [*_paired(cells, reported.ablation, _ablation_rows(study, reported), "Ablation")]
    by_label = {entry.label: name for name, entry in study.evaluations.items()}
    for exhibit, published in (("Main table", reported.main), ("TAC", reported.tac), ("VAS", reported.vas)):
        matches = {label: by_label[label] for label in dict.fromkeys(published["label"]) if label in by_label}
        found += _paired(cells, published, matches, exhibit)
    pairs = pd.DataFrame(found, columns=PAIRS).astype({"agrees": object})
    pairs.loc[pairs["column"].isin(unlike_averages(study.header, reported.header)), "agrees"] = None
    return pairs


def released_beside_published(cells: pd.DataFrame, reported: Reported) -> pd.DataFrame:
    """Pair every number of the released checkpoints with the one published under the same label.

    What the main table and the heat maps have is taken from there; the averages of other rows from the ablation.

    Args:
        cells: computed cells, with the columns of `exhibits.CELLS`.

    Returns:
        A frame with the columns `label`, `metric`, `column`, `published`, `value`, `low` and `high`, a row a computed cell;
        `published` is NaN where nothing was.
    """
    order = [reported.main, reported.tac, reported.vas, reported.ablation]
    known = pd.concat(order).drop_duplicates(["metric", "label", "column"])
    published = known[["metric", "label", "column", "value"]].rename(columns={"value": "published"})
    paired = cells.merge(published, how="left", on=["metric", "label", "column"])
    return paired[["label", "metric", "column", "published", "value", "low", "high"]]


def _ablation_rows(study: Study, reported: Reported) -> dict[str, str]:
    """Evaluations by the label of the published row that they stand for."""
    own: dict[tuple[frozenset[str], str], str] = {
        (frozenset(study.evaluations[name].components), study.evaluations[name].prompt): name
        for name in study.shown_in("ablation")
    }
    matches = {}
    for label, components in reported.components.items():
        traced = reported.ablation[(reported.ablation["label"] == label) & (reported.ablation["metric"] == "tac")]
        # consistency is published for exactly the rows that write a trace
        prompt = "think" if traced["value"].notna().any() else "direct"
        name = own.get((frozenset(components), prompt))
        if name is not None:
            matches[label] = name
    return matches


def _paired(
    cells: pd.DataFrame, published: pd.DataFrame, matches: dict[str, str], exhibit: str
) -> Iterator[dict[str, object]]:
    known = published.set_index(["metric", "column", "label"])["value"]
    computed = {(cell.metric, cell.column, cell.evaluation): cell for cell in rows_of(cells)}
    for metric in dict.fromkeys(published["metric"]):
        for column in AVERAGES:
            before = (math.nan, math.nan)
            for label, name in matches.items():
                cell = computed.get((metric, column, name))
                there = float(known.get((metric, column, label), math.nan))
                if cell is None or math.isnan(there) or math.isnan(cell.value):
                    continue
                steps = (there - before[0], cell.value - before[1])
                before = (there, cell.value)
                yield {
                    "exhibit": exhibit,
                    "label": label,
                    "metric": metric,
                    "column": column,
                    "published": there,
                    "value": cell.value,
                    "low": cell.low,
                    "high": cell.high,
                    "published_step": steps[0],
                    "step": steps[1],
                    "agrees": None if math.isnan(steps[0]) else bool(steps[0] * steps[1] > 0),
                }
