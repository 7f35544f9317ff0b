"""Pages of the report: which questions are shown, and what of the responses; records that were set aside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from video_r2 import records
from video_r2.errors import RejectedRecord, UserError
from video_r2.paper.report import Strip, choose_samples, read_rejected, rejected_sheet, samples_page
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


def load(video: str, subtitle: str) -> Strip:
    return Strip(np.zeros((5, 8, 8, 3), dtype=np.uint8), np.arange(5.0))


def page(predictions: pd.DataFrame, scores: list[dict[str, object]], load=load) -> str:
    return samples_page(
        predictions,
        pd.DataFrame(scores, columns=SCORED),
        {"e": "Tiny", "f": "Other"},
        {"b": "Bench"},
        number=3,
        load=load,
        frames=2,
    )


def test_samples_take_benchmarks_in_turn_and_do_not_depend_on_order(tmp_path: Path) -> None:
    rows = [prediction(f"q{at}", benchmark) for benchmark in ("x", "y", "z") for at in range(20)]
    frame = stored(tmp_path, rows)
    chosen = choose_samples(frame, 4)
    assert [benchmark for benchmark, _ in chosen].count("x") == 2
    assert {benchmark for benchmark, _ in chosen} == {"x", "y", "z"}
    shuffled = frame.sample(frac=1.0, random_state=1).sort_values("benchmark", kind="stable")
    assert choose_samples(shuffled, 4) == chosen
    assert len(choose_samples(frame, 1000)) == 60


def test_the_page_shows_frames_question_and_every_models_response(tmp_path: Path) -> None:
    rows = [prediction("q"), prediction("q", evaluation="f", answer="A")]
    text = page(stored(tmp_path, rows), [score("q", 100.0), score("q", 0.0, "f")])
    assert text.count('<img src="data:image/jpeg;base64,') == 2
    assert 'alt="frame at 0.0 s"' in text
    assert 'alt="frame at 4.0 s"' in text
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
    text = page(stored(tmp_path, rows), [score("p", 50.0), score("q", None)])
    assert "<td></td><td>I say &lt;b&gt;</td>" in text
    assert "<td></td><td>no response</td><td>–</td>" in text
    assert '<span class="part">50</span>' in text
    assert ">nan<" not in text
    assert ">None<" not in text


def test_a_video_that_cannot_be_read_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    def broken(video: str, subtitle: str) -> Strip:
        if video == "p.mp4":
            raise RejectedRecord("has no frames", file=video)
        return load(video, subtitle)

    text = page(stored(tmp_path, [prediction("p"), prediction("q")]), [], broken)
    assert text.count("The frames cannot be shown: has no frames") == 1
    assert text.count("<img") == 2


def test_thinning_keeps_the_ends_and_never_repeats() -> None:
    strip = Strip(np.zeros((7, 2, 2, 3), dtype=np.uint8), np.arange(7.0))
    assert strip.thinned(3).times.tolist() == [0.0, 3.0, 6.0]
    assert strip.thinned(20).times.tolist() == list(range(7))


def write_rejected(path: Path, number: int) -> Path:
    lines = [
        json.dumps({"file": "a.mp4", "record": f"row {at}", "reason": "has no frames", "cure": None})
        for at in range(number)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rejected_records_are_listed_by_stage_and_counted(tmp_path: Path) -> None:
    paths = [write_rejected(tmp_path / "videos.jsonl", 2), write_rejected(tmp_path / "mvbench.jsonl", 1)]
    rejected = read_rejected([*paths, write_rejected(tmp_path / "empty.jsonl", 0)])
    text = to_markdown(rejected_sheet(rejected))
    assert "*videos: 2 records*" in text
    assert "*mvbench: 1 record*" in text
    assert "|  | a.mp4 | row 1 | has no frames |  |" in text
    assert text.endswith("3 records were set aside; the others went on.\n")


def test_a_long_list_says_that_it_is_cut(tmp_path: Path) -> None:
    rejected = read_rejected([write_rejected(tmp_path / "videos.jsonl", 450)])
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
