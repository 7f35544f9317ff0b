"""The benchmarks' own columns, on rows in the real form."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmark_folders import benchmark, only, store

from video_r2 import config
from video_r2.data.benchmarks import read_benchmark
from video_r2.data.conversations import Conversation, Medium, write_jsonl
from video_r2.data.miniature_benchmarks import PLANS, make_benchmark
from video_r2.data.subtitles import read_srt
from video_r2.workflow import read_config

ROOT = Path(__file__).parents[2]


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


def test_tempcompass_of_the_release(tmp_path: Path) -> None:
    """The release's copy: options apart, and the letter as the answer."""
    row = {
        "uuid": "q-17",
        "video_id": "1021488277",
        "question": "What is happening?",
        "options": ["A. it drops: down", "B. it rises", "C. it turns"],
        "answer": "B",
    }
    store(tmp_path / "raw", [row], "mcq", videos=["videos/1021488277.webm"])
    table, rejected = read_benchmark("tempcompass", tmp_path / "raw", benchmark("tempcompass", configs=["mcq"]))
    read = only(table)
    assert (read["id"], read["question"], read["target"]) == ("q-17", "What is happening?", "B")
    assert read["options"] == ["it drops: down", "it rises", "it turns"]
    assert read["video"].endswith("videos/1021488277.webm")
    assert not rejected


@pytest.mark.parametrize("pattern", ["({}) {}", "{}. {}", "{}: {}"])
def test_mlvu(tmp_path: Path, pattern: str) -> None:
    lines = [pattern.format(letter, text) for letter, text in zip("ABCD", ["one", "two", "three", "four"], strict=True)]
    row = {
        "video_name": "count_1.mp4",
        "duration": 480.0,
        "question": "\n".join(["How often?", *lines]),
        "candidates": ["one", "two", "three", "four"],
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
        "video_id": "abc",
        "id": "abc_0",
        "video_path": "abc.mp4",
        "subtitle_path": "abc_en.json",
        "correct_choice": 3,
        "question": "Who?",
        **dict(zip([f"option{place}" for place in range(5)], ["a man", "a dog", "a cat", "a car", "N/A"], strict=True)),
        "duration": 14.9,
        "duration_group": 15,
        "question_category": "T2A",
        "topic_category": "KA-Knowledge-Art",
        "starting_timestamp_for_subtitles": 100.0,
    }
    # As on the hub: a README that describes no table, the table at the top, and far more subtitles and videos than tables.
    (tmp_path / "raw/videos").mkdir(parents=True)
    (tmp_path / "raw/subtitles").mkdir()
    (tmp_path / "raw/README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n\n# LongVideoBench\n")
    for split in ("validation", "test"):
        path = tmp_path / f"raw/{split}-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist([row if split == "validation" else {**row, "question": "hidden"}]), path)
    for name in ("abc", *(f"dev-test-{number}" for number in range(40))):
        (tmp_path / f"raw/videos/{name}.mp4").touch()
        (tmp_path / f"raw/subtitles/{name}_en.json").write_text('[{"start": "0:0:0", "end": "0:0:1", "line": "x"}]')
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


def test_videomathqa(tmp_path: Path) -> None:
    row = {
        "videoID": "x",
        "question_id": 7,
        "category": "Arithmetic",
        "question": "What is x?",
        "options": ["A. $1$", "B. $2$", "C. $3$", "D. $4$", "E. $5$"],
        "answer": "E",
        "steps": "First ...",
        "length": "short",
    }
    store(tmp_path / "raw", [row], "mcq", videos=["videos/x.mkv"])
    table, _ = read_benchmark("videomathqa", tmp_path / "raw", benchmark("videomathqa", configs=["mcq"]))
    read = only(table)
    assert (read["options"][4], read["target"], read["category"]) == ("$5$", "E", "Arithmetic")
    assert read["id"] == "7"
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


def test_minerva_of_the_release(tmp_path: Path) -> None:
    """The release's copy has the columns of VideoMathQA."""
    row = {
        "videoID": "yt",
        "question_id": "k1",
        "category": "Cooking",
        "question": "Why?",
        "options": [f"{letter}. because {letter}" for letter in "ABCDE"],
        "answer": "D",
        "length": "long",
    }
    store(tmp_path / "raw", [row], "mcq", videos=["videos/yt.webm", "subtitles/yt.srt"])
    table, rejected = read_benchmark("minerva", tmp_path / "raw", benchmark("minerva", configs=["mcq"]))
    read = only(table)
    assert (read["id"], read["target"], read["category"]) == ("k1", "D", "Cooking")
    assert read["options"] == [f"because {letter}" for letter in "ABCDE"]
    assert read["video"].endswith("videos/yt.webm")
    assert read["subtitle"].endswith("subtitles/yt.srt")
    assert not rejected


@pytest.mark.parametrize("below", ["", "scivideobench"])
def test_scivideobench_saved_to_disk(tmp_path: Path, below: str) -> None:
    row = {
        "video_id": "123",
        "question": "Which?",
        "options": {letter: f"substance {letter}" for letter in "ABCDEFGHIJ"},
        "answer": "J",
        "question_type": "Conceptual Reasoning",
        "category": "Chemistry",
        "video_duration": 541.3,
    }
    saved = (
        datasets.DatasetDict({"test": datasets.Dataset.from_list([row])})
        if below
        else datasets.Dataset.from_list([row])
    )
    saved.save_to_disk(str(tmp_path / "raw" / below))
    (tmp_path / "raw/videos").mkdir()
    (tmp_path / "raw/videos/jove_123.mp4").touch()
    table, _ = read_benchmark("scivideobench", tmp_path / "raw", benchmark("scivideobench"))
    read = only(table)
    assert (len(read["options"]), read["target"], read["id"]) == (10, "J", "123-0")


def conversation(tmp_path: Path, **keys: Any) -> Conversation:
    (tmp_path / "film.mp4").touch()
    fields: dict[str, Any] = {
        "id": "sum-0001",
        "kind": "video",
        "media": [Medium(str(tmp_path / "film.mp4"))],
        "question": "What colour?\nOptions:\n(A) red\n(B) blue\nThink inside <think> </think> first.",
        "trace": "<think>t</think><answer>B</answer>",
        "think": "t",
        "answer": "B",
        "grounding": {"00:01-00:03": "a red circle"},
    }
    return Conversation(**{**fields, **keys})


def test_held_out_conversations(tmp_path: Path) -> None:
    rows = [
        conversation(tmp_path),
        conversation(tmp_path, id="sum-0002", question="How many?\nThink in <think> tags.", answer="12"),
        conversation(tmp_path, id="sum-0003", kind="image", media=[Medium("picture.png")]),
        conversation(tmp_path, id="sum-0004", media=[Medium(str(tmp_path / "film.mp4"))] * 2),
    ]
    write_jsonl(tmp_path / "heldout.jsonl", rows)
    table, rejected = read_benchmark("heldout", tmp_path / "heldout.jsonl", benchmark("conversations"))
    assert table["question"].tolist() == ["What colour?", "How many?"]
    assert [list(options) for options in table["options"]] == [["red", "blue"], []]
    assert table["answer_type"].tolist() == ["choice", "number"]
    assert json.loads(table["grounding"][0]) == {"00:01-00:03": "a red circle"}
    assert [(record.record, record.reason) for record in rejected] == [
        ("2 (sum-0003)", "has nothing in video"),
        ("3 (sum-0004)", "has nothing in video"),
    ]


# --- lmms-eval's own tasks --------------------------------------------------------------------------------------------

TASKS = {**{name: name for name in PLANS}, "video_mmmu": "videommmu"}
# Of other questions than multiple choice, of what a task itself writes, and of a spelling that it calls deprecated.
NOT_PUBLISHED = {
    "tempcompass": {"mc_answer", "mc_question"},
    "videomathqa": {"duration"},
    "vsibench": {"prediction"},
    "minerva": {"question type"},
    "scivideobench": {"ground_truth"},
}


def columns_read_by(task: str) -> set[str]:
    """Columns that an lmms-eval task reads: every `doc["..."]` and `doc.get("...")` of its code."""
    spec = importlib.util.find_spec("lmms_eval")
    assert spec is not None
    assert spec.origin is not None
    code = ast.parse((Path(spec.origin).parent / "tasks" / task / "utils.py").read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(code):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            found.append((node.value, node.slice))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            found.append((node.func.value, node.args[0]))
    names = [key for holder, key in found if isinstance(holder, ast.Name) and holder.id == "doc"]
    return {key.value for key in names if isinstance(key, ast.Constant) and isinstance(key.value, str)}


@pytest.mark.parametrize("name", PLANS)
def test_the_miniature_has_every_column_that_lmms_eval_reads(name: str) -> None:
    entry = read_config([ROOT / "config.yaml"], {}).benchmarks[name]
    made = make_benchmark(name, entry, config.World(benchmark_videos=12, benchmark_questions=40))
    read = columns_read_by(TASKS[name]) - NOT_PUBLISHED.get(name, set())
    assert len(read) > 3
    for rows in made.rows.values():
        assert read <= rows[0].keys()
