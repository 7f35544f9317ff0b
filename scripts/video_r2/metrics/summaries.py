"""Scores of predictions written down: a record for each question, and a summary with its confidence interval."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from video_r2.config import Benchmark, Semantics
from video_r2.errors import UserError
from video_r2.files import replacing
from video_r2.judge.base import Judge
from video_r2.metrics.accuracy import Score
from video_r2.metrics.averages import averaging_of
from video_r2.metrics.statistics import interval
from video_r2.records import PREDICTION, SCORE, read_table, write_table
from video_r2.run import Job

Scorer = Callable[[Sequence[Mapping[str, Any]], str], list[Score]]
"""Scores records of one benchmark, whose adapter is named."""
Applies = Callable[[Mapping[str, Any]], bool]
"""Whether a metric is about a record."""


def always(record: Mapping[str, Any]) -> bool:
    """A metric is about every record."""
    return True


class Scored(NamedTuple):
    """A benchmark's scores, written down: the table, any record of its predictions, its reader, where its summary belongs."""

    table: pd.DataFrame
    record: Mapping[str, Any]
    adapter: str
    summary: str


def score_files(job: Job, metric: str, score: Scorer, applies: Applies = always, judge: Judge | None = None) -> None:
    """Score the prediction files of a job, and summarise each.

    Args:
        job: as for `score_tables`, with the parameters `semantics` and `bootstrap` (samples).
        metric: name written into the scores.
        score: scores the records of a benchmark.
        applies: which records the metric is about; the others are left out.
        judge: who is asked in `score`, if anybody is: the summaries say how many questions rules and how many a model
            decided, and the log how many calls that saved.

    Raises:
        UserError: if a prediction file is empty or of a benchmark that the job does not know, or if the judge failed more
            often than is allowed.
    """
    asked = by_rules = 0  # until this benchmark
    for table, record, adapter, file in score_tables(job, metric, score, applies):
        summary = summarise(table, record, metric, adapter, job.params.semantics, job.params.bootstrap)
        if judge:
            now = {"by_rules": judge.by_rules - by_rules, "by_model": judge.asked - asked - judge.by_rules + by_rules}
            summary["judge"], asked, by_rules = now, judge.asked, judge.by_rules
        write_summary(file, summary)
    if judge:
        print(judge.report())
        judge.check_missing()


def score_tables(job: Job, metric: str, score: Scorer, applies: Applies = always) -> Iterator[Scored]:
    """Score the prediction files of a job one by one; summaries are up to the caller.

    Args:
        job: has the inputs `predictions`, the outputs `scores` and `summaries`, each a file or a list of files in the
            same order, and the parameter `benchmarks` (name to configuration).

    Raises:
        UserError: if a prediction file is empty or of a benchmark that the job does not know.
    """
    files = zip(_listed(job.input.predictions), _listed(job.output.scores), _listed(job.output.summaries), strict=True)
    for predictions, scores, summary in files:
        records = read_predictions(predictions)
        adapter = _adapter(records, job.params.benchmarks, predictions)
        chosen = [record for record in records if applies(record)]
        table = score_table(chosen, score(chosen, adapter), metric)
        write_table(scores, table, SCORE)
        yield Scored(table, records[0], adapter, summary)


def write_summary(path: str | Path, summary: Mapping[str, Any]) -> None:
    """Write a benchmark's summary down, and tell it in a line."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(line_of(summary["benchmark"], summary))


def read_predictions(path: str | Path) -> list[dict[str, Any]]:
    """Read a file of predictions: rows of `records.PREDICTION`, with None for what is missing."""
    return [
        {str(name): None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in read_table(path, PREDICTION).to_dict("records")
    ]


def _listed(files: Any) -> list[str]:
    return [str(files)] if isinstance(files, str | Path) else list(files)


def _adapter(records: Sequence[Mapping[str, Any]], benchmarks: Mapping[str, Any], file: str) -> str:
    if not records:
        raise UserError("there are no predictions", file=file, cure="delete it; it will be made again")
    name = str(records[0]["benchmark"])
    if name not in benchmarks:
        raise UserError(f"benchmark {name!r} is not in the configuration; there are {', '.join(benchmarks)}", file=file)
    return Benchmark.model_validate(benchmarks[name]).adapter


def score_table(records: Sequence[Mapping[str, Any]], scores: Sequence[Score], metric: str) -> pd.DataFrame:
    """Put records and their scores together as rows of `records.SCORE`."""
    rows = [
        {
            **{name: record[name] for name in ("id", "benchmark", "evaluation", "seed", "category", "video")},
            "metric": metric,
            "score": score.value,
            "detail": json.dumps(score.detail, ensure_ascii=False),
        }
        for record, score in zip(records, scores, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(SCORE)).astype({"score": float})


def summarise(
    table: pd.DataFrame, record: Mapping[str, Any], metric: str, adapter: str, semantics: Semantics, samples: int
) -> dict[str, Any]:
    """Summarise the scores of one benchmark.

    Args:
        table: rows of `records.SCORE`, possibly none.
        record: any record of the predictions, for the names of what was scored.

    Returns:
        Names; `mean`, `low` and `high` (0 to 100; null where there is no score); `n` questions, of which `missing`
        have no score; and of the details: `counts`, how often each flag or reason for a missing value occurs, and
        `means` of figures.
    """
    estimate = interval(table, averaging_of(adapter, metric, semantics), samples)
    ends = {"semantics": semantics, "low": _finite(estimate.low), "high": _finite(estimate.high)}
    return summarise_without_interval(table, record, metric, estimate.mean) | ends


def summarise_without_interval(
    table: pd.DataFrame, record: Mapping[str, Any], metric: str, mean: float
) -> dict[str, Any]:
    """The same of a metric that costs so much that it is not to be measured again for another interval of its mean."""
    details = [json.loads(text) for text in table["detail"]]
    flags = Counter(name for detail in details for name, value in detail.items() if value is True)
    reasons = Counter(str(detail["missing"]) for detail in details if "missing" in detail)
    return {
        "benchmark": record["benchmark"],
        "evaluation": record["evaluation"],
        "seed": int(record["seed"]),
        "metric": metric,
        "mean": _finite(mean),
        "n": len(table),
        "missing": int(table["score"].isna().sum()),
        "counts": {**flags, **reasons},
        "means": _figures(details),
    }


def _figures(details: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means of the figures that the details of every scored record hold."""
    frame = pd.DataFrame([detail for detail in details if "missing" not in detail])
    figures = [name for name in frame.columns if name not in ("read", "target") and frame[name].dtype.kind in "fi"]
    return {name: float(frame[name].mean()) for name in figures}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def line_of(benchmark: str, summary: Mapping[str, Any]) -> str:
    """A benchmark's summary in one line."""
    if summary["mean"] is None:
        return f"{benchmark}: nothing to score ({summary['n']} records)"
    ends = ""
    if "low" in summary:
        known = summary["low"] is not None
        ends = f" [{summary['low']:.1f}, {summary['high']:.1f}]" if known else ", of a single video"
    return (
        f"{benchmark}: {summary['metric']} {summary['mean']:.1f}{ends}, "
        f"{summary['n']} questions, {summary['missing']} missing"
    )


def read_scores(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Read score files into one frame with the columns of `SCORE`.

    Raises:
        UserError: if a file cannot be read, or one question was scored twice.
    """
    frames = [read_table(path, SCORE) for path in paths]
    if not frames:
        return pd.DataFrame(columns=list(SCORE))
    scores = pd.concat(frames, ignore_index=True)
    key = ["metric", "evaluation", "seed", "benchmark", "id"]
    twice = scores[scores.duplicated(key)]
    if len(twice):
        first = twice.iloc[0]
        raise UserError(
            f"{len(twice)} questions are scored twice, the first in benchmark {first.benchmark!r} of evaluation "
            f"{first.evaluation!r}, seed {first.seed}, metric {first.metric!r}",
            record=first["id"],
            cure="delete the scores of that evaluation; they will be made again",
        )
    return scores
