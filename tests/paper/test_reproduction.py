"""Published numbers beside computed ones: which rows are paired, and which way their steps go."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from video_r2.paper.exhibits import CELLS, Study
from video_r2.paper.layouts import released_sheet, reproduction_sheet
from video_r2.paper.reported import read_reported
from video_r2.paper.reproduction import beside_published, released_beside_published
from video_r2.paper.tables import to_markdown


def computed(values: dict[str, float]) -> pd.DataFrame:
    rows = [
        {
            "metric": "accuracy",
            "evaluation": name,
            "column": "overall",
            "value": value,
            "low": value - 1,
            "high": value + 1,
        }
        for name, value in values.items()
    ]
    return pd.DataFrame(rows, columns=CELLS)


def test_ablation_rows_are_paired_by_what_they_are_made_of(params: SimpleNamespace) -> None:
    study = Study.from_params(params)
    cells = computed({"base_direct": 70.0, "base_think": 40.0, "sft": 60.0, "grpo": 55.0, "grpo_blind": 25.0})
    # As if published over the same benchmarks.
    reported = replace(read_reported(), header=study.header)
    pairs = beside_published(cells, study, reported)
    # published: 51.9, 47.3, 48.9, 52.3
    assert pairs["label"].tolist() == ["Qwen2.5-VL (non-reasoning)", "Qwen2.5-VL (CoT)", "SFT", "SFT+GRPO"]
    assert pairs["published"].tolist() == [51.9, 47.3, 48.9, 52.3]
    assert pairs["value"].tolist() == [70.0, 40.0, 60.0, 55.0]
    assert pairs["published_step"].tolist()[1:] == pytest.approx([-4.6, 1.6, 3.4])
    assert pairs["step"].tolist()[1:] == [-30.0, 20.0, -5.0]
    assert pairs["agrees"].tolist() == [None, True, True, False]
    header = read_reported().header
    assert beside_published(cells, study, read_reported())["agrees"].tolist() == [None] * 4
    text = to_markdown(reproduction_sheet(pairs, header, header))
    assert "| SFT+GRPO | Accuracy | overall | 52.3 | 55.0 | 54.0 to 56.0 | +3.4 | −5.0 | no |" in text
    assert "†" not in text
    # A run without one of the reasoning benchmarks: its mean of all is another than the published one.
    text = to_markdown(reproduction_sheet(pairs, replace(header, reasoning=header.reasoning[1:]), header))
    assert "| SFT+GRPO | Accuracy | overall | 52.3† | 55.0† | 54.0 to 56.0 | +3.4 | −5.0 | no |" in text
    assert "over other benchmarks here than as published (reasoning 5 and 6, overall 10 and 11)." in text


def test_compared_models_are_paired_by_their_label(params: SimpleNamespace) -> None:
    params.evaluations["other"] = {**params.evaluations["sft"], "label": "Video-R1", "exhibits": ["main"]}
    pairs = beside_published(computed({"other": 50.0}), Study.from_params(params), read_reported())
    assert pairs[["exhibit", "label", "published", "value"]].to_numpy().tolist() == [
        ["Main table", "Video-R1", 51.0, 50.0]
    ]


def test_the_released_checkpoints_stand_beside_every_number_published_for_them() -> None:
    found = [
        ("accuracy", "Video-R2", "mvbench", 66.0),
        ("accuracy", "Video-R2", "overall", 52.0),
        ("accuracy", "SFT", "mvbench", 61.0),
        ("accuracy", "SFT", "generic", 60.0),
        ("tac", "Video-R2", "videomme", 80.0),
        ("tac", "Video-R2", "generic", 85.0),
        ("vas_judge", "SFT", "overall", 70.0),
    ]
    cells = pd.DataFrame(found, columns=["metric", "label", "column", "value"]).assign(low=1.0, high=99.0)
    reported = read_reported()
    pairs = released_beside_published(cells, reported)
    # Published: the main table, the heat map of TAC, and for what those lack the ablation's averages; SFT has no benchmark.
    assert pairs["published"].fillna(-1).tolist() == [67.5, 53.0, -1, 60.9, 86.6, -1, 69.7]
    assert pairs["value"].tolist() == [value for *_, value in found]
    sheet = released_sheet(pairs, reported.header, reported.header)
    assert not [mark for block in sheet.blocks for row in block.rows for mark in row.marks]
    assert [block.title for block in sheet.blocks] == ["Accuracy", "TAC", "VAS"]
    assert [row.label for row in sheet.blocks[0].rows] == [
        "Video-R2, published",
        "Video-R2, here",
        "SFT, published",
        "SFT, here",
    ]
    assert [row.values.get("overall") for row in sheet.blocks[0].rows[:2]] == [53.0, 52.0]
    to_markdown(sheet)
    # A run over two of the benchmarks: its averages are others than the published ones.
    fewer = replace(reported.header, generic=["mvbench"], reasoning=reported.header.reasoning)
    shown = to_markdown(released_sheet(pairs, fewer, reported.header, ["MVBench (over 19 of 20 parts)"]))
    assert "53.0†" in shown
    assert "52.0†" in shown
    assert "67.5†" not in shown  # MVBench itself is the same benchmark
    assert (
        "†: not to be compared, over other benchmarks here than as published (generic 1 and 5, overall 7 and 11)."
        in shown
    )
    assert "Not the published average: MVBench (over 19 of 20 parts)." in shown
