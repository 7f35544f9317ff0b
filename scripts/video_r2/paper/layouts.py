"""How each exhibit's cells are laid out as a table: rows, columns, headings, marks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from video_r2.metrics.differences import Place, differences_of
from video_r2.paper.exhibits import AVERAGES, HELDOUT, METRIC_LABELS, Header, rows_of, unlike_averages
from video_r2.paper.figures import BoxStatistics
from video_r2.paper.tables import Block, Column, Row, Sheet, Value

FAMILIES = {"non_reasoning": "Non-reasoning models", "reasoning": "Reasoning models"}
COMPONENTS = {"sft": "SFT", "grpo": "GRPO", "tar": "TAR", "gate": "Gate"}
SIGNIFICANT = "*"
UNLIKE = "†"


def main_accuracy_sheet(cells: pd.DataFrame, header: Header, lacking: Sequence[str] = ()) -> Sheet:
    """The main table: a block per family; generic benchmarks and their mean, reasoning ones and theirs, overall.

    Args:
        lacking: benchmarks whose average lacks parts of the published one (`exhibits.lacking`).
    """
    columns = _benchmark_columns(header, ranked=True)
    blocks = []
    for family, title in FAMILIES.items():
        rows = _labelled_rows(cells[cells["family"] == family])
        if rows:
            blocks.append(Block(title, rows))
    notes = ["Accuracy in percent; the best of each column in bold, the second underlined.", _lacking_note(lacking)]
    return Sheet("Accuracy on the benchmarks", "Model", columns, blocks, _joined(*notes, _seed_note(cells)))


def _lacking_note(lacking: Sequence[str]) -> str:
    return f"Not the published average: {', '.join(lacking)}." if lacking else ""


def _joined(*notes: str) -> str:
    return " ".join(filter(None, notes))


def _benchmark_columns(header: Header, ranked: bool) -> list[Column]:
    """A column a benchmark, and the averages behind their groups."""
    return [
        *(Column(name, header.labels[name], "Generic", ranked) for name in header.generic),
        Column("generic", "Avg", "Generic", ranked),
        *(Column(name, header.labels[name], "Reasoning", ranked) for name in header.reasoning),
        Column("reasoning", "Avg", "Reasoning", ranked),
        Column("overall", "Avg", "Overall", ranked),
    ]


def released_sheet(pairs: pd.DataFrame, header: Header, published: Header, lacking: Sequence[str] = ()) -> Sheet:
    """What the released checkpoints reach here, under what was published for them: a block a metric.

    Averages over other benchmarks than the published ones are marked, on both sides.

    Args:
        pairs: columns `label`, `metric`, `column`, `published` and `value`.
        header: the benchmarks of this run.
        published: those of the published numbers.
        lacking: as in the main table.
    """
    unlike = unlike_averages(header, published)
    marks = dict.fromkeys(unlike, UNLIKE)
    blocks = []
    for metric, members in pairs.groupby("metric", sort=False):
        rows = []
        for label, own in members.groupby("label", sort=False):
            for side, key in (("published", "published"), ("here", "value")):
                rows.append(Row(f"{label}, {side}", dict(zip(own["column"], own[key], strict=True)), marks))
        blocks.append(Block(METRIC_LABELS[str(metric)], rows))
    notes = _joined(
        "Percent. The CSV file has a 95% interval for every number found here.",
        _unlike_note(header, published),
        _lacking_note(lacking),
    )
    return Sheet("The released checkpoints", "Checkpoint", _benchmark_columns(header, ranked=False), blocks, notes)


def _unlike_note(header: Header, published: Header) -> str:
    unlike = unlike_averages(header, published)
    sizes = [f"{average} {len(header.members(average))} and {len(published.members(average))}" for average in unlike]
    return (
        f"{UNLIKE}: not to be compared, over other benchmarks here than as published ({', '.join(sizes)})."
        if unlike
        else ""
    )


def ablation_sheet(
    cells: pd.DataFrame, components: Mapping[str, Sequence[str]], differences: pd.DataFrame | None = None
) -> Sheet:
    """The ablation: what each row is made of, and its accuracy, TAC and VAS on generic, reasoning and all benchmarks.

    Args:
        components: check marks by evaluation, in the order of the rows.
        differences: paired differences from the row above (`exhibits.DIFFERENCES`); those whose interval leaves out 0
            are marked.
    """
    columns = [Column(f"has_{name}", head) for name, head in COMPONENTS.items()]
    for metric in ("accuracy", "tac", "vas_judge"):
        for average, head in zip(AVERAGES, ("Generic", "Reasoning", "Overall"), strict=True):
            columns.append(Column(f"{metric}.{average}", head, METRIC_LABELS[metric], ranked=True))
    marks = _marks(differences)
    rows = []
    for evaluation, held in components.items():
        own = cells[cells["evaluation"] == evaluation]
        values: dict[str, Value] = {f"has_{name}": name in held for name in COMPONENTS}
        values |= {f"{cell.metric}.{cell.column}": cell.value for cell in rows_of(own)}
        spreads = {f"{cell.metric}.{cell.column}": cell.sd for cell in rows_of(own)} if "sd" in own else {}
        rows.append(Row(_label(own, evaluation), values, marks.get(evaluation, {}), spreads))
    notes = "Percent; the best of each column in bold, the second underlined."
    if differences is not None:
        notes += f" {SIGNIFICANT}: the 95% interval of the paired difference from the row above leaves out 0."
    return Sheet("Ablation", "Row", columns, [Block("", rows)], f"{notes} {_seed_note(cells)}".strip())


def heatmap_grid(cells: pd.DataFrame, header: Header) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Models x benchmarks and overall, with headings, and the columns of each group."""
    keys = [*header.generic, *header.reasoning, "overall"]
    heads = [*(header.labels[name] for name in keys[:-1]), "Overall"]
    grid = pd.DataFrame(_by_label(cells, "value"), index=keys, dtype=float).T
    grid.columns = pd.Index(heads)
    cut, end = len(header.generic), len(keys) - 1
    groups = {"Generic": heads[:cut], "Reasoning": heads[cut:end], "": heads[end:]}
    return grid, {title: members for title, members in groups.items() if members}


def heatmap_sheet(cells: pd.DataFrame, header: Header, metric: str) -> Sheet:
    """The numbers of a heat map as a table."""
    columns = [
        *(Column(name, header.labels[name], "Generic", ranked=True) for name in header.generic),
        *(Column(name, header.labels[name], "Reasoning", ranked=True) for name in header.reasoning),
        Column("overall", "Avg", "Overall", ranked=True),
    ]
    rows = _labelled_rows(cells)
    return Sheet(METRIC_TITLES[metric], "Model", columns, [Block("", rows)], f"Percent. {_seed_note(cells)}".strip())


METRIC_TITLES = {
    "tac": "Think-answer consistency (TAC)",
    "vas_judge": "Video attention score (VAS)",
}


def bar_panels(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells of the bar chart with the headings of their panels: reasoning above, overall below; TAC, VAS, accuracy."""
    rows = {"reasoning": "reasoning", "overall": "overall"}
    panels = {name: METRIC_LABELS[name] for name in ("tac", "vas_judge", "accuracy")}
    shown = cells[cells["column"].isin(rows) & cells["metric"].isin(panels)].copy()
    shown["row"] = shown["column"].map(rows)
    shown["panel"] = shown["metric"].map(panels)
    order = {name: place for place, name in enumerate([*rows.values(), *panels.values()])}
    return shown.sort_values(["row", "panel"], key=lambda names: names.map(order), kind="stable").reset_index(drop=True)


def bars_sheet(panels: pd.DataFrame) -> Sheet:
    """The numbers of the bar chart as a table.

    Args:
        panels: as `bar_panels` gives them.
    """
    keys = rows_of(panels[["row", "panel"]].drop_duplicates())
    columns = [Column(f"{row}.{panel}", panel, row.capitalize(), ranked=True) for row, panel in keys]
    rows = []
    for label, own in panels.groupby("label", sort=False):
        rows.append(Row(str(label), {f"{cell.row}.{cell.panel}": cell.value for cell in rows_of(own)}))
    return Sheet("Consistency, visual evidence and accuracy", "Model", columns, [Block("", rows)], "Percent.")


def boxes_frame(boxes: Mapping[str, BoxStatistics]) -> pd.DataFrame:
    """Boxes by label as a frame: `label` and the statistics."""
    return pd.DataFrame([{"label": label, **asdict(box)} for label, box in boxes.items()])


def boxes_sheet(boxes: pd.DataFrame) -> Sheet:
    """The numbers of the box plot as a table."""
    columns = [
        Column("mean", "Mean", ranked=True),
        *(Column(key, head) for key, head in (("q1", "Q1"), ("median", "Median"), ("q3", "Q3"))),
        Column("whisker_low", "Lower whisker"),
        Column("whisker_high", "Upper whisker"),
    ]
    if "on_cited" in boxes:
        # Not in the paper: do claims look where they say?
        columns.append(Column("on_cited", "Claims", "On cited moments"))
        columns.append(Column("on_cited_if_even", "If even", "On cited moments"))
    rows = [Row(box["label"], {column.key: box[column.key] for column in columns}) for box in boxes.to_dict("records")]
    return Sheet("Attention to video tokens, percent", "Model", columns, [Block("", rows)])


def controls_sheet(cells: pd.DataFrame, differences: pd.DataFrame, rows: pd.DataFrame) -> Sheet:
    """What each model loses when something is taken away from it, beside its own normal row.

    Args:
        cells: accuracy by evaluation, `chance` among them, for the averages and for the questions that need one look or
            several.
        differences: of each control from its normal row; those whose interval leaves out 0 are marked.
        rows: `evaluation`, `label`, `control`, `decoding` in the order shown, and the `block` that each stands in.
    """
    columns = [
        Column("control", "Taken away"),
        Column("decoding", "Decoding"),
        Column("generic", "Generic"),
        Column("reasoning", "Reasoning"),
        Column("overall", "Overall"),
        Column("one", "One look"),
        Column("several", "Several looks"),
    ]
    by_evaluation: dict[str, dict[str, Value]] = {
        str(name): dict(zip(own["column"], own["value"], strict=True)) for name, own in cells.groupby("evaluation")
    }
    spreads = {str(name): dict(zip(own["column"], own["sd"], strict=True)) for name, own in cells.groupby("evaluation")}
    marks = _marks(differences, prefixed=False)
    blocks = []
    for _, members in rows.groupby("block", sort=False):
        shown = []
        for row in rows_of(members):
            described: dict[str, Value] = {"control": row.control, "decoding": row.decoding}
            values = described | by_evaluation.get(row.evaluation, {})
            shown.append(Row(row.label, values, marks.get(row.evaluation, {}), spreads.get(row.evaluation, {})))
        blocks.append(Block(shown[0].label, shown))
    guessed = {"control": "", "decoding": "", **by_evaluation.get("chance", {})}
    blocks.append(Block("", [Row("Chance", guessed)]))
    notes = (
        "Accuracy in percent. Chance: a random option; for questions without options, a random one of the right "
        "answers to the benchmark's other questions of that type. "
        f"{SIGNIFICANT}: the 95% interval of the paired difference from the model's normal row leaves out 0. "
        f"{_seed_note(cells)}"
    ).strip()
    return Sheet("Controls", "Row", columns, blocks, notes)


def validation_sheet(cells: pd.DataFrame) -> Sheet:
    """How every row does on the validation split.

    Args:
        cells: of accuracy, TAC and temporal alignment, the validation split's alone.
    """
    columns = [Column(metric, METRIC_LABELS[metric]) for metric in cells["metric"].unique()]
    rows = []
    for name, own in cells.groupby("evaluation", sort=False):
        values: dict[str, Value] = dict(zip(own["metric"], own["value"], strict=True))
        rows.append(Row(str(name), values, {}, dict(zip(own["metric"], own["sd"], strict=True))))
    notes = f"Percent of {cells['questions'].max()} questions. {_seed_note(cells)}".strip()
    return Sheet("Validation", "Evaluation", columns, [Block("", rows)], notes)


def learning_sheet(claims: pd.DataFrame) -> Sheet:
    """What training is expected to do, and what it did.

    Args:
        claims: columns `claim`, `decoding`, `metric`, `column`, `value`, `low`, `high`, `needed`, `holds`.
    """
    columns = [
        Column("decoding", "Decoding"),
        Column("metric", "Metric"),
        Column("value", "Difference"),
        Column("interval", "95% interval"),
        Column("needed", "Needed"),
        Column("holds", "Holds"),
    ]
    rows = []
    for claim in claims.to_dict("records"):
        values: dict[str, Value] = {
            "decoding": claim["decoding"],
            "metric": f"{METRIC_LABELS.get(claim['metric'], claim['metric'])}, {claim['column']}",
            "value": claim["value"],
            "interval": interval_text(claim["low"], claim["high"]),
            "needed": claim["needed"],
            "holds": _verdict(claim["holds"]),
        }
        rows.append(Row(claim["claim"], values))
    notes = "Paired differences in points; intervals by bootstrap over videos."
    return Sheet("What training taught", "Claim", columns, [Block("", rows)], notes)


def reproduction_sheet(pairs: pd.DataFrame, header: Header, published: Header, lacking: Sequence[str] = ()) -> Sheet:
    """Published values beside reproduced ones, and whether the step from the row above goes the same way.

    Averages over other benchmarks than the published ones are marked, on both sides.

    Args:
        pairs: columns `exhibit`, `label`, `metric`, `column`, `published`, `value`, `low`, `high`, `published_step`,
            `step`, `agrees`.
        header: the benchmarks of this run.
        published: those of the published numbers.
        lacking: as in the main table.
    """
    unlike = dict.fromkeys(("published", "value"), UNLIKE)
    marked = dict.fromkeys(unlike_averages(header, published), unlike)
    columns = [
        Column("metric", "Metric"),
        Column("column", "Average"),
        Column("published", "Published"),
        Column("value", "Reproduced"),
        Column("interval", "95% interval"),
        Column("published_step", "Published step"),
        Column("step", "Reproduced step"),
        Column("agrees", "Same way"),
    ]
    blocks = []
    for exhibit, members in pairs.groupby("exhibit", sort=False):
        rows = []
        for pair in members.to_dict("records"):
            values: dict[str, Value] = {
                "metric": METRIC_LABELS[pair["metric"]],
                "column": pair["column"],
                "published": pair["published"],
                "value": pair["value"],
                "interval": interval_text(pair["low"], pair["high"]),
                "published_step": signed(pair["published_step"]),
                "step": signed(pair["step"]),
                "agrees": _verdict(pair["agrees"]),
            }
            rows.append(Row(pair["label"], values, marked.get(pair["column"], {})))
        blocks.append(Block(str(exhibit), rows))
    notes = _joined(
        "Step: difference from the row before it in the same exhibit.",
        _unlike_note(header, published),
        _lacking_note(lacking),
    )
    return Sheet("Published and reproduced", "Row", columns, blocks, notes)


def differences_sheet(differences: pd.DataFrame) -> Sheet:
    """The same predictions scored as released and corrected: a block a metric, with the differences that it knows.

    Args:
        differences: columns of `exhibits.SEMANTICS`; the averages over all benchmarks and the held-out ones are shown.
    """
    columns = [
        Column("reference", "Released"),
        Column("corrected", "Corrected"),
        Column("difference", "Difference"),
        Column("interval", "95% interval"),
    ]
    shown = differences[differences["column"].isin(["overall", HELDOUT])].dropna(subset=["reference", "corrected"])
    blocks = []
    for metric, members in shown.groupby("metric", sort=False):
        rows = []
        for entry in rows_of(members):
            values: dict[str, Value] = {
                "reference": entry.reference,
                "corrected": entry.corrected,
                "difference": signed(entry.difference),
                "interval": interval_text(entry.low, entry.high),
            }
            marks = {"difference": SIGNIFICANT} if entry.low > 0 or entry.high < 0 else {}
            rows.append(Row(entry.label, values, marks))
        known = ", ".join(entry.name for entry in differences_of(PLACES[str(metric)]))
        blocks.append(Block(f"{METRIC_LABELS[str(metric)]}: {known}", rows))
    notes = (
        "The same predictions scored under both semantics, in percent: all benchmarks, or for temporal alignment the "
        "held-out videos. The reward is the precision as released and F1 corrected. What each difference is: "
        f"docs/differences.md. {SIGNIFICANT}: the 95% interval of the paired difference leaves out 0."
    )
    return Sheet("As released, and corrected", "Row", columns, blocks, notes)


PLACES: dict[str, Place] = {
    "accuracy": "accuracy",
    "tac": "tac",
    "vas_judge": "vas_judge",
    "temporal_precision": "temporal",
    "temporal_f1": "temporal",
    "temporal_reward": "temporal",
}


def interval_text(low: float, high: float) -> str | None:
    """An interval as text; none where it is not known."""
    return None if _unknown(low) or _unknown(high) else f"{_minus(low)} to {_minus(high)}"


def signed(value: float) -> str | None:
    """A difference with its sign; none where it is not known."""
    return None if _unknown(value) else f"{value:+.1f}".replace("-", "−")


def _minus(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


def _unknown(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _verdict(holds: bool | None) -> str | None:
    if holds is None or pd.isna(holds):
        return None
    return "yes" if holds else "no"


def _labelled_rows(cells: pd.DataFrame) -> list[Row]:
    """A row for each label, with the spread of its values over the seeds where there are several."""
    spreads = _by_label(cells, "sd") if "sd" in cells else {}
    return [Row(label, dict(values), {}, spreads.get(label, {})) for label, values in _by_label(cells, "value").items()]


def _by_label(cells: pd.DataFrame, figure: str) -> dict[str, dict[str, float]]:
    """A figure of the cells by column, by label, in the order in which evaluations appear."""
    found: dict[str, dict[str, float]] = {}
    for cell in rows_of(cells):
        found.setdefault(cell.label, {})[cell.column] = getattr(cell, figure)
    return found


def _label(own: pd.DataFrame, evaluation: str) -> str:
    return str(own["label"].iloc[0]) if len(own) else evaluation


def _marks(differences: pd.DataFrame | None, prefixed: bool = True) -> dict[str, dict[str, str]]:
    marks: dict[str, dict[str, str]] = {}
    if differences is None:
        return marks
    for entry in rows_of(differences):
        if entry.low > 0 or entry.high < 0:
            key = f"{entry.metric}.{entry.column}" if prefixed else str(entry.column)
            marks.setdefault(str(entry.evaluation), {})[key] = SIGNIFICANT
    return marks


def _seed_note(cells: pd.DataFrame) -> str:
    seeds = cells["seeds"].max() if "seeds" in cells and cells["seeds"].notna().any() else 1
    return f"Means over {int(seeds)} seeds, ± their standard deviation." if seeds > 1 else ""
