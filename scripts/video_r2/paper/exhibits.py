"""Scores of single questions turned into the cells of the exhibits, with intervals, spreads and paired differences."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from video_r2 import config, records
from video_r2.data.questions import KINDS, kind_of
from video_r2.metrics.averages import averaging_of, is_averaged_by_question
from video_r2.metrics.mcnemar import compare
from video_r2.metrics.statistics import Estimate, interval, on_common_questions, paired_difference
from video_r2.paper.figures import BoxStatistics, box_statistics

AVERAGES = ("generic", "reasoning", "overall")
METRIC_LABELS = {
    "accuracy": "Accuracy",
    "tac": "TAC",
    "vas_judge": "VAS",
    "vas_attention": "Attention to video",
    "temporal_f1": "Temporal alignment (F1)",
    "temporal_precision": "Temporal alignment (precision)",
    "temporal_reward": "Temporal alignment reward",
}
# Columns besides benchmarks and averages: plain means over the questions that need so many looks at the video, the mean
# over held-out sets or those of the validation split, and the plain mean over all responses.
LOOKS = ("one", "several")
HELDOUT = "heldout"
VALIDATION = "validation"
RESPONSES = "responses"
BOX = [item.name for item in fields(BoxStatistics)]
CITED = ["on_cited", "on_cited_if_even"]
CELLS = [
    "metric",
    "evaluation",
    "label",
    "family",
    "column",
    "value",
    "low",
    "high",
    "sd",
    "seeds",
    "questions",
    "missing",
]
DIFFERENCES = ["metric", "evaluation", "against", "column", "value", "low", "high"]
COMPARISONS = ["metric", "evaluation", "against", "column", "gained", "lost", "mcnemar_p"]
SIDES: tuple[config.Semantics, config.Semantics] = ("reference", "corrected")
SEMANTICS = ["metric", "evaluation", "label", "column", *SIDES, "difference", "low", "high"]
SEMANTICS += [f"{side}_{end}" for side in SIDES for end in ("low", "high")]


@dataclass(frozen=True)
class Header:
    """The benchmarks that head the columns: their labels, and which are generic and which call for reasoning."""

    labels: dict[str, str]
    generic: list[str]
    reasoning: list[str]

    def members(self, average: str) -> list[str]:
        """Benchmarks that an average takes in, each with the same weight."""
        return {
            "generic": self.generic,
            "reasoning": self.reasoning,
            "overall": [*self.generic, *self.reasoning],
        }[average]


@dataclass(frozen=True)
class Study:
    """The part of the configuration that exhibits depend on."""

    evaluations: dict[str, config.Evaluation]
    benchmarks: dict[str, config.Benchmark]
    bootstrap: int
    semantics: config.Semantics = "corrected"

    @classmethod
    def from_params(cls, params: Any) -> Study:
        """Read the study from a rule's parameters: `evaluations`, `benchmarks` (mappings), `bootstrap`, `semantics`."""
        return cls(
            {name: config.Evaluation.model_validate(entry) for name, entry in params.evaluations.items()},
            {name: config.Benchmark.model_validate(entry) for name, entry in params.benchmarks.items()},
            params.bootstrap,
            params.semantics,
        )

    @property
    def header(self) -> Header:
        """The benchmarks of the tables, in the order of the configuration; what is in no average is none of them."""
        groups: dict[str, list[str]] = {"generic": [], "reasoning": [], HELDOUT: [], VALIDATION: []}
        for name, benchmark in self.benchmarks.items():
            groups[benchmark.group].append(name)
        labels = {name: benchmark.label for name, benchmark in self.benchmarks.items()}
        return Header(labels, groups["generic"], groups["reasoning"])

    def find(self, model: str, prompt: str, control: str = "none", sampled: bool = False) -> str | None:
        """The evaluation that asks a model in this way; None if the configuration has none."""
        for name, evaluation in self.evaluations.items():
            asked = (evaluation.model, evaluation.prompt, evaluation.control, self.is_sampled(name))
            if asked == (model, prompt, control, sampled):
                return name
        return None

    def is_sampled(self, evaluation: str) -> bool:
        """Whether an evaluation samples its responses; else they are greedy."""
        return float(self.evaluations[evaluation].decoding.get("temperature", 0.0)) > 0

    def shown_in(self, exhibit: str) -> list[str]:
        """Evaluations that an exhibit shows, in the order of the configuration."""
        return [name for name, evaluation in self.evaluations.items() if exhibit in evaluation.exhibits]


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame, with its columns as attributes."""
    return frame.itertuples(index=False)


def read_questions(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Read question files into one frame with the columns of `records.QUESTION`."""
    frames = [records.read_table(path, records.QUESTION) for path in paths]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(records.QUESTION))


def looks_of(question: str) -> str | None:
    """Whether a question of the generated world needs `one` look at the video or `several`; None for any other."""
    try:
        return KINDS[kind_of(question)]
    except ValueError:
        return None


def cells(
    scores: pd.DataFrame, study: Study, metrics: Sequence[str], names: Sequence[str], more: Sequence[str] = ()
) -> pd.DataFrame:
    """Every number of an exhibit: each evaluation on each benchmark, and its averages.

    A cell is the mean over the seeds that were run, with a 95% interval by the bootstrap over videos. An average is
    missing (NaN) as soon as one of its benchmarks is.

    Args:
        scores: columns of `records.SCORE`.
        metrics: which of them are shown.
        names: evaluations in the order of the rows; one that is not configured has its name as its label.
        more: columns shown besides the benchmarks and `AVERAGES`, such as those of `LOOKS`.

    Returns:
        A frame with the columns of `CELLS`, in the order of metrics, names and columns.
    """
    columns = [*study.header.generic, *study.header.reasoning, *AVERAGES, *more]
    rows = []
    for metric in metrics:
        for name in names:
            own = scores[(scores["metric"] == metric) & (scores["evaluation"] == name)]
            by_seed = [of_seed for _, of_seed in own.groupby("seed")]
            repeated = by_seed if len(by_seed) > 1 else []
            entry = study.evaluations.get(name)
            for column in columns:
                asked = _Question(study, metric, column)
                shown = asked.select(own)
                estimate = asked.interval(shown, study.bootstrap)
                single = [asked.interval(asked.select(of_seed), samples=0).mean for of_seed in repeated]
                rows.append(
                    {
                        "metric": metric,
                        "evaluation": name,
                        "label": entry.label if entry else name.capitalize(),
                        "family": entry.family if entry else "",
                        "column": column,
                        "value": estimate.mean,
                        "low": estimate.low,
                        "high": estimate.high,
                        "sd": float(np.std(single, ddof=1)) if single else math.nan,
                        "seeds": len(by_seed),
                        "questions": len(shown.drop_duplicates(["benchmark", "id"])),
                        "missing": int(shown["score"].isna().sum()),
                    }
                )
    return pd.DataFrame(rows, columns=CELLS)


def unlike_averages(header: Header, published: Header) -> list[str]:
    """Averages that are over other benchmarks here than as published."""
    return [average for average in AVERAGES if set(header.members(average)) != set(published.members(average))]


def lacking(scores: pd.DataFrame, study: Study) -> list[str]:
    """Benchmarks whose accuracy lacks parts (tasks, types, tracks) that its published average is over, with how many it has."""
    found = []
    accuracy = scores[scores["metric"] == "accuracy"].dropna(subset="score")
    for name, own in accuracy.groupby("benchmark", sort=False):
        if (benchmark := study.benchmarks.get(str(name))) is None:
            continue
        averaging = averaging_of(benchmark.adapter, "accuracy", study.semantics)
        fewest = min((set(of_one["category"]) for _, of_one in own.groupby(["evaluation", "seed"])), key=len)
        if averaging.lacks(fewest):
            found.append(f"{benchmark.label} (over {len(averaging.parts_of(fewest))} of {averaging.parts} parts)")
    return found


def differences(
    scores: pd.DataFrame,
    study: Study,
    metrics: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    columns: Sequence[str] = AVERAGES,
) -> pd.DataFrame:
    """How far each evaluation is ahead of another on the same questions, with a 95% interval of the paired difference.

    A question that has no score in one of the two counts in neither.

    Args:
        pairs: (evaluation, the one that it is compared with).
        columns: benchmarks, averages, `LOOKS` or `heldout`.

    Returns:
        A frame with the columns of `DIFFERENCES`, in the order of metrics, pairs and columns; NaN where one of the two
        has no scores.
    """
    rows = []
    for metric in metrics:
        by_evaluation = dict(list(scores[scores["metric"] == metric].groupby("evaluation")))
        nothing = scores.iloc[:0]
        for name, against in pairs:
            for column in columns:
                asked = _Question(study, metric, column)
                frames = (asked.select(by_evaluation.get(row, nothing)) for row in (name, against))
                found = paired_difference(
                    *on_common_questions(*frames),
                    asked.averaging,
                    study.bootstrap,
                    benchmarks=asked.benchmarks,
                    by_question=(asked.by_question, asked.by_question),
                )
                rows.append([metric, name, against, column, found.mean, found.low, found.high])
    return pd.DataFrame(rows, columns=DIFFERENCES)


def comparisons(
    scores: pd.DataFrame, study: Study, metrics: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """McNemar's test of pairs of evaluations on every benchmark.

    Args:
        metrics: those whose scores are right or wrong, such as accuracy and tac.
        pairs: (evaluation, the one that it is compared with).

    Returns:
        A frame with the columns of `COMPARISONS`, in the order of metrics, pairs and benchmarks; see
        `mcnemar.Comparison`.
    """
    rows = []
    for metric in metrics:
        by_file = dict(list(scores[scores["metric"] == metric].groupby(["evaluation", "benchmark"])))
        nothing = scores.iloc[:0]
        for name, against in pairs:
            for benchmark in study.header.members("overall"):
                one, other = (by_file.get((row, benchmark), nothing) for row in (name, against))
                rows.append([metric, name, against, benchmark, *astuple(compare(one, other))])
    return pd.DataFrame(rows, columns=COMPARISONS)


def semantics_differences(
    scores: pd.DataFrame,
    study: Study,
    metrics: Sequence[str],
    names: Sequence[str],
    columns: Sequence[str],
) -> pd.DataFrame:
    """What the semantics make of the same predictions: corrected minus released, with a 95% interval.

    The interval is that of the paired difference, over the same drawn videos. Each side is averaged by its own rules.

    Args:
        scores: columns of `records.SCORE_BY_SEMANTICS`.
        names: evaluations in the order of the rows; those that a metric was not measured on are left out.
        columns: benchmarks, averages or `heldout`.

    Returns:
        A frame with the columns of `SEMANTICS`, in the order of metrics, names and columns.
    """
    rows = []
    for metric in metrics:
        of_metric = dict(list(scores[scores["metric"] == metric].groupby(["semantics", "evaluation"])))
        for name in names:
            if ("corrected", name) not in of_metric:
                continue
            for column in columns:
                released, corrected = (
                    _Question(replace(study, semantics=semantics), metric, column) for semantics in SIDES
                )
                one = corrected.select(of_metric["corrected", name])
                other = released.select(of_metric["reference", name])
                sides = [
                    asked.interval(shown, study.bootstrap) for shown, asked in ((other, released), (one, corrected))
                ]
                found = paired_difference(
                    one,
                    other,
                    corrected.averaging,
                    study.bootstrap,
                    benchmarks=corrected.benchmarks,
                    other_averaging=released.averaging,
                    by_question=(corrected.by_question, released.by_question),
                )
                label = study.evaluations[name].label
                means, ends = [side.mean for side in sides], [end for side in sides for end in (side.low, side.high)]
                rows.append([metric, name, label, column, *means, found.mean, found.low, found.high, *ends])
    return pd.DataFrame(rows, columns=SEMANTICS)


def boxes(scores: pd.DataFrame, study: Study, names: Sequence[str]) -> pd.DataFrame:
    """Attention to video tokens of single responses, a box per evaluation; those without scores have NaN.

    Returns:
        Columns `label`, those of `BOX`, `responses`, `low` and `high`, the 95% interval of the mean, and those of
        `CITED` with theirs: of the attention to the video, the percentage that claims pay to the moments that they cite,
        and what that would be if every moment had as much.
    """
    rows = []
    for name in names:
        own = scores[(scores["metric"] == "vas_attention") & (scores["evaluation"] == name)]
        present = own.dropna(subset="score")
        box = asdict(box_statistics(present["score"].to_numpy(float))) if len(present) else dict.fromkeys(BOX, math.nan)
        asked = _Question(study, "vas_attention", RESPONSES)
        mean = asked.interval(asked.select(own), study.bootstrap)
        label = study.evaluations[name].label
        row = {"label": label, **box, "responses": len(present), "low": mean.low, "high": mean.high}
        details = pd.DataFrame([json.loads(detail) for detail in present["detail"]]).reindex(columns=CITED) * 100
        for figure in CITED:
            cited = present.assign(score=details[figure].to_numpy(float)).dropna(subset="score")
            of_it = asked.interval(asked.select(cited), study.bootstrap)
            row |= {figure: of_it.mean, f"{figure}_low": of_it.low, f"{figure}_high": of_it.high}
        rows.append(row)
    ends = [f"{figure}_{end}" for figure in CITED for end in ("low", "high")]
    return pd.DataFrame(rows, columns=["label", *BOX, "responses", "low", "high", *CITED, *ends])


class _Question:
    """What a column asks of a metric's scores: which of them, and how they are averaged.

    Attributes:
        averaging: how each benchmark is averaged.
        benchmarks: those that are averaged over. A column that is a plain mean over questions, wherever they are from, has
            them as one benchmark of its own name.
        by_question: whether all their questions have the same weight, as in the released averages of VAS, rather than
            all benchmarks.
    """

    def __init__(self, study: Study, metric: str, column: str) -> None:
        self._column = column
        self._pooled = column in (*LOOKS, RESPONSES)
        self._members = _members(study, column)
        self.benchmarks = [column] if self._pooled else self._members
        self.by_question = is_averaged_by_question(metric, study.semantics)
        self.averaging = {
            name: averaging_of(entry.adapter, metric, study.semantics) for name, entry in study.benchmarks.items()
        }

    def interval(self, scores: pd.DataFrame, samples: int) -> Estimate:
        """The average of scores that were selected, with its interval."""
        return interval(scores, self.averaging, samples, benchmarks=self.benchmarks, by_question=self.by_question)

    def select(self, scores: pd.DataFrame) -> pd.DataFrame:
        """The scores that the column is about."""
        shown = scores[scores["benchmark"].isin(self._members)]
        if self._column in LOOKS:
            shown = shown[shown["id"].map(looks_of).eq(self._column)]
        return shown.assign(benchmark=self._column) if self._pooled else shown


def _members(study: Study, column: str) -> list[str]:
    if column in AVERAGES:
        return study.header.members(column)
    if column in (HELDOUT, VALIDATION):
        return [name for name, benchmark in study.benchmarks.items() if benchmark.group == column]
    return study.header.members("overall") if column in (*LOOKS, RESPONSES) else [column]
