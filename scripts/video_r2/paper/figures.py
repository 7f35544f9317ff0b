"""Figures of the exhibits: heat maps, bars, box plots and curves, the same bytes from run to run."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import blended_transform_factory

from video_r2 import config
from video_r2.errors import UserError
from video_r2.files import replacing
from video_r2.paper.tables import DASH, emphasis, format_value

# What a file would otherwise carry of the hour at which it was drawn.
_METADATA: dict[str, dict[str, Any]] = {
    ".pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}
_INK = "0.15"
BOX_WIDTH = 0.55  # of the distance between boxes


@dataclass(frozen=True)
class BoxStatistics:
    """A box of a box plot: quartiles, whiskers (the last value within 1.5 interquartile ranges) and mean."""

    mean: float
    q1: float
    median: float
    q3: float
    whisker_low: float
    whisker_high: float


@contextmanager
def style(settings: config.Figures) -> Iterator[None]:
    """Draw with the configured look."""
    size = settings.font_size
    look = {
        **sns.axes_style("whitegrid"),
        "font.family": "DejaVu Sans",
        "font.size": size,
        "axes.titlesize": size + 1,
        "axes.titleweight": "bold",
        "axes.labelsize": size,
        "xtick.labelsize": size - 1,
        "ytick.labelsize": size - 1,
        "legend.fontsize": size - 1,
        "figure.dpi": 100,
        "svg.hashsalt": "video-r2",
        "pdf.fonttype": 42,
        "axes.edgecolor": "0.6",
        "grid.color": "0.9",
    }
    with plt.rc_context(look):
        yield
    plt.close("all")


def save(figure: Figure, paths: Iterable[str | Path], settings: config.Figures) -> None:
    """Write the figure to every path, in the format of its ending (.pdf, .png or .svg)."""
    for path in map(Path, paths):
        if path.suffix not in _METADATA:
            raise UserError(f"figures are not drawn as {path.suffix!r}", file=path, cure="use .pdf, .png or .svg")
        with replacing(path) as temporary:
            figure.savefig(
                temporary,
                format=path.suffix[1:],
                dpi=settings.dpi,
                metadata=_METADATA[path.suffix],
                bbox_inches="tight",
                pad_inches=0.05,
            )


def heatmap(
    values: pd.DataFrame, groups: Mapping[str, Sequence[str]], title: str, settings: config.Figures, unit: str
) -> Figure:
    """Models x benchmarks, with dividing lines between groups of columns and the best of each column framed.

    Args:
        values: one row per model, one column per heading, 0 to 100; NaN is missing and shown as a dash.
        groups: columns by group heading, in the order of `values`; an empty heading is not written.
        unit: what the colour bar says.
    """
    rows, columns = values.shape
    letter = 0.0085 * settings.font_size  # inches, about the width of one
    side = letter * max((len(str(label)) for label in values.index), default=0)
    below = letter * max((len(str(head)) for head in values.columns), default=0)
    figure, axes = plt.subplots(
        figsize=(1.4 + side + 0.72 * columns, 1.2 + 0.6 * below + 0.42 * rows), layout="constrained"
    )
    marks = np.array([emphasis(values[column].tolist(), 1) for column in values.columns]).reshape(columns, rows).T
    texts = np.array([[format_value(value) for value in row] for row in values.to_numpy(dtype=float)]).reshape(
        rows, columns
    )
    low, high = _colour_range(values)
    axes.set_facecolor("0.94")
    axes.grid(visible=False)
    sns.heatmap(
        values.astype(float),
        ax=axes,
        cmap=settings.heatmap,
        vmin=low,
        vmax=high,
        annot=texts,
        fmt="",
        annot_kws={"fontsize": settings.font_size - 0.5},
        linewidths=0.8,
        linecolor="white",
        cbar_kws={"label": unit, "pad": 0.015, "aspect": 25},
        # seaborn would try them upright first, for which a long label leaves no room
        xticklabels=False,
        yticklabels=False,
    )
    axes.set_xticks(np.arange(columns) + 0.5, values.columns, rotation=32, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(rows) + 0.5, values.index, rotation=0)
    _mark_cells(axes, values, marks)
    start = 0
    for heading, members in groups.items():
        if start:
            axes.axvline(start, color=_INK, linewidth=2.2, clip_on=False)
        if heading:
            above = blended_transform_factory(axes.transData, axes.transAxes)
            axes.text(
                start + len(members) / 2, 1.03, heading, transform=above, ha="center", va="bottom", fontweight="bold"
            )
        start += len(members)
    axes.set_title(title, pad=10 + 1.9 * settings.font_size)
    axes.set(xlabel="", ylabel="")
    axes.tick_params(length=0)
    return figure


def bars(cells: pd.DataFrame, settings: config.Figures) -> Figure:
    """Bars of every model: one row of panels per average, one column per metric; the best one's gain over the second.

    Args:
        cells: columns `row` and `panel` (headings of the rows and columns of panels), `label` (model), `value`, `low`,
            `high` (0 to 100; low and high NaN where there is no interval).
    """
    rows, panels = _in_order(cells["row"]), _in_order(cells["panel"])
    labels = _in_order(cells["label"])
    colours = dict(zip(labels, sns.color_palette(settings.palette, len(labels)), strict=True))
    figure, grid = plt.subplots(
        len(rows),
        len(panels),
        figsize=((0.55 * len(labels) + 0.9) * len(panels), 2.7 * len(rows) + 0.3),
        squeeze=False,
        layout="constrained",
    )
    # One metric is cut alike in every row of panels.
    floors = {panel: _floor(cells[cells["panel"] == panel]) for panel in panels}
    for row, line in zip(rows, grid, strict=True):
        for panel, axes in zip(panels, line, strict=True):
            shown = cells[(cells["row"] == row) & (cells["panel"] == panel)].set_index("label").reindex(labels)
            _bar_panel(axes, shown, floors[panel], colours, settings)
            axes.set_title(f"{panel}, {row}")
            if axes is line[0]:
                axes.set_ylabel("percent")
    handles = [Rectangle((0, 0), 1, 1, color=colours[label]) for label in labels]
    figure.legend(handles, labels, loc="outside lower center", ncols=_legend_columns(labels, figure), frameon=False)
    return figure


def boxplot(boxes: Mapping[str, BoxStatistics], axis: str, settings: config.Figures) -> Figure:
    """A box per model, with its median as a line and its mean as a diamond that is labelled.

    Args:
        boxes: statistics by label, drawn from left to right.
        axis: what the vertical axis says.
    """
    labels = list(boxes)
    colours = sns.color_palette(settings.palette, len(labels))
    figure, axes = plt.subplots(figsize=(1.2 + 1.15 * len(labels), 3.4), layout="constrained")
    drawn = axes.bxp(
        [
            {
                "mean": box.mean,
                "q1": box.q1,
                "med": box.median,
                "q3": box.q3,
                "whislo": box.whisker_low,
                "whishi": box.whisker_high,
                "label": label,
            }
            for label, box in boxes.items()
        ],
        showmeans=True,
        showfliers=False,
        patch_artist=True,
        widths=BOX_WIDTH,
        medianprops={"color": _INK, "linewidth": 1.6},
        meanprops={"marker": "D", "markerfacecolor": "white", "markeredgecolor": _INK, "markersize": 6},
        whiskerprops={"color": _INK},
        capprops={"color": _INK},
    )
    for patch, colour in zip(drawn["boxes"], colours, strict=True):
        patch.set(facecolor=colour, alpha=0.75, edgecolor=_INK)
    for place, box in enumerate(boxes.values(), start=1):
        axes.annotate(
            format_value(box.mean),
            (place + BOX_WIDTH / 2, box.mean),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=settings.font_size - 1,
            fontweight="bold",
        )
    axes.set_ylabel(axis)
    axes.set_ylim(bottom=0)
    axes.set_xlim(0.5, len(labels) + 0.5 + BOX_WIDTH / 2)  # room for the last mean
    axes.grid(axis="x", visible=False)
    if max(map(len, labels), default=0) * len(labels) > 12 * len(labels):
        plt.setp(axes.get_xticklabels(), rotation=25, ha="right", rotation_mode="anchor")
    return figure


def curves(
    points: pd.DataFrame,
    titles: Mapping[str, str],
    logarithmic: Collection[str],
    settings: config.Figures,
) -> Figure:
    """Training curves: one panel per quantity, one line per run, smoothed; the points themselves stand faint behind.

    Args:
        points: columns `quantity`, `label` (run), `seed`, `step`, `value`.
        titles: heading of each quantity's panel; quantities without points get none.
        logarithmic: quantities whose axis is, since a single step may be many times the others.
    """
    quantities = [name for name in titles if (points["quantity"] == name).any()]
    labels = _in_order(points["label"])
    colours = dict(zip(labels, sns.color_palette(settings.palette, len(labels)), strict=True))
    wide = min(3, max(1, len(quantities)))
    deep = max(1, math.ceil(len(quantities) / wide))
    figure, grid = plt.subplots(deep, wide, figsize=(3.1 * wide, 2.3 * deep + 0.4), squeeze=False, layout="constrained")
    for axes, quantity in zip(grid.flat, quantities, strict=False):
        of_quantity = points[points["quantity"] == quantity]
        for (label, _), run in of_quantity.groupby(["label", "seed"], sort=False):
            run = run.sort_values("step")
            smooth = run["value"].rolling(settings.smoothing, min_periods=1, center=True).mean()
            colour = colours[str(label)]
            axes.plot(run["step"], run["value"], color=colour, alpha=0.18, linewidth=0.7)
            axes.plot(run["step"], smooth, color=colour, linewidth=1.6)
        axes.set_title(titles[quantity])
        axes.set_xlabel("step")
        if quantity in logarithmic and (of_quantity["value"] > 0).any():
            axes.set_yscale("log")
    for axes in list(grid.flat)[len(quantities) :]:
        axes.set_visible(False)
    handles = [plt.Line2D([], [], color=colours[label], linewidth=2) for label in labels]
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=_legend_columns(labels, figure), frameon=False)
    return figure


def box_statistics(values: Sequence[float] | np.ndarray) -> BoxStatistics:
    """Quartiles, whiskers and mean of values that are not missing.

    Raises:
        UserError: if there are none.
    """
    present = np.asarray(values, dtype=float)
    present = present[~np.isnan(present)]
    if present.size == 0:
        raise UserError("a box plot needs at least one score that is not missing")
    q1, median, q3 = np.percentile(present, [25, 50, 75])
    reach = 1.5 * (q3 - q1)
    inside = present[(present >= q1 - reach) & (present <= q3 + reach)]
    return BoxStatistics(
        float(present.mean()), float(q1), float(median), float(q3), float(inside.min()), float(inside.max())
    )


def _mark_cells(axes: Axes, values: pd.DataFrame, marks: np.ndarray) -> None:
    texts, numbers = iter(axes.texts[:]), values.to_numpy(dtype=float)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            if math.isnan(numbers[row, column]):
                # seaborn writes nothing where it draws nothing; a gap has to be told from a forgotten cell
                axes.text(column + 0.5, row + 0.5, DASH, ha="center", va="center", color="0.4")
                continue
            text = next(texts)
            if marks[row, column] == "bold":
                text.set_fontweight("bold")
                frame = Rectangle(
                    (column + 0.05, row + 0.06), 0.9, 0.88, fill=False, edgecolor="crimson", linewidth=1.8
                )
                axes.add_patch(frame)


def _colour_range(values: pd.DataFrame) -> tuple[float, float]:
    present = values.to_numpy(dtype=float)
    present = present[~np.isnan(present)]
    if present.size == 0:
        return 0.0, 100.0
    low, high = math.floor(present.min() / 10) * 10.0, math.ceil(present.max() / 10) * 10.0
    return low, high if high > low else low + 10.0


def _floor(shown: pd.DataFrame) -> float:
    """Where the axis of bars begins: above 0, which exaggerates differences, only where the lowest bar is far from it."""
    ends = shown[["value", "low"]].to_numpy(dtype=float)
    lowest = float(ends[~np.isnan(ends)].min(initial=100.0))
    return math.floor(0.08 * lowest) * 10.0 if lowest > 40 else 0.0


def _bar_panel(
    axes: Axes, shown: pd.DataFrame, floor: float, colours: Mapping[str, Any], settings: config.Figures
) -> None:
    places, labels = np.arange(len(shown)), shown.index.to_numpy()
    values = shown["value"].to_numpy(dtype=float)
    low, high = (shown[name].to_numpy(dtype=float) for name in ("low", "high"))
    present = ~np.isnan(values)
    axes.bar(places[present], values[present], color=[colours[label] for label in labels[present]], width=0.78)
    known = present & ~np.isnan(low) & ~np.isnan(high)
    if known.any():
        reach = np.clip(np.vstack([values - low, high - values])[:, known], 0.0, None)
        axes.errorbar(places[known], values[known], yerr=reach, fmt="none", ecolor=_INK, elinewidth=0.9, capsize=2.5)
    tops = np.where(known, high, values)
    if present.any():
        highest = float(np.nanmax(tops))
        axes.set_ylim(floor, highest + 0.30 * (highest - floor))
        room = 0.02 * (axes.get_ylim()[1] - floor)
    else:
        axes.set_ylim(0, 100)
        floor, room = 0.0, 2.0
    for place in places:
        if present[place]:
            text, at = format_value(values[place]), tops[place] + room
        else:
            text, at = DASH, floor + room
        axes.text(float(place), at, text, ha="center", va="bottom", fontsize=settings.font_size - 2)
    _annotate_gain(axes, values, tops, settings)
    axes.set_xticks([])
    axes.set_xlim(-0.6, len(shown) - 0.4)
    limits = axes.get_ylim()
    # The room above 100 is for the gain alone.
    axes.set_yticks([tick for tick in axes.get_yticks() if limits[0] <= tick <= min(limits[1], 100.0)])
    axes.grid(axis="x", visible=False)
    sns.despine(ax=axes)


def _annotate_gain(axes: Axes, values: np.ndarray, tops: np.ndarray, settings: config.Figures) -> None:
    if np.count_nonzero(~np.isnan(values)) < 2:
        return
    order = np.argsort(np.where(np.isnan(values), -np.inf, values), kind="stable")[::-1]
    best, second = order[0], order[1]
    axes.annotate(
        f"+{values[best] - values[second]:.1f}",
        (best, tops[best]),
        xytext=(0, 1.5 * settings.font_size),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontweight="bold",
        fontsize=settings.font_size,
        color="crimson",
    )


def _legend_columns(labels: Sequence[str], figure: Figure) -> int:
    width = 0.085 * max((len(label) for label in labels), default=1) + 0.6
    return max(1, min(len(labels), int(figure.get_size_inches()[0] / width)))


def _in_order(values: pd.Series) -> list[str]:
    return list(dict.fromkeys(values))
