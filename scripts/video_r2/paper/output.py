"""Exhibits written to the files that a rule asks for, each in the format of its ending."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from video_r2 import config
from video_r2.errors import UserError
from video_r2.files import replacing
from video_r2.paper import figures, layouts
from video_r2.paper.exhibits import Header
from video_r2.paper.tables import Sheet, to_html, to_latex, to_markdown

FIGURES = (".pdf", ".png", ".svg")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text under a temporary name and move it into place."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_sheet(paths: Iterable[str | Path], frame: pd.DataFrame, sheet: Sheet) -> None:
    """Write a table: to `.csv` the tidy frame in full precision, to `.md`, `.tex` and `.html` the sheet as laid out.

    Paths with the ending of a figure are passed over, so that a rule may give all its outputs.
    """
    for path in map(Path, paths):
        if path.suffix == ".csv":
            write_text(path, frame.to_csv(index=False))
        elif path.suffix == ".md":
            write_text(path, to_markdown(sheet))
        elif path.suffix == ".tex":
            write_text(path, to_latex(sheet, label=path.stem))
        elif path.suffix == ".html":
            write_text(path, to_html(sheet))
        elif path.suffix not in FIGURES:
            raise UserError(
                f"tables are not written as {path.suffix!r}", file=path, cure="use .csv, .md, .tex or .html"
            )


def write_heatmap(
    paths: Sequence[str | Path], cells: pd.DataFrame, header: Header, metric: str, settings: config.Figures
) -> None:
    """Draw one metric's cells as a heat map, and write its numbers as a table."""
    grid, groups = layouts.heatmap_grid(cells, header)
    with figures.style(settings):
        _write_figure(
            paths, figures.heatmap(grid, groups, layouts.METRIC_TITLES[metric], settings, "percent"), settings
        )
    write_sheet(paths, cells, layouts.heatmap_sheet(cells, header, metric))


def write_bars(paths: Sequence[str | Path], cells: pd.DataFrame, settings: config.Figures) -> None:
    """Draw TAC, VAS and accuracy as bars, and write their numbers as a table."""
    shown = layouts.bar_panels(cells)
    with figures.style(settings):
        _write_figure(paths, figures.bars(shown, settings), settings)
    write_sheet(paths, shown, layouts.bars_sheet(shown))


def write_boxplot(paths: Sequence[str | Path], boxes: pd.DataFrame, settings: config.Figures) -> None:
    """Draw the box plot of attention to video tokens, and write its numbers as a table.

    Args:
        boxes: a row per model, with the columns of `layouts.boxes_frame`.
    """
    names = [item.name for item in fields(figures.BoxStatistics)]
    drawn = {box["label"]: figures.BoxStatistics(*(box[name] for name in names)) for box in boxes.to_dict("records")}
    with figures.style(settings):
        _write_figure(paths, figures.boxplot(drawn, "attention to video tokens (%)", settings), settings)
    write_sheet(paths, boxes, layouts.boxes_sheet(boxes))


def write_curves(
    paths: Sequence[str | Path],
    points: pd.DataFrame,
    titles: Mapping[str, str],
    logarithmic: Collection[str],
    settings: config.Figures,
) -> None:
    """Draw training curves, and write their points as CSV where a path asks for it."""
    with figures.style(settings):
        _write_figure(paths, figures.curves(points, titles, logarithmic, settings), settings)
    for path in map(Path, paths):
        if path.suffix == ".csv":
            write_text(path, points.to_csv(index=False))


def _write_figure(paths: Iterable[str | Path], figure: Figure, settings: config.Figures) -> None:
    """Write a figure to those of the paths that have the ending of one."""
    figures.save(figure, [path for path in map(Path, paths) if path.suffix in FIGURES], settings)
