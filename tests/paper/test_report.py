"""Pages of the report: which questions are shown, and what of the responses; records that were set aside."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from video_r2 import records
from video_r2.errors import UserError
from video_r2.paper.report import read_rejected, rejected_sheet, samples_page
from video_r2.paper.tables import to_markdown


def prediction(name: str, benchmark: str = "b", evaluation: str = "e", **changes: object) -> dict[str, object]:
    return {
        "id": name,
        "benchmark": benchmark,
        "config": "default",
        "category": "",
        "video": f"{name}.mp4",
        "subtitle": "",
        "question": "Which <colour>?",
        "options": ["red", "blue & green"],
        "answer_type": "choice",
        "target": "B",
        "grounding": "{}",
        "evaluation": evaluation,
        "seed": 0,
        "prompt": "",
        "response": "raw",
        "think": "00:04-00:08: a circle, 00:04 again.",
        "answer": "B",
        "times": ["00:04", "00:04-00:08"],
        "tokens": 3,
        "finished": True,
        **changes,
    }


def stored(tmp_path: Path, rows: list[dict[str, object]]) -> pd.DataFrame:
    """Predictions as they come back from their file, where pandas decides how a missing text is written."""
    path = tmp_path / "predictions.parquet"
    records.write_table(path, pd.DataFrame(rows), records.PREDICTION)
    return records.read_table(path, records.PREDICTION)


SCORED = ["id", "benchmark", "evaluation", "metric", "score"]


def score(name: str, value: float | None, evaluation: str = "e") -> dict[str, object]:
    return {"id": name, "benchmark": "b", "evaluation": evaluation, "metric": "accuracy", "score": value}


def sample(name: str, reason: str | None = None) -> dict[str, object]:
    shown = {"times": [], "frames": []} if reason else {"times": [0.0, 4.0], "frames": [b"first", b"last"]}
    return {"id": name, "benchmark": "b", "reason": reason, **shown}


def page(samples: list[dict[str, object]], predictions: pd.DataFrame, scores: list[dict[str, object]]) -> str:
    return samples_page(
        pd.DataFrame(samples),
        predictions,
        pd.DataFrame(scores, columns=SCORED),
        {"e": "Tiny", "f": "Other"},
        {"b": "Bench"},
    )


def test_the_page_shows_frames_question_and_every_models_response(tmp_path: Path) -> None:
    rows = [prediction("q"), prediction("q", evaluation="f", answer="A")]
    text = page([sample("q")], stored(tmp_path, rows), [score("q", 100.0), score("q", 0.0, "f")])
    assert '<img src="data:image/jpeg;base64,Zmlyc3Q=" alt="frame at 0.0 s"' in text
    assert '<img src="data:image/jpeg;base64,bGFzdA==" alt="frame at 4.0 s"' in text
    assert "Which &lt;colour&gt;?" in text
    assert "blue &amp; green" in text
    assert "<mark>00:04-00:08</mark>: a circle, <mark>00:04</mark> again." in text
    assert text.index("Tiny") < text.index("Other")
    assert '<span class="right">100</span>' in text
    assert '<span class="wrong">0</span>' in text


def test_missing_traces_responses_and_scores_are_shown_as_missing(tmp_path: Path) -> None:
    rows = [
        prediction("p", think=None, answer=None, times=[], response="I say <b>"),
        prediction("q", response=None, think=None, answer=None, times=[]),
    ]
    text = page([sample("p"), sample("q")], stored(tmp_path, rows), [score("p", 50.0), score("q", None)])
    assert "<td></td><td>I say &lt;b&gt;</td>" in text
    assert "<td></td><td>no response</td><td>–</td>" in text
    loose = [prediction("p", think=None, answer="B", times=[], response="It is red.<answer>B</answer>")]
    shown = "<td><i>no think block:</i> It is red.&lt;answer&gt;B&lt;/answer&gt;</td><td>B</td>"
    assert shown in page([sample("p")], stored(tmp_path, loose), [])
    assert '<span class="part">50</span>' in text
    assert ">nan<" not in text
    assert ">None<" not in text


def test_a_video_that_cannot_be_read_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    predictions = stored(tmp_path, [prediction("p"), prediction("q")])
    text = page([sample("p", "has no frames"), sample("q")], predictions, [])
    assert text.count("The frames cannot be shown: has no frames") == 1
    assert text.count("<img") == 2


def test_samples_stand_in_their_own_order_and_others_are_left_out(tmp_path: Path) -> None:
    predictions = stored(tmp_path, [prediction("p"), prediction("q"), prediction("r")])
    text = page([sample("r"), sample("p")], predictions, [])
    assert text.index("Bench: r") < text.index("Bench: p")
    assert "Bench: q" not in text


def write_rejected(path: Path, number: int, video: str = "a.mp4") -> Path:
    lines = [
        json.dumps({"file": video, "record": f"row {at}", "reason": "has no frames", "cure": None})
        for at in range(number)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rejected_records_are_listed_by_stage_and_counted(tmp_path: Path) -> None:
    paths = [write_rejected(tmp_path / "videos.jsonl", 2), write_rejected(tmp_path / "mvbench.jsonl", 1, "b.mp4")]
    rejected = read_rejected([*paths, write_rejected(tmp_path / "empty.jsonl", 0)])
    text = to_markdown(rejected_sheet(rejected))
    assert "*videos: 2 records*" in text
    assert "*mvbench: 1 record*" in text
    assert "|  | a.mp4 | row 1 | has no frames |  |" in text
    assert text.endswith("3 records were set aside; the others went on.\n")


def test_a_long_list_says_that_it_is_cut(tmp_path: Path) -> None:
    rejected = read_rejected([write_rejected(tmp_path / name, 450) for name in ("videos.jsonl", "frames.jsonl")])
    assert set(rejected["stage"]) == {"videos"}  # what the second found, too, is listed once
    sheet = rejected_sheet(rejected)
    assert len(sheet.rows) == 200
    assert "450 records were set aside; the first 200 are shown" in sheet.notes
    assert sheet.blocks[0].title == "videos: 450 records"


def test_no_rejected_record_is_said_too(tmp_path: Path) -> None:
    assert "No record was set aside." in to_markdown(rejected_sheet(read_rejected([])))


def test_a_damaged_list_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "videos.jsonl"
    path.write_text('{"reason": "x"}\n{"reason', encoding="utf-8")
    with pytest.raises(UserError, match=r"videos.jsonl, record line 2: is not JSON"):
        read_rejected([path])


def test_reasons_that_many_records_share_are_counted(tmp_path: Path) -> None:
    reasons = ["has 2 images; not trained on"] * 30 + ["has 2 videos; not trained on"] * 20 + ["is damaged"]
    lines = [json.dumps({"file": "a.json", "record": str(at), "reason": text}) for at, text in enumerate(reasons)]
    (tmp_path / "training.jsonl").write_text("\n".join(lines), encoding="utf-8")
    notes = rejected_sheet(read_rejected([tmp_path / "training.jsonl"])).notes
    assert "30 times: has 2 images; not trained on. 20 times: has 2 videos; not trained on." in notes
    assert "is damaged" not in notes
