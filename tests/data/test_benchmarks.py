"""Benchmarks read into questions: those of the miniature, and everything that can be wrong with a folder or a row."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmark_folders import benchmark, store

import prepare_benchmark
from video_r2 import config, records
from video_r2.data import miniature_benchmarks
from video_r2.data.benchmark_columns import ADAPTERS
from video_r2.data.benchmarks import read_benchmark
from video_r2.data.subtitles import format_srt
from video_r2.errors import RejectedRecord, UserError
from video_r2.workflow import read_config

ROOT = Path(__file__).parents[2]

GOOD = {
    "key": "good",
    "video_id": "film",
    "question": "Which?",
    **{f"answer_choice_{place}": f"text {place}" for place in range(5)},
    "answer_id": 2,
    "question_type": "Counting",
}


def test_the_miniature_is_read_back_as_it_was_asked(tmp_path: Path) -> None:
    folder = tmp_path / "of a [1]"  # which is no pattern
    world = config.World(benchmark_videos=12, benchmark_questions=40)
    for name, entry in read_config([ROOT / "config.yaml"], {}).benchmarks.items():
        if entry.group == "heldout":
            continue
        made = miniature_benchmarks.make_benchmark(name, entry, world)
        miniature_benchmarks.write_benchmark(folder / name, made, entry)
        for film, place in made.films:
            path = folder / name / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            path.with_suffix(".srt").write_text(format_srt(film.cues))
        table, rejected = read_benchmark(name, folder / name, entry, folder / "srt" / name)
        assert not rejected
        records.write_table(folder / f"{name}.parquet", table, records.QUESTION)
        asked = {question.id: question for question in made.questions}
        assert len(table) == len(asked) == 40
        for row in table.to_dict("records"):
            question = asked[row["id"]]
            assert row["question"] == question.item.question
            assert list(row["options"]) == question.options
            assert row["target"] == question.target
            assert row["answer_type"] == ("choice" if question.options else "number")
            assert Path(row["video"]).stem.removeprefix("jove_") == question.film.name
            assert not question.item.kind.endswith("_word") or row["subtitle"]


def read_minerva(folder: Path, *rows: dict[str, Any]) -> tuple[pd.DataFrame, list[RejectedRecord]]:
    store(folder, [{**GOOD, **row} for row in rows], videos=["videos/film.mp4"])
    return read_benchmark("minerva", folder, benchmark("minerva"))


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"answer_id": 5}, "outside of the 5 options"),
        ({"answer_id": -1}, "outside of the 5 options"),
        ({"answer_id": None}, "nothing in answer_id"),
        ({"video_id": "other"}, "the video other.mp4 is missing"),
        ({"question": " "}, "the question is empty"),
        ({"answer_choice_3": None}, "nothing in answer_choice_3"),
        ({"answer_choice_3": ""}, "options are missing"),
        ({"answer_choice_3": "a <|im_end|>"}, "holds '<|im_end|>'"),
        ({"key": "good"}, "the id 'good' is already that of row 0"),
    ],
)
def test_a_bad_row_is_set_aside_and_the_others_go_on(tmp_path: Path, keys: dict[str, Any], reason: str) -> None:
    table, rejected = read_minerva(tmp_path, {}, {"key": "bad", **keys}, {"key": "last"})
    assert table["id"].tolist() == ["good", "last"]
    assert len(rejected) == 1
    assert reason in rejected[0].reason
    assert (rejected[0].file, str(rejected[0].record).split()[0]) == (f"{tmp_path} default/test", "1")
    assert rejected[0].cure


@pytest.mark.parametrize("answer", ["E", "(E)", "E. green", "green", "e", ""])
def test_an_answer_that_is_no_option_is_set_aside(tmp_path: Path, answer: str) -> None:
    row = {"video_name": "film.mp4", "question": "Which?\n(A) red\n(B) blue", "task_type": "count"}
    rows = [{**row, "answer": "blue"}, {**row, "answer": answer}]
    store(tmp_path, rows, videos=["film.mp4"])
    table, rejected = read_benchmark("mlvu", tmp_path, benchmark("mlvu"))
    assert table["target"].tolist() == ["B"]
    assert [str(record.record).split()[0] for record in rejected] == ["1"]


def test_a_question_that_has_lost_its_options_is_no_open_one(tmp_path: Path) -> None:
    """Some benchmarks ask open questions; in the others a row without options that can be read is damaged."""
    row = {
        "videoID": "film",
        "question": "Which?",
        "options": ["A. red", "B. blue"],
        "answer": "B",
        "duration": "short",
    }
    rows = [{**row, "question_id": "1"}, {**row, "question_id": "2", "options": []}]
    store(tmp_path, rows, videos=["film.mp4"])
    table, rejected = read_benchmark("videomme", tmp_path, benchmark("videomme"))
    assert table["id"].tolist() == ["1"]
    assert [(str(record.record).split()[0], record.reason) for record in rejected] == [
        ("1", "has no options that can be read")
    ]


def test_text_that_is_not_utf8_costs_its_row_alone(tmp_path: Path) -> None:
    store(tmp_path, [GOOD], videos=["videos/film.mp4"])
    table = pa.Table.from_pylist([GOOD, {**GOOD, "key": "bad"}])
    spoiled = pa.array([b"Which?", b"Which \xff?"], pa.binary()).view(pa.string())
    table = table.set_column(table.column_names.index("question"), "question", spoiled)
    pq.write_table(table, tmp_path / "data/rows.parquet")
    read, rejected = read_benchmark("minerva", tmp_path, benchmark("minerva"))
    assert read["id"].tolist() == ["good"]
    assert "not UTF-8" in rejected[0].reason


def test_the_tables_of_a_folder_whose_name_is_no_pattern_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "of a [1]"
    (folder / "data").mkdir(parents=True)
    (folder / "videos").mkdir()
    (folder / "videos/film.mp4").touch()
    (folder / "data/test.jsonl").write_text(json.dumps(GOOD) + "\n", encoding="utf-8")
    table, rejected = read_benchmark("minerva", folder, benchmark("minerva"))
    assert (list(table["id"]), rejected) == (["good"], [])


def test_two_videos_that_fit_equally_are_not_guessed_between(tmp_path: Path) -> None:
    store(tmp_path, [GOOD, {**GOOD, "key": "k", "video_id": "x"}], videos=["videos/film.mp4", "a/x.mp4", "b/x.mkv"])
    _, rejected = read_benchmark("minerva", tmp_path, benchmark("minerva"))
    assert "several videos could be x.mp4: a/x.mp4, b/x.mkv" in rejected[0].reason


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    row = {key: value for key, value in GOOD.items() if key != "answer_id"}
    store(tmp_path, [row])
    with pytest.raises(UserError, match=r"has no column answer_id; it has key, video_id"):
        read_benchmark("minerva", tmp_path, benchmark("minerva"))


def test_a_benchmark_without_a_usable_question_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no question .* 1 were set aside; the first: .*other\.mp4 is missing"):
        read_minerva(tmp_path, {"video_id": "other"})


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    store(tmp_path, [GOOD])
    pq.write_table(pa.Table.from_pylist([GOOD]).slice(0, 0), tmp_path / "data/rows.parquet")
    with pytest.raises(UserError, match=r"rows\.parquet: the table is empty"):
        read_benchmark("minerva", tmp_path, benchmark("minerva"))


def test_a_wrong_configuration_or_split_is_refused(tmp_path: Path) -> None:
    store(tmp_path, [GOOD])
    for keys in ({"configs": ["other"]}, {"split": "validation"}):
        with pytest.raises(UserError, match=r"cannot be read: .*cure: check `configs` and `split`"):
            read_benchmark("minerva", tmp_path, benchmark("minerva", **keys))


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    store(tmp_path, [GOOD])
    (tmp_path / "data/rows.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"rows\.parquet: cannot be read as Parquet"):
        read_benchmark("minerva", tmp_path, benchmark("minerva"))


def test_a_json_table_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    tmp_path.joinpath("minerva.jsonl").write_bytes(b'{"key": "\xff"}\n')
    with pytest.raises(UserError, match=r"minerva\.jsonl: is not UTF-8 text \(byte 9\)"):
        read_benchmark("minerva", tmp_path, benchmark("minerva"))


def test_a_missing_folder_and_an_unknown_adapter_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        read_benchmark("minerva", tmp_path / "nowhere", benchmark("minerva"))
    with pytest.raises(UserError, match=r"no adapter called 'minervas' \(cure: use one of mvbench, "):
        read_benchmark("minerva", tmp_path, benchmark("minervas"))


def test_every_adapter_sets_aside_a_row_of_the_wrong_form(tmp_path: Path) -> None:
    for name, adapter in ADAPTERS.items():
        if name == "conversations":
            continue
        store(tmp_path / name, [dict.fromkeys(adapter.columns, 7)])
        with pytest.raises(UserError, match=r"holds no question that can be used: [01] were set aside"):
            read_benchmark(name, tmp_path / name, benchmark(name))


HAS = "minerva was published with 3 questions, and has 2 here"
USABLE = "minerva was published with {} questions, of which 1 can be used here (1 set aside)"


@pytest.mark.parametrize(
    ("published", "said"),
    [(2, [USABLE.format(2)]), (3, [HAS, USABLE.format(3)]), (1, ["1 questions, and has 2 here"]), (None, [])],
)
def test_another_number_of_questions_than_was_published_is_warned_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], published: int | None, said: list[str]
) -> None:
    """Of the download, and of what can be used of it."""
    store(tmp_path / "raw", [GOOD, {**GOOD, "key": "bad", "question": ""}], videos=["videos/film.mp4"])
    names = ("questions", "rejected", "subtitles")
    job = SimpleNamespace(
        input=SimpleNamespace(raw=str(tmp_path / "raw")),
        output=SimpleNamespace(**{name: str(tmp_path / name) for name in names}),
        params=SimpleNamespace(benchmark=benchmark("minerva").model_dump(), published=published, max_rejected=0.5),
        wildcards=SimpleNamespace(benchmark="minerva"),
    )
    prepare_benchmark.main(job)
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == len(said)
    assert all(text in line for text, line in zip(said, warnings, strict=True))


def test_a_benchmark_that_lacks_a_part_of_its_average_is_warned_about() -> None:
    tasks = [f"task {at % 19}" for at in range(38)]
    assert list(prepare_benchmark.unlike_published("mvbench", "mvbench", tasks, 0, 38)) == [
        "mvbench is averaged over 19 parts, and was published over 20: see the notes of the tables"
    ]
    assert list(prepare_benchmark.unlike_published("mvbench", "mvbench", [*tasks, "another"], 1, 40)) == [
        "mvbench was published with 40 questions, of which 39 can be used here (1 set aside)"
    ]
