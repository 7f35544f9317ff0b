"""Which published averages follow from the published cells, and which do not."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from video_r2.paper.exhibits import AVERAGES, rows_of
from video_r2.paper.reported import Reported
from video_r2.paper.tables import Block, Column, Row, Sheet

# Published values have one decimal: each is off by up to 0.05, and so is a mean of them. The bars are read off an axis.
ROUNDING = 0.05
READING = 0.2
_SLACK = 1e-9

AUDIT = [
    "exhibit",
    "model",
    "metric",
    "column",
    "published",
    "expected",
    "difference",
    "tolerance",
    "source",
    "verdict",
]


def audit(reported: Reported) -> pd.DataFrame:
    """Hold every published average, and every number published twice, against what the other numbers give.

    Returns:
        A row per check, with the columns of `AUDIT`. `verdict` is `follows` where the expected value rounds to the
        published one, `within rounding` where rounding of the cells can explain the difference, else `does not follow`.
    """
    checks = [
        *_averages(reported.main, "main table", reported),
        *_averages(reported.tac, "TAC heat map", reported),
        *_averages(reported.vas, "VAS heat map", reported),
        *_ablation_overall(reported),
        *_ablation_elsewhere(reported),
        *_bars(reported),
        *_leaderboard(reported),
    ]
    return pd.DataFrame(checks, columns=AUDIT)


def failures(checks: pd.DataFrame) -> pd.DataFrame:
    """The checks whose published value does not follow."""
    return checks[checks["verdict"] == "does not follow"].reset_index(drop=True)


def audit_sheet(checks: pd.DataFrame) -> Sheet:
    """The checks that fail, as a table."""
    rows = [
        Row(
            f"{check.exhibit}: {check.model}",
            {
                "metric": check.metric,
                "column": check.column,
                "published": f"{check.published:g}",
                "expected": check.expected,
                "difference": f"{check.difference:+.2f}".replace("-", "−"),
                "source": check.source,
            },
        )
        for check in rows_of(failures(checks))
    ]
    counts = checks["verdict"].value_counts()
    columns = [
        Column("metric", "metric"),
        Column("column", "column"),
        Column("published", "published"),
        Column("expected", "expected", decimals=2),
        Column("difference", "difference"),
        Column("source", "expected from"),
    ]
    notes = (
        f"{len(checks)} checks: {counts.get('follows', 0)} follow, {counts.get('within rounding', 0)} differ by no "
        f"more than rounding can explain, {counts.get('does not follow', 0)} do not follow and are listed."
    )
    return Sheet(
        "Published numbers that do not follow from the published cells", "number", columns, [Block("", rows)], notes
    )


def _averages(cells: pd.DataFrame, exhibit: str, reported: Reported) -> Iterable[list[object]]:
    members = _members(reported)
    for (metric, label), values in _by_model(cells).items():
        for column in members:
            if column in values:
                expected = _mean(values, members[column])
                yield _check(
                    exhibit, label, metric, column, values[column], expected, 2 * ROUNDING, "mean of its cells"
                )


def _ablation_overall(reported: Reported) -> Iterable[list[object]]:
    generic, reasoning = len(reported.header.generic), len(reported.header.reasoning)
    for (metric, label), values in _by_model(reported.ablation).items():
        expected = (generic * values["generic"] + reasoning * values["reasoning"]) / (generic + reasoning)
        source = f"({generic} generic + {reasoning} reasoning) / {generic + reasoning}"
        yield _check("ablation", label, metric, "overall", values["overall"], expected, 2 * ROUNDING, source)


def _ablation_elsewhere(reported: Reported) -> Iterable[list[object]]:
    """The ablation's first row is the main table's Qwen2.5-VL, its last Video-R2 of the table and both heat maps."""
    labels = list(reported.components)
    ablation, main = _by_model(reported.ablation), _by_model(reported.main)
    for label, model in ((labels[0], "Qwen2.5-VL"), (labels[-1], "Video-R2")):
        for column, value in ablation["accuracy", label].items():
            expected = main["accuracy", model][column]
            yield _check("ablation", label, "accuracy", column, value, expected, 0.0, f"main table, {model}")
    members = _members(reported)
    for metric, cells, name in (("tac", reported.tac, "TAC"), ("vas_judge", reported.vas, "VAS")):
        heat = _by_model(cells)[metric, "Video-R2"]
        for column, value in ablation[metric, labels[-1]].items():
            expected = _mean(heat, members[column])
            source = f"mean of {name} heat map, Video-R2"
            yield _check("ablation", labels[-1], metric, column, value, expected, 2 * ROUNDING, source)


def _bars(reported: Reported) -> Iterable[list[object]]:
    members = _members(reported)
    cells = {**_by_model(reported.main), **_by_model(reported.tac), **_by_model(reported.vas)}
    names = {"accuracy": "main table", "tac": "TAC heat map", "vas_judge": "VAS heat map"}
    for (metric, label), values in _by_model(reported.bars).items():
        for column, value in values.items():
            expected = _mean(cells[metric, label], members[column])
            source = f"mean of {names[metric]}"
            yield _check("bar chart", label, metric, column, value, expected, READING + 2 * ROUNDING, source)


def _leaderboard(reported: Reported) -> Iterable[list[object]]:
    cells = _by_model(reported.main)["accuracy", "Video-R2"]
    for name, value in reported.leaderboard.items():
        label = reported.header.labels[name]
        yield _check("leaderboard", "Video-R2", "accuracy", label, value, cells[name], ROUNDING, "main table")


def _check(
    exhibit: str, model: str, metric: str, column: str, published: float, expected: float, tolerance: float, source: str
) -> list[object]:
    """Judge one published value.

    Args:
        tolerance: largest difference that rounding (and reading off an axis) can explain.
    """
    difference = published - expected
    if abs(difference) > tolerance + _SLACK:
        verdict = "does not follow"
    elif abs(difference) > ROUNDING + _SLACK:
        verdict = "within rounding"
    else:
        verdict = "follows"
    return [exhibit, model, metric, column, published, expected, difference, tolerance, source, verdict]


def _by_model(cells: pd.DataFrame) -> dict[tuple[str, str], dict[str, float]]:
    """Published values by column, by metric and model; those that were not published left out."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for cell in rows_of(cells.dropna(subset="value")):
        found.setdefault((cell.metric, cell.label), {})[cell.column] = cell.value
    return found


def _members(reported: Reported) -> dict[str, list[str]]:
    return {average: reported.header.members(average) for average in AVERAGES}


def _mean(values: dict[str, float], names: list[str]) -> float:
    return sum(values[name] for name in names) / len(names)
