"""The published figures (`reported.yaml`), read into the same frames that computed scores are read into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from video_r2.errors import UserError
from video_r2.files import read_yaml
from video_r2.paper.exhibits import AVERAGES, CELLS, Header
from video_r2.paper.figures import BoxStatistics

REPORTED = Path(__file__).with_name("reported.yaml")
COMPONENTS = ("sft", "grpo", "tar", "gate")
_SECTIONS = (
    "benchmarks",
    "table_main",
    "heatmap_tac",
    "heatmap_vas",
    "table_ablation",
    "figure_bars",
    "figure_boxplot",
    "leaderboard",
)


@dataclass(frozen=True)
class Reported:
    """What was published, by exhibit.

    Frames have the columns of `exhibits.CELLS`; values are percentages and intervals are NaN, as none were published.
    """

    header: Header
    main: pd.DataFrame
    tac: pd.DataFrame
    vas: pd.DataFrame
    ablation: pd.DataFrame
    components: dict[str, list[str]]
    bars: pd.DataFrame
    boxes: dict[str, BoxStatistics]
    leaderboard: dict[str, float]


def read_reported(path: str | Path = REPORTED) -> Reported:
    """Read the published figures.

    Raises:
        UserError: if a section is missing, or holds another number of values than there are benchmarks.
    """
    raw = read_yaml(path)
    if absent := [name for name in _SECTIONS if name not in raw]:
        raise UserError(f"sections are missing: {', '.join(absent)}", file=path)
    names = raw["benchmarks"]
    header = Header(labels=dict(names["labels"]), generic=list(names["generic"]), reasoning=list(names["reasoning"]))
    return Reported(
        header=header,
        main=_main(raw["table_main"], header, path),
        tac=_heatmap(raw["heatmap_tac"], "tac", header, path),
        vas=_heatmap(raw["heatmap_vas"], "vas_judge", header, path),
        ablation=_ablation(raw["table_ablation"]),
        components={
            label: [name for name in COMPONENTS if entry[name]] for label, entry in raw["table_ablation"].items()
        },
        bars=_bars(raw["figure_bars"]),
        boxes={
            label: BoxStatistics(**{k: float(v) for k, v in e.items()}) for label, e in raw["figure_boxplot"].items()
        },
        leaderboard={name: float(value) for name, value in raw["leaderboard"].items()},
    )


def _main(raw: Mapping[str, Any], header: Header, path: str | Path) -> pd.DataFrame:
    rows = []
    for family, models in raw.items():
        for label, entry in models.items():
            columns = [*header.generic, *header.reasoning, *AVERAGES]
            values = [
                *entry["generic"],
                *entry["reasoning"],
                entry["avg_generic"],
                entry["avg_reasoning"],
                entry["avg_overall"],
            ]
            rows += _cells("accuracy", label, columns, values, path, family=family)
    return _frame(rows)


def _heatmap(raw: Mapping[str, Any], metric: str, header: Header, path: str | Path) -> pd.DataFrame:
    columns = [*header.generic, *header.reasoning, "overall"]
    rows = []
    for label, entry in raw.items():
        rows += _cells(metric, label, columns, [*entry["values"], entry["overall"]], path)
    return _frame(rows)


def _ablation(raw: Mapping[str, Any]) -> pd.DataFrame:
    rows = []
    for label, entry in raw.items():
        for name, metric in (("accuracy", "accuracy"), ("tac", "tac"), ("vas", "vas_judge")):
            rows += _cells(metric, label, AVERAGES, entry[name] or [None] * len(AVERAGES), label)
    return _frame(rows)


def _bars(raw: Mapping[str, Any]) -> pd.DataFrame:
    rows = []
    for column in ("reasoning", "overall"):
        for name, metric in (("tac", "tac"), ("vas", "vas_judge"), ("accuracy", "accuracy")):
            for label, value in zip(raw["models"], raw[column][name], strict=True):
                rows += _cells(metric, label, [column], [value], label)
    return _frame(rows)


def _cells(
    metric: str,
    label: str,
    columns: Sequence[str],
    values: Sequence[float | None],
    path: str | Path,
    family: str = "reasoning",
) -> list[dict[str, Any]]:
    if len(columns) != len(values):
        raise UserError(f"has {len(values)} values for {len(columns)} columns", file=path, record=label)
    shared = {"metric": metric, "evaluation": label, "label": label, "family": family}
    return [{**shared, "column": column, "value": value} for column, value in zip(columns, values, strict=True)]


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows).reindex(columns=CELLS)
    return frame.astype({"value": float, "low": float, "high": float, "sd": float})
