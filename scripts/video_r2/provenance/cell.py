"""A cell of a table: what it tells of, and what of the table's chain it is made of."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_r2.errors import UserError
from video_r2.paper.exhibits import AVERAGES, HELDOUT, LOOKS, RESPONSES, VALIDATION
from video_r2.provenance.chain import inside
from video_r2.provenance.record import Record, read

Line = Mapping[str, str]
ROWS = ("evaluation", "label", "claim", "file")  # what a row can be called by
COLUMNS = ("column", "quantity")  # what a column can be called by, besides the names at the head of the table
COMPARING = ("step", "difference", "gained", "lost", "mcnemar")  # how those begin that compare a row with another one


@dataclass(frozen=True)
class Cell:
    """A row and a column of a table. Where one of the following is empty, the table does not say.

    Attributes:
        table: the table's CSV file.
        row, column: what it is called by.
        evaluations: names in the configuration.
        models: those whose training is shown.
        stages: names of the files of rejected records.
        benchmarks: those that the number is made of.
        metrics: folders of scores that the number is made of.
        values: the lines of the CSV file that tell of it, each by the names of its columns.
    """

    table: str
    row: str
    column: str
    evaluations: frozenset[str]
    models: frozenset[str]
    stages: frozenset[str]
    benchmarks: tuple[str, ...]
    metrics: frozenset[str]
    values: tuple[Line, ...]

    def follow(self, record: Record, path: str) -> bool:
        """Whether an input of a job has to do with the cell: another row's or another benchmark's has not."""
        of_the_table = record.output == self.table
        of_several = "evaluation" not in record.wildcards  # other jobs have inputs of their own evaluation alone
        match inside(path):
            case ("scores", metric, evaluation, _, file) if of_several:
                return self._is_of(evaluation, Path(file).stem) and _may(metric, self.metrics)
            case ("predictions", evaluation, _, file) if of_several:
                return self._is_of(evaluation, Path(file).stem)
            case ("predictions", _, _, file) | ("data", "questions", file):
                return _may(Path(file).stem, self.benchmarks)
            case ("raw", "benchmarks", benchmark):
                return _may(benchmark, self.benchmarks)
            case ("models", model, _) if of_the_table:
                return _may(model, self.models)
            case ("data", "rejected", file) if of_the_table:
                return _may(Path(file).stem, self.stages)
        return True

    def _is_of(self, evaluation: str, benchmark: str) -> bool:
        return _may(evaluation, self.evaluations) and _may(benchmark, self.benchmarks)


def _may(name: str, names: Iterable[str]) -> bool:
    """Whether a name is one of `names`, or these are not known."""
    known = {*names}
    return not known or name in known


def find_cell(path: str, row: str, column: str) -> Cell:
    """The cell of a table.

    Args:
        path: the table, in any of its formats, or a figure that has a table of the same name.
        row: what stands at its beginning: name or label of an evaluation or a model, a claim, a file.
        column: name or label of a benchmark, or name of an average (generic, reasoning, overall, ...) or a quantity, or
            what stands at the head of a column of the CSV file.

    Raises:
        UserError: if there is no such cell, or several rows have that label.
    """
    table = str(Path(path).parents[1] / "tables" / f"{Path(path).stem}.csv")
    record = read(table)
    if record is None:
        raise UserError("has no record of how it came about", file=table, cure="give a table that the workflow made")
    evaluations, benchmarks, labels = (
        record.settings.get(name, {}) for name in ("evaluations", "benchmarks", "labels")
    )
    lines = _lines(table)
    own = _own_lines(row, lines, {name: entry["label"] for name, entry in evaluations.items()} | labels, table)

    names = {entry["label"].lower(): benchmark for benchmark, entry in benchmarks.items()}
    wanted = names.get(column.lower(), column)
    shown = [line for line in own if wanted in (line.get(name) for name in COLUMNS)]
    head = next((name for name in lines[0] if not shown and name.lower() == column.lower()), None)
    if not shown and head is None:
        told = [line[name] for line in own for name in COLUMNS if name in line] or lines[0]
        raise UserError(
            f"has no column {column!r}", file=table, record=row, cure=f"choose from {', '.join(dict.fromkeys(told))}"
        )
    shown = shown or own
    compared = "claim" in lines[0] or (head or "").startswith(COMPARING)
    of = {line["evaluation"] for line in shown if "evaluation" in line}
    of |= {line["against"] for line in shown if compared and line.get("against")}
    shown_labels = {line["label"] for line in shown if "label" in line}
    if not of:
        of = {name for name, entry in evaluations.items() if entry["label"] in shown_labels}
    columns = {line.get("column", RESPONSES) for line in shown} if evaluations else set()
    return Cell(
        table=table,
        row=row,
        column=head or wanted,
        evaluations=frozenset(of & evaluations.keys()),
        models=frozenset(model for model, label in labels.items() if label in shown_labels),
        stages=frozenset(line["stage"] for line in shown if "stage" in line),
        benchmarks=tuple(dict.fromkeys(name for each in sorted(columns) for name in _members(each, benchmarks))),
        metrics=frozenset(_folder(line["metric"]) for line in shown if line.get("metric")),
        values=tuple(shown),
    )


def _lines(table: str) -> list[dict[str, str]]:
    try:
        with open(table, encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", file=table) from error
    if not lines:
        raise UserError("has no rows", file=table, cure="leave --cell out")
    return lines


def _own_lines(row: str, lines: Sequence[Line], labels: Mapping[str, str], table: str) -> list[Line]:
    """The lines of the row that is called `row`, by what stands in it or by the name of what has its label."""
    for name in ROWS:
        own = [line for line in lines if line.get(name, "").lower() == row.lower()]
        several = {line["evaluation"] for line in own if "evaluation" in line}
        if name == "label" and len(several) > 1:
            raise UserError(f"has several rows {row!r}", file=table, cure=f"give a name: {', '.join(sorted(several))}")
        if own:
            return own
    own = [line for line in lines if row in labels and line.get("label") == labels[row] and "evaluation" not in line]
    if not own:
        rows = dict.fromkeys(line[name] for line in lines for name in ROWS if line.get(name))
        raise UserError(f"has no row {row!r}", file=table, cure=f"choose from {', '.join(rows)}")
    return own


def _members(column: str, benchmarks: Mapping[str, Any]) -> tuple[str, ...]:
    """The benchmarks that a column is about, as `exhibits.cells` has them."""
    groups = {name: entry["group"] for name, entry in benchmarks.items()}
    if column in ("generic", "reasoning", HELDOUT, VALIDATION) and column not in benchmarks:
        return tuple(name for name, group in groups.items() if group == column)
    if column in (*AVERAGES, *LOOKS, RESPONSES):
        return tuple(name for name, group in groups.items() if group in ("generic", "reasoning"))
    return (column,)


def _folder(metric: str) -> str:
    """The folder of a metric's scores."""
    return "temporal_alignment" if metric.startswith("temporal_") else metric
