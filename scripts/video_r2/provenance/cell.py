"""A cell of a table: which evaluation on which benchmarks it tells of, and what of the table's chain it is made of."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_r2.errors import UserError
from video_r2.paper.exhibits import AVERAGES, HELDOUT, LOOKS, RESPONSES, VALIDATION
from video_r2.provenance.chain import inside
from video_r2.provenance.record import Record, read


@dataclass(frozen=True)
class Cell:
    """A row and a column of a table.

    Attributes:
        table: the table's CSV file.
        evaluation: name in the configuration.
        label: the row's.
        column: a benchmark's name, or an average's.
        benchmarks: those that the number is made of.
        metrics: folders of scores that the number is made of; empty if the table does not say.
        values: the lines of the CSV file that tell of it, each by the names of its columns.
    """

    table: str
    evaluation: str
    label: str
    column: str
    benchmarks: tuple[str, ...]
    metrics: frozenset[str]
    values: tuple[Mapping[str, str], ...]

    def follow(self, record: Record, path: str) -> bool:
        """Whether an input of a job has to do with the cell: another row's or another benchmark's has not."""
        parts = inside(path)
        if not parts:
            return True
        of_the_table = record.output == self.table
        match parts:
            case ("scores", metric, evaluation, _, file) if of_the_table:
                wanted = evaluation == self.evaluation and (not self.metrics or metric in self.metrics)
                return wanted and Path(file).stem in self.benchmarks
            case ("predictions", evaluation, _, file):
                return (not of_the_table or evaluation == self.evaluation) and Path(file).stem in self.benchmarks
            case ("data", "questions", file):
                return Path(file).stem in self.benchmarks
            case ("raw", "benchmarks", benchmark):
                return benchmark in self.benchmarks
        return True


def find_cell(path: str, row: str, column: str) -> Cell:
    """The cell of a table.

    Args:
        path: the table, in any of its formats, or a figure that has a table of the same name.
        row: name or label of an evaluation.
        column: name or label of a benchmark, or name of an average: generic, reasoning, overall, ...

    Raises:
        UserError: if there is no such cell, or several rows have that label.
    """
    table = str(Path(path).parents[1] / "tables" / f"{Path(path).stem}.csv")
    record = read(table)
    if record is None:
        raise UserError("has no record of how it came about", file=table, cure="give a table that the workflow made")
    evaluations, benchmarks = (record.settings.get(name, {}) for name in ("evaluations", "benchmarks"))
    lines = _lines(table)
    if not evaluations or not lines or "label" not in lines[0]:
        raise UserError("has no rows of evaluations", file=table, cure="leave --cell out")
    lines = [line | {"column": line.get("column", RESPONSES)} for line in lines]
    name = _evaluation(row, evaluations, lines, table)
    label = evaluations[name]["label"]
    own = [line for line in lines if line.get("evaluation", name) == name and line["label"] == label]
    names = {entry["label"].lower(): benchmark for benchmark, entry in benchmarks.items()}
    wanted = names.get(column.lower(), column)
    shown = tuple(line for line in own if line["column"] == wanted)
    if not shown:
        known = ", ".join(dict.fromkeys(line["column"] for line in own))
        raise UserError(f"has no column {column!r}", file=table, record=label, cure=f"choose from {known}")
    metrics = frozenset(_folder(line["metric"]) for line in shown if line.get("metric"))
    return Cell(table, name, label, wanted, _members(wanted, benchmarks), metrics, shown)


def _lines(table: str) -> list[dict[str, str]]:
    try:
        with open(table, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", file=table) from error


def _evaluation(row: str, evaluations: Mapping[str, Any], lines: list[dict[str, str]], table: str) -> str:
    """Name of the evaluation that is called `row`, by its name or by its label."""
    shown = {line["label"] for line in lines}
    if row in evaluations and evaluations[row]["label"] in shown:
        return row
    named = {line["evaluation"] for line in lines if "evaluation" in line}
    fitting = [
        name
        for name, entry in evaluations.items()
        if entry["label"].lower() == row.lower() and entry["label"] in shown and (not named or name in named)
    ]
    if len(fitting) > 1:
        raise UserError(f"has several rows {row!r}", file=table, cure=f"give a name: {', '.join(fitting)}")
    if not fitting:
        rows = ", ".join(name for name, entry in evaluations.items() if entry["label"] in shown)
        raise UserError(f"has no row {row!r}", file=table, cure=f"choose from {rows}")
    return fitting[0]


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
