"""Pages of the report that are not exhibits of the paper: sample answers beside their frames, and rejected records."""

from __future__ import annotations

import base64
import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from video_r2.errors import UserError
from video_r2.paper.exhibits import rows_of
from video_r2.paper.tables import Block, Column, Row, Sheet, to_page

REJECTED = ["stage", "file", "record", "reason", "cure"]
SHOW_REJECTED = 200
OFTEN = 5  # reasons in the notes that many records share, so many:
MANY = 10


def samples_page(
    samples: pd.DataFrame,
    predictions: pd.DataFrame,
    scores: pd.DataFrame,
    labels: dict[str, str],
    benchmarks: dict[str, str],
) -> str:
    """An HTML page of sample questions: frames of the video, the question, and every model's response to it.

    Args:
        samples: the questions shown, in their order; columns of `records.SAMPLE`.
        predictions: columns of `records.PREDICTION`, of one seed.
        scores: accuracy, columns of `records.SCORE`, of the same seed.
        labels: evaluations in the order shown, with their names.
        benchmarks: benchmarks with their names.
    """
    points = {
        (row.benchmark, row.id, row.evaluation): row.score for row in rows_of(scores[scores["metric"] == "accuracy"])
    }
    by_question: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows_of(predictions):
        by_question.setdefault((row.benchmark, row.id), {})[row.evaluation] = row
    parts = [
        "<p>Questions are chosen by a hash of their ids, so they show the bad as well as the good. "
        "Times that a trace cites are highlighted.</p>"
    ]
    for sample in rows_of(samples):
        rows = by_question[sample.benchmark, sample.id]
        parts.append(f"<h2>{_escape(benchmarks.get(sample.benchmark, sample.benchmark))}: {_escape(sample.id)}</h2>")
        parts.append(_strip(sample))
        parts.append(_question(next(iter(rows.values()))))
        lines = []
        for evaluation, label in labels.items():
            if evaluation in rows:
                verdict = _verdict(points.get((sample.benchmark, sample.id, evaluation)))
                lines.append(f"<tr><th>{_escape(label)}</th>{_response(rows[evaluation])}<td>{verdict}</td></tr>")
        head = "<tr><th>Model</th><th>Trace</th><th>Answer</th><th>Score</th></tr>"
        parts.append(f'<table class="text"><thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>')
    return to_page("Sample answers", "".join(parts))


def read_rejected(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Read the records set aside, with the columns of `REJECTED`; `stage` is the name of the file they are from.

    What several stages found, of a video that is trained on and asked about, is listed once, with the first of them.
    """
    rows = []
    for path in map(Path, paths):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot be read: {error}", file=path) from error
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"is not JSON: {error.msg}", file=path, record=f"line {number}") from error
            rows.append([path.stem, *(_text(entry.get(key)) for key in REJECTED[1:])])
    return pd.DataFrame(rows, columns=REJECTED).drop_duplicates(REJECTED[1:], ignore_index=True)


def rejected_sheet(rejected: pd.DataFrame) -> Sheet:
    """The rejected records: how many of each stage, and each with its reason and what to do about it."""
    columns = [Column(key, key.capitalize()) for key in REJECTED[1:]]
    shown = rejected.head(SHOW_REJECTED)
    blocks = []
    counts = Counter(rejected["stage"])
    for stage, members in shown.groupby("stage", sort=False):
        number = counts[str(stage)]
        rows = [Row("", {key: row[key] for key in REJECTED[1:]}) for row in members.to_dict("records")]
        blocks.append(Block(f"{stage}: {number} record{'s' if number > 1 else ''}", rows))
    total = len(rejected)
    if not total:
        notes = "No record was set aside."
    elif total > len(shown):
        notes = f"{total} records were set aside; the first {len(shown)} are shown, all are in the CSV file."
    else:
        notes = f"{total} record{'s were' if total > 1 else ' was'} set aside; the others went on."
    often = [
        f"{number} times: {reason}."
        for reason, number in Counter(rejected["reason"]).most_common(OFTEN)
        if number >= MANY
    ]
    return Sheet("Rejected records", "Stage", columns, blocks, " ".join([notes, *often]))


def _strip(sample: Any) -> str:
    if not pd.isna(sample.reason):
        return f"<p>The frames cannot be shown: {_escape(sample.reason)}</p>"
    images = []
    for frame, time in zip(sample.frames, sample.times, strict=True):
        alternative = f"frame at {time:.1f} s"
        data = f"data:image/jpeg;base64,{base64.b64encode(frame).decode()}"
        images.append(f'<img src="{data}" alt="{alternative}" title="{alternative}">')
    return f'<div class="strip">{"".join(images)}</div>'


def _question(question: Any) -> str:
    options = "".join(f"<li>{_escape(text)}</li>" for text in question.options)
    listed = f'<ol type="A">{options}</ol>' if options else ""
    return f"<p>{_escape(question.question)}</p>{listed}<p>Right answer: <b>{_escape(question.target)}</b></p>"


def _response(row: Any) -> str:
    if pd.isna(row.response):
        return "<td></td><td>no response</td>"
    answer = row.response if pd.isna(row.answer) else row.answer
    trace = "" if pd.isna(row.think) else _highlighted(row.think, row.times)
    if pd.isna(row.think) and answer != row.response:
        # Else what was said beside the answer would not be seen.
        trace = f"<i>no think block:</i> {_escape(row.response)}"
    return f"<td>{trace}</td><td>{_escape(answer)}</td>"


def _highlighted(text: str, times: Sequence[str] | None) -> str:
    shown = _escape(text)
    cited = sorted({re.escape(_escape(time)) for time in times} if times is not None else (), key=len, reverse=True)
    return re.sub("|".join(cited), r"<mark>\g<0></mark>", shown) if cited else shown


def _verdict(score: float | None) -> str:
    if score is None or np.isnan(score):
        return "–"
    kind = "right" if score >= 100 else "wrong" if score <= 0 else "part"
    return f'<span class="{kind}">{score:.0f}</span>'


def _escape(text: str) -> str:
    return html.escape(str(text))


def _text(value: object) -> str:
    return "" if value is None else str(value)
