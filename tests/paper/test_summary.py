"""The closing words of a run: the main table, the time of each stage, where things lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from video_r2.errors import UserError
from video_r2.paper.layouts import main_accuracy_sheet
from video_r2.paper.reported import read_reported
from video_r2.paper.summary import clock, read_times, summarise
from video_r2.paper.tables import to_markdown


@pytest.fixture
def results(tmp_path: Path) -> Path:
    reported = read_reported()
    (tmp_path / "tables").mkdir()
    table = to_markdown(main_accuracy_sheet(reported.main, reported.header))
    (tmp_path / "tables" / "main_accuracy.md").write_text(table, encoding="utf-8")
    benchmarks = tmp_path / "benchmarks"
    (benchmarks / "train_grpo" / "grpo").mkdir(parents=True)
    for seed, seconds in ((0, 100.5), (1, 60.0)):
        path = benchmarks / "train_grpo" / "grpo" / f"seed-{seed}.jsonl"
        path.write_text(f'{{"s": {seconds}, "max_rss": 2000, "max_pss": {900 + seed}}}\n', encoding="utf-8")
    tsv = "s\th:m:s\tmax_rss\n3725.0\t1:02:05\t-\n"
    (benchmarks / "train_base.tsv").write_text(tsv, encoding="utf-8")
    (benchmarks / "predict.jsonl").write_text('{"s": 2, "max_rss": 700, "max_pss": "NA"}\n', encoding="utf-8")
    (benchmarks / "killed.jsonl").write_text('{"s": 1', encoding="utf-8")
    return tmp_path


def test_times_are_summed_by_rule(results: Path) -> None:
    base, grpo, predict = read_times(results / "benchmarks")
    assert (base.rule, base.jobs, base.seconds, base.memory) == ("train_base", 1, 3725.0, None)
    assert (grpo.rule, grpo.jobs, grpo.seconds, grpo.memory) == ("train_grpo", 2, 160.5, 901.0)
    assert (predict.rule, predict.seconds, predict.memory) == ("predict", 2.0, 700.0)


def test_the_summary_names_table_times_and_places(results: Path) -> None:
    text = summarise(results)
    assert "Video-R2" in text
    assert "54.1*" in text
    assert "53.0'" in text
    assert [line.split() for line in text.splitlines() if line.startswith("train_base")] == [
        ["train_base", "1", "1:02:05", "–"]
    ]
    # 3725 + 160.5 + 2 s
    assert any(line.split() == ["in", "all", "4", "1:04:48"] for line in text.splitlines())
    assert f"tables   {results / 'tables'}" in text
    assert "report" not in text


def test_the_summary_counts_what_was_set_aside(results: Path) -> None:
    rejected = results / "tables" / "rejected.csv"
    assert "set aside" not in summarise(results)
    rejected.write_text("stage,file,record,reason,cure\n", encoding="utf-8")
    assert "\nrecords set aside, or damaged in part: 0\n" in summarise(results)
    rejected.write_text('stage,file,record,reason,cure\nvideos,a.mp4,,"two\nlines",b\nsft,c,d,e,f\n', encoding="utf-8")
    assert f"\nrecords set aside, or damaged in part: 2 ({rejected})\n" in summarise(results)


def test_a_run_without_its_table_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"main_accuracy\.md: there is no such file"):
        summarise(tmp_path)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
