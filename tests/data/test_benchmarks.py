"""The adapters, on rows in the real benchmarks' form and on everything that can be wrong with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from video_r2 import config, records
from video_r2.data import encode, miniature_benchmarks
from video_r2.data.benchmarks import ADAPTERS, convert_subtitle, read_benchmark
from video_r2.data.conversations import Conversation, write_jsonl
from video_r2.data.subtitles import read_srt
from video_r2.errors import RejectedRecord, UserError

ROOT = Path(__file__).parents[2]
Rows = Sequence[dict[str, Any]]


def benchmark(adapter: str, **keys: Any) -> config.Benchmark:
    return config.Benchmark(label=adapter, group="generic", adapter=adapter, **keys)


def store(folder: Path, rows: Rows, name: str = "default", split: str = "test", videos: Sequence[str] = ()) -> Path:
    """A data set of one configuration, as the hub stores it, with empty files for videos."""
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "data" / "rows.parquet")
    described = {"configs": [{"config_name": name, "data_files": [{"split": split, "path": "data/rows.parquet"}]}]}
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(described)}---\n")
    for video in videos:
        (folder / video).parent.mkdir(parents=True, exist_ok=True)
        (folder / video).touch()
    return folder


def only(table: pd.DataFrame) -> dict[str, Any]:
    assert len(table) == 1
    row = {str(key): value for key, value in table.iloc[0].to_dict().items()}
    return {**row, "options": list(row["options"])}


# --- rows as the real benchmarks have them ----------------------------------------------------------------------------


def test_mvbench(tmp_path: Path) -> None:
    row = {"video": "10.mp4", "question": "What came next?", "candidates": ["B", "A", "C"], "answer": "A"}
    videos = ["star/Charades_segment/10.mp4", "perception/videos/10.mp4"]
    store(tmp_path / "raw", [row], "character_order", "train", videos)
    table, rejected = read_benchmark(
        "mvbench", tmp_path / "raw", benchmark("mvbench", configs=["character_order"], split="train")
    )
    read = only(table)
    # The answer is an option's text even where that is a letter: "A" stands second.
    assert (read["target"], read["options"]) == ("B", ["B", "A", "C"])
    # Each configuration has its own folder, in which names come again.
    assert read["video"] == str(tmp_path / "raw/perception/videos/10.mp4")
    assert (read["id"], read["config"], read["category"]) == ("character_order-0", "character_order", "character_order")
    assert not rejected


def test_videomme(tmp_path: Path) -> None:
    row = {
        "video_id": "001",
        "duration": "short",
        "domain": "Knowledge",
        "sub_category": "Humanity & History",
        "url": "",
        "videoID": "fFjv93ACGo8",
        "question_id": "001-1",
        "task_type": "Counting Problem",
        "question": "How many are there?",
        "options": ["A. Apples.", "B. Candles: two.", "C. Berries.", "D. All."],
        "answer": "C",
    }
    store(tmp_path / "raw", [row], "videomme", videos=["data/fFjv93ACGo8.MP4", "subtitle/fFjv93ACGo8.srt"])
    table, _ = read_benchmark("videomme", tmp_path / "raw", benchmark("videomme", configs=["videomme"]))
    read = only(table)
    assert read["options"] == ["Apples.", "Candles: two.", "Berries.", "All."]
    assert (read["id"], read["category"], read["target"], read["answer_type"]) == ("001-1", "short", "C", "choice")
    assert read["video"].endswith("data/fFjv93ACGo8.MP4")
    assert read["subtitle"].endswith("subtitle/fFjv93ACGo8.srt")


def test_tempcompass(tmp_path: Path) -> None:
    row = {
        "video_id": "1021488277",
        "question": "What is happening?\nA. it drops: down\nB. it rises\nC. it turns",
        "answer": "B. it rises",
        "dim": "action",
    }
    store(tmp_path / "raw", [row], "mcq", videos=["videos/1021488277.mp4"])
    table, _ = read_benchmark("tempcompass", tmp_path / "raw", benchmark("tempcompass", configs=["mcq"]))
    read = only(table)
    assert read["question"] == "What is happening?"
    assert read["options"] == ["it drops: down", "it rises", "it turns"]
    assert (read["target"], read["category"]) == ("B", "action")


@pytest.mark.parametrize("pattern", ["({}) {}", "{}. {}", "{}: {}"])
def test_mlvu(tmp_path: Path, pattern: str) -> None:
    lines = [pattern.format(letter, text) for letter, text in zip("ABCD", ["one", "two", "three", "four"], strict=True)]
    row = {
        "video_name": "count_1.mp4",
        "question": "\n".join(["How often?", *lines]),
        "answer": "D",
        "task_type": "count",
    }
    store(tmp_path / "raw", [row], videos=["unpacked/video/count_1.mp4"])
    table, _ = read_benchmark("mlvu", tmp_path / "raw", benchmark("mlvu"))
    read = only(table)
    assert (read["question"], read["options"]) == ("How often?", ["one", "two", "three", "four"])
    assert (read["target"], read["category"]) == ("D", "count")
    assert read["video"].endswith("unpacked/video/count_1.mp4")


def test_longvideobench(tmp_path: Path) -> None:
    row = {
        "id": "abc_0",
        "video_path": "abc.mp4",
        "subtitle_path": "abc_en.json",
        "starting_timestamp_for_subtitles": 100.0,
        "question": "Who?",
        **dict(zip([f"option{place}" for place in range(5)], ["a man", "a dog", "a cat", "a car", "N/A"], strict=True)),
        "correct_choice": 3,
        "question_category": "T2A",
        "duration_group": 15,
    }
    store(tmp_path / "raw", [row], split="validation", videos=["videos/abc.mp4"])
    (tmp_path / "raw/subtitles").mkdir()
    (tmp_path / "raw/subtitles/abc_en.json").write_text(
        json.dumps(
            [
                {"timestamp": [90.0, 99.0], "text": "before"},
                {"timestamp": [99.0, 101.5], "text": "across"},
                {"start": "00:01:45.250", "end": "00:01:46.000", "line": "inside"},
                {"timestamp": [110.0, None], "text": "open"},
            ]
        )
    )
    table, _ = read_benchmark(
        "longvideobench", tmp_path / "raw", benchmark("longvideobench", split="validation"), tmp_path / "srt"
    )
    read = only(table)
    assert (read["options"], read["target"]) == (["a man", "a dog", "a cat", "a car"], "D")
    assert Path(read["subtitle"]).parent == tmp_path / "srt"
    cues = [(cue.start, cue.end, cue.text) for cue in read_srt(Path(read["subtitle"]), rejected=[])]
    assert cues == [(0.0, 1.5, "across"), (5.25, 6.0, "inside"), (10.0, 11.0, "open")]


def test_longvideobench_without_a_word_has_no_subtitle(tmp_path: Path) -> None:
    path = tmp_path / "silent.json"
    path.write_text('[{"timestamp": [0.0, 5.0], "text": "over before the video begins"}]')
    assert convert_subtitle(path, 10.0, tmp_path / "silent.srt") is None
    assert not (tmp_path / "silent.srt").exists()


def test_videomathqa(tmp_path: Path) -> None:
    row = {
        "question_id": "7",
        "videoID": "x",
        "question": "What is x?",
        "options": ["A. $1$", "B. $2$", "C. $3$", "D. $4$", "E. $5$"],
        "answer": "E",
        "category": "Arithmetic",
        "length": "short",
    }
    store(tmp_path / "raw", [row], "mcq", videos=["videos/x.mkv"])
    table, _ = read_benchmark("videomathqa", tmp_path / "raw", benchmark("videomathqa", configs=["mcq"]))
    read = only(table)
    assert (read["options"][4], read["target"], read["category"]) == ("$5$", "E", "Arithmetic")
    assert read["video"].endswith("x.mkv")


@pytest.mark.parametrize(
    ("kind", "options", "answer", "expected"),
    [
        ("multiple-choice", ["$6", "$7", "$8", "$9"], "B", ("choice", "B")),
        ("perception", [str(number) for number in range(10)], "J", ("choice", "J")),
        ("open", [], "24.32", ("number", "24.32")),
        ("open", ["?"], "-1,500", ("number", "-1,500")),
        ("open", [], "the second law", ("text", "the second law")),
    ],
)
def test_video_mmmu(tmp_path: Path, kind: str, options: list[str], answer: str, expected: tuple[str, str]) -> None:
    row = {"id": "validation_Finance_9", "question": "How much?", "options": options, "answer": answer}
    store(
        tmp_path / "raw", [{**row, "question_type": kind}], "Adaptation", videos=["Business/validation_Finance_9.mp4"]
    )
    (tmp_path / "raw/question_only").mkdir()
    (tmp_path / "raw/question_only/validation_Finance_9_image.mp4").touch()
    table, _ = read_benchmark("video_mmmu", tmp_path / "raw", benchmark("video_mmmu", configs=["Adaptation"]))
    read = only(table)
    assert (read["answer_type"], read["target"]) == expected
    assert read["id"] == "Adaptation/validation_Finance_9"
    assert read["video"].endswith("Business/validation_Finance_9.mp4")


@pytest.mark.parametrize(
    ("column", "place"),
    [
        ("video_path", "videos/Art/0.mp4"),
        ("video", "https://huggingface.co/datasets/yale-nlp/MMVU/resolve/main/videos/Art/0.mp4"),
    ],
)
def test_mmvu(tmp_path: Path, column: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    choices = dict(zip("ABCDE", ["a", "b", "c", "d", "e"], strict=True))
    row = {"id": "validation_0", column: place, "question": "Which?", "choices": choices, "answer": "B"}
    rows: list[dict[str, Any]] = [
        {**row, "question_type": "multiple-choice"},
        {**row, "id": "validation_1", "question_type": "open-ended", "choices": dict.fromkeys("ABCDE")},
    ]
    store(tmp_path / "raw", rows, split="validation", videos=["videos/Art/0.mp4", "videos/Law/0.mp4"])
    table, rejected = read_benchmark("mmvu", tmp_path / "raw", benchmark("mmvu", split="validation"))
    read = only(table)
    assert (read["target"], read["category"]) == ("B", "Art")
    assert read["video"].endswith("videos/Art/0.mp4")
    # Open questions are not part of what the paper measures: neither used nor a fault, and said.
    assert not rejected
    assert "mmvu: 1 rows are not part of the benchmark" in capsys.readouterr().out


def test_vsibench(tmp_path: Path) -> None:
    row: dict[str, Any] = {"dataset": "scannet", "scene_name": "scene0011_00", "question": "How far?"}
    rows: list[dict[str, Any]] = [
        {**row, "id": 4, "question_type": "object_abs_distance", "ground_truth": "2.7", "options": None},
        {
            **row,
            "id": 5,
            "question_type": "object_rel_direction_easy",
            "ground_truth": "B",
            "options": ["A. left", "B. right"],
        },
    ]
    store(tmp_path / "raw", rows, videos=["scannet/scene0011_00.mp4"])
    table, _ = read_benchmark("vsibench", tmp_path / "raw", benchmark("vsibench"))
    assert table["id"].tolist() == ["4", "5"]
    assert table["answer_type"].tolist() == ["number", "choice"]
    assert table["target"].tolist() == ["2.7", "B"]
    assert [list(options) for options in table["options"]] == [[], ["left", "right"]]


def test_minerva(tmp_path: Path) -> None:
    row = {
        "key": "k1",
        "video_id": "yt",
        "question": "Why?",
        **{f"answer_choice_{place}": f"because {place}" for place in range(5)},
        "answer": "because 4",
        "answer_id": 4,
        "question_type": "Cause and Effect",
        "split": "Sports",
        "category": "Sports",
    }
    store(tmp_path / "raw", [row], "mcq", videos=["videos/yt.webm"])
    table, _ = read_benchmark("minerva", tmp_path / "raw", benchmark("minerva", configs=["mcq"]))
    read = only(table)
    assert (read["id"], read["target"], read["category"]) == ("k1", "E", "Cause and Effect")


def test_scivideobench_saved_to_disk(tmp_path: Path) -> None:
    row = {
        "video_id": "123",
        "question": "Which?",
        "options": {letter: f"substance {letter}" for letter in "ABCDEFGHIJ"},
        "answer": "J",
        "question_type": "Conceptual Reasoning",
        "category": "Chemistry",
    }
    datasets.Dataset.from_list([row]).save_to_disk(str(tmp_path / "raw"))
    (tmp_path / "raw/jove_123.mp4").touch()
    table, _ = read_benchmark("scivideobench", tmp_path / "raw", benchmark("scivideobench"))
    read = only(table)
    assert (len(read["options"]), read["target"], read["id"]) == (10, "J", "123-0")


def conversation(tmp_path: Path, **keys: Any) -> Conversation:
    (tmp_path / "film.mp4").touch()
    fields: dict[str, Any] = {
        "id": "sum-0001",
        "video": str(tmp_path / "film.mp4"),
        "images": [],
        "question": "What colour?\nOptions:\n(A) red\n(B) blue\nThink inside <think> </think> first.",
        "trace": "<think>t</think><answer>B</answer>",
        "think": "t",
        "answer": "B",
        "grounding": {"00:01-00:03": "a red circle"},
        "subtitle": None,
    }
    return Conversation(**{**fields, **keys})


def test_held_out_conversations(tmp_path: Path) -> None:
    rows = [
        conversation(tmp_path),
        conversation(tmp_path, id="sum-0002", question="How many?\nThink in <think> tags.", answer="12"),
        conversation(tmp_path, id="sum-0003", video=None, images=["picture.png"]),
    ]
    write_jsonl(tmp_path / "heldout.jsonl", rows)
    table, rejected = read_benchmark("heldout", tmp_path / "heldout.jsonl", benchmark("conversations"))
    assert table["question"].tolist() == ["What colour?", "How many?"]
    assert [list(options) for options in table["options"]] == [["red", "blue"], []]
    assert table["answer_type"].tolist() == ["choice", "number"]
    assert json.loads(table["grounding"][0]) == {"00:01-00:03": "a red circle"}
    assert [(record.record, record.reason) for record in rejected] == [("2 (sum-0003)", "has nothing in video")]


# --- the miniature goes the same way ----------------------------------------------------------------------------------


def test_the_miniature_is_read_back_as_it_was_asked(tmp_path: Path) -> None:
    world = config.World(benchmark_videos=12, benchmark_questions=40)
    for name, entry in config.load([ROOT / "config.yaml"]).benchmarks.items():
        if entry.group == "heldout":
            continue
        made = miniature_benchmarks.make_benchmark(name, entry, world)
        miniature_benchmarks.write_benchmark(tmp_path / name, made, entry)
        for film, place in made.films:
            path = tmp_path / name / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            path.with_suffix(".srt").write_text(encode.format_srt(film.cues))
        table, rejected = read_benchmark(name, tmp_path / name, entry, tmp_path / "srt" / name)
        assert not rejected
        records.write_table(tmp_path / f"{name}.parquet", table, records.QUESTION)
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


# --- bad input --------------------------------------------------------------------------------------------------------

GOOD = {
    "key": "good",
    "video_id": "film",
    "question": "Which?",
    **{f"answer_choice_{place}": f"text {place}" for place in range(5)},
    "answer_id": 2,
    "question_type": "Counting",
}


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


def test_text_that_is_not_utf8_costs_its_row_alone(tmp_path: Path) -> None:
    store(tmp_path, [GOOD], videos=["videos/film.mp4"])
    table = pa.Table.from_pylist([GOOD, {**GOOD, "key": "bad"}])
    spoiled = pa.array([b"Which?", b"Which \xff?"], pa.binary()).view(pa.string())
    table = table.set_column(table.column_names.index("question"), "question", spoiled)
    pq.write_table(table, tmp_path / "data/rows.parquet")
    read, rejected = read_benchmark("minerva", tmp_path, benchmark("minerva"))
    assert read["id"].tolist() == ["good"]
    assert "not UTF-8" in rejected[0].reason


def test_two_videos_that_fit_equally_are_not_guessed_between(tmp_path: Path) -> None:
    store(tmp_path, [GOOD, {**GOOD, "key": "k", "video_id": "x"}], videos=["videos/film.mp4", "a/x.mp4", "b/x.mkv"])
    _, rejected = read_benchmark("minerva", tmp_path, benchmark("minerva"))
    assert "several videos could be x.mp4: a/x.mp4, b/x.mkv" in rejected[0].reason


@pytest.mark.parametrize("content", [b"\xff\xfe", b"not json", b'{"timestamp": [1]}', b'[{"text": "x"}]', b"[[1, 2]]"])
def test_a_bad_json_subtitle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(RejectedRecord, match=r"bad\.json: the subtitle"):
        convert_subtitle(tmp_path / "bad.json", 0.0, tmp_path / "bad.srt")


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
