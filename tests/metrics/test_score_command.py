"""The metrics alone: `scripts/score.py` over every kind of file, as a user calls it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from loopback import Server
from predictions import prediction

from video_r2.errors import UserError
from video_r2.metrics.prediction_files import adapter_of, read_any_predictions, read_groundings
from video_r2.reading.responses import parse_response
from video_r2.records import PREDICTION, write_table

SCRIPT = Path(__file__).parents[2] / "scripts" / "score.py"
PROMPT = "What colour is the ball?\nOptions:\nA. red\nB. blue\nC. green\nThink, then answer."
GROUNDING = {"00:00-00:04": "a red ball rolls to the left", "00:04-00:08": "a blue ball jumps over a box"}
CLAIMS = "00:00-00:04: a red ball rolls to the left. 00:04-00:08: a blue ball jumps over a box."
RESPONSES = [
    f"<think>{CLAIMS} So the answer is blue, option B.</think><answer>B</answer>",
    "<think>So the answer is red.</think><answer>C</answer>",  # two different wrong answers
    "",  # nothing at all
]
# TAC by hand: consistent or not, corrected; both right or both wrong, as released.
CORRECTED, RELEASED = [100, 0, 0], [100, 100, 100]


def score(*arguments: object, rc: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        text=True,
        capture_output=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == rc, done.stderr
    assert "Traceback" not in done.stderr
    return done


def values(done: subprocess.CompletedProcess[str]) -> list[float | None]:
    (result,) = json.loads(done.stdout)
    return [entry["score"] for entry in result["scores"]]


@pytest.fixture(scope="module")
def lmms_eval_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Samples as lmms-eval's own tracker writes them, from what its evaluator hands to it."""
    from lmms_eval.loggers.evaluation_tracker import EvaluationTracker

    folder = tmp_path_factory.mktemp("logs")
    tracker = EvaluationTracker(output_path=str(folder))
    tracker.general_config_tracker.model_name_sanitized = "my_model"
    tracker.date_id = "20260101_000000"
    samples = [
        {
            "doc_id": at,
            "doc": {"question": PROMPT},
            "target": "B",
            "arguments": [PROMPT, {"max_new_tokens": 1024}],
            "resps": [[response]],
            # The trace is taken out of the first, as lmms-eval does it on request.
            "filtered_resps": [parse_response(response).answer if at == 0 else response],
            "token_counts": [None],
            "doc_hash": "0",
            "accuracy": 1.0,
        }
        for at, response in enumerate(RESPONSES)
    ]
    tracker.save_results_samples("videomme_think", samples)
    (written,) = folder.rglob("*.jsonl")
    return written


@pytest.fixture
def project_file(tmp_path: Path) -> Path:
    rows = [
        prediction(at, response, GROUNDING if at == 0 else None, prompt=PROMPT) for at, response in enumerate(RESPONSES)
    ]
    path = tmp_path / "predictions.parquet"
    write_table(path, pd.DataFrame(rows), PREDICTION)
    return path


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(*rows: Any, name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return path

    return written


def test_samples_of_lmms_eval(lmms_eval_file: Path) -> None:
    records = read_any_predictions(lmms_eval_file)
    assert [record["response"] for record in records] == RESPONSES
    first = records[0]
    assert (first["benchmark"], first["evaluation"], first["id"]) == ("videomme_think", "my_model", "0")
    assert (first["options"], first["answer_type"]) == (["red", "blue", "green"], "choice")
    assert values(score("tac", lmms_eval_file, "--json")) == CORRECTED
    assert values(score("tac", lmms_eval_file, "--json", "--semantics", "reference")) == RELEASED


def test_predictions_of_this_project(project_file: Path) -> None:
    done = score("tac", project_file, "--json")
    (result,) = json.loads(done.stdout)
    assert values(done) == CORRECTED
    assert (result["evaluation"], result["seed"], result["n"]) == ("sft", 3, 3)
    assert result["mean"] == pytest.approx(100 / 3)
    assert result["counts"] == {"missing_think": 1, "missing_answer": 1}
    assert values(score("tac", project_file, "--json", "--semantics", "reference")) == RELEASED


def test_both_say_the_same_of_the_same_responses(lmms_eval_file: Path, project_file: Path) -> None:
    done = score("vas", lmms_eval_file, project_file, "--json")
    one, other = json.loads(done.stdout)
    assert [entry["score"] for entry in one["scores"]] == [entry["score"] for entry in other["scores"]]
    assert one["scores"][0]["score"] >= 70
    assert one["scores"][2]["score"] == 0


def test_alignment_with_the_records_own_grounding(project_file: Path) -> None:
    done = score("tar", project_file)
    # The one record with a grounding: both claims are events, word for word.
    assert "temporal_f1 100.0, of a single video, 1 questions, 0 missing" in done.stdout
    assert "means: precision 100.0, recall 100.0, claims 2.0, events 2.0" in done.stdout


def test_alignment_with_the_groundings_of_a_training_set(lmms_eval_file: Path, tmp_path: Path) -> None:
    rows = [{"video": "v.mp4", "temporal_grounding": GROUNDING}, {"video": "w.mp4", "temporal_grounding": GROUNDING}]
    (tmp_path / "grpo.json").write_text(json.dumps(rows), encoding="utf-8")
    done = score("tar", lmms_eval_file, "--groundings", tmp_path / "grpo.json", "--json")
    assert values(done) == [100, 0]


def test_columns_as_json_lines(write: Callable[..., Path]) -> None:
    path = write({"response": RESPONSES[0]}, {"response": None, "id": "x"}, {"response": RESPONSES[1], "target": "B"})
    records = read_any_predictions(path)
    assert [(record["id"], record["benchmark"], record["answer_type"]) for record in records] == [
        ("0", "rows", "text"),
        ("x", "rows", "text"),
        ("2", "rows", "choice"),
    ]
    assert values(score("vas", path, "--json"))[1] is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--judge", "llm"], "kind 'llm' needs the key 'url'"),
        (
            ["--url", "localhost:8000/v1"],
            "error: command line: these settings cannot be used:\n  url: String should match pattern",
        ),
    ],
)
def test_a_judge_that_cannot_be_is_told_in_a_sentence(
    write: Callable[..., Path], arguments: list[str], complaint: str
) -> None:
    path = write({"response": RESPONSES[0]})
    assert complaint in score("tac", path, *arguments, rc=1).stderr


def test_the_release_is_scored_with_its_precision(write: Callable[..., Path]) -> None:
    """One claim, which is one of two events: all of what is claimed is right, and half of what happens is claimed."""
    response = "<think>00:00-00:04: a red ball rolls to the left. So B.</think><answer>B</answer>"
    path = write({"response": response, "grounding": GROUNDING})
    assert values(score("tar", path, "--json")) == [pytest.approx(200 / 3)]
    assert values(score("tar", path, "--json", "--semantics", "reference")) == [100]


def test_a_grounding_without_a_time_that_can_be_read_is_none(write: Callable[..., Path]) -> None:
    known, unknown = ({"response": RESPONSES[0], "grounding": at} for at in (GROUNDING, {"later": "a red ball rolls"}))
    done = score("tar", write(known, unknown), "--json")
    assert values(done) == [100]
    assert "of 1 of 2 records it is not known" in done.stderr
    assert "of no record it is known what happens when" in score("tar", write(unknown), rc=1).stderr


def test_benchmarks_of_one_file_are_scored_each(write: Callable[..., Path]) -> None:
    rows = [{"response": response, "benchmark": f"b{at % 2}"} for at, response in enumerate(RESPONSES)]
    results = json.loads(score("tac", write(*rows), "--json").stdout)
    assert [(result["benchmark"], result["n"]) for result in results] == [("b0", 2), ("b1", 1)]
    assert [result["n"] for result in json.loads(score("tac", write(*rows), "--json", "--benchmark", "b").stdout)] == [
        3
    ]


def test_runs_of_one_file_are_scored_each(write: Callable[..., Path]) -> None:
    """Evaluations and seeds that were written one after the other are no questions more."""
    rows = [
        {"response": response, "id": identity, "evaluation": evaluation, "seed": seed}
        for evaluation, seed in (("sft", 0), ("grpo", 0), ("grpo", 1))
        for identity, response in enumerate(RESPONSES)
    ]
    results = json.loads(score("tac", write(*rows), "--json").stdout)
    assert [(result["evaluation"], result["seed"], result["n"]) for result in results] == [
        ("sft", 0, 3),
        ("grpo", 0, 3),
        ("grpo", 1, 3),
    ]
    said = score("tac", write(*rows)).stdout
    assert "(sft, seed 0): tac" in said
    assert "(grpo, seed 1): tac" in said


def test_a_question_that_is_answered_twice_is_refused(write: Callable[..., Path]) -> None:
    rows = [{"response": response, "id": 7} for response in RESPONSES]
    assert "is there twice" in score("tac", write(*rows), rc=1).stderr
    score("tac", write(*({**row, "question": f"Question {at}?"} for at, row in enumerate(rows))))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"resps": None, "filtered_resps": ["B"]}, {"response": "B"}),
        ({"response": "0", "target": 0}, {"target": "0", "answer_type": "number"}),
        ({"response": "B", "target": "(B) blue"}, {"answer_type": "choice"}),
        ({"response": "x", "target": "A dog"}, {"answer_type": "text"}),
        ({"response": "B", "temporal_grounding": None, "grounding": {"00:01": "x"}}, {"grounding": '{"00:01": "x"}'}),
        ({"response": "a \ud800 b"}, {"response": "a ? b"}),
    ],
)
def test_fields_are_read_as_they_are_meant(write: Callable[..., Path], row: dict, expected: dict) -> None:
    (record,) = read_any_predictions(write(row))
    assert {name: record[name] for name in expected} == expected


PROMPT = "What colour is the ball?\nA. red\nB. blue\nC. green\nThink."


@pytest.mark.parametrize(
    "logged",
    [
        PROMPT,
        [PROMPT],
        [{"role": "system", "content": "A. Be kind."}, {"role": "user", "content": PROMPT}],
        [{"role": "user", "content": [{"type": "video", "url": "v.mp4"}, {"type": "text", "text": PROMPT}]}],
    ],
)
def test_a_prompt_is_read_as_text_or_as_messages(write: Callable[..., Path], logged: object) -> None:
    (record,) = read_any_predictions(write({"resps": [["B"]], "input": logged, "target": "B"}))
    assert (record["question"], record["options"]) == (PROMPT, ["red", "blue", "green"])


@pytest.mark.parametrize(
    ("row", "target"),
    [
        ({"target": "B"}, "B"),
        ({"target": "blue"}, "B"),  # MVBench
        ({"target": "1"}, "B"),  # LongVideoBench
        ({"target": 1}, "B"),
        ({"target": "B. blue"}, "B"),  # TempCompass
        ({"target": "(b)"}, "B"),
        ({"target": "2", "options": ["1", "2", "3"]}, "B"),
        ({"target": "blue", "options": {"B": "blue", "A": "red"}}, "B"),
        ({"target": "blue", "options": "A. red\nB. blue"}, "B"),
        ({"target": "blue", "options": ["(A) red", "(B) blue"]}, "B"),
        ({"target": "purple"}, "purple"),
    ],
)
def test_the_right_option_is_known_however_it_is_written(write: Callable[..., Path], row: dict, target: str) -> None:
    answers = [("B", "B"), ("B", "C"), ("C", "B")]  # of a trace and of its answer
    rows = [
        {"input": PROMPT, "resps": f"<think>So the answer is {think}.</think><answer>{answer}</answer>", **row}
        for think, answer in answers
    ]
    path = write(*rows)
    assert {record["target"] for record in read_any_predictions(path)} == {target}
    if target == "B":
        assert values(score("tac", path, "--semantics", "reference", "--json")) == [100.0, 0.0, 0.0]
    else:
        said = score("tac", path, "--semantics", "reference", rc=1).stderr
        assert "compares with the right answer, which 3 of 3 records do not say" in said


def test_as_released_tac_is_not_measured_where_nobody_says_what_is_right(write: Callable[..., Path]) -> None:
    path = write({"response": "<think>So B.</think><answer>C</answer>"})
    assert "which 1 of 1 records do not say" in score("tac", path, "--semantics", "reference", rc=1).stderr


def test_a_server_that_answers_nothing_is_told_however_few_the_questions(write: Callable[..., Path]) -> None:
    arguments = ["--judge", "llm", "--url", "http://127.0.0.1:9/v1", "--retries", 0]
    assert (
        "gave no answer to 2 of 2 questions" in score("tac", write({"response": RESPONSES[0]}), *arguments, rc=1).stderr
    )


def test_a_servers_answers_are_kept_where_the_user_says(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write({"response": RESPONSES[0]})
    with contextlib.closing(Server()) as server:
        server.behaviour = lambda request, number: {"score": 7}
        arguments = ["--judge", "llm", "--url", server.url, "--cache", tmp_path / "kept.sqlite", "--concurrency", 1]
        first, second = (score("vas", path, *arguments) for _ in range(2))
    assert "1 sent to the server (0 calls saved)" in first.stderr
    assert "1 known already, 0 sent to the server (1 calls saved)" in second.stderr
    assert first.stdout == second.stdout


def test_a_model_is_asked_as_released_where_that_is_asked_for(write: Callable[..., Path]) -> None:
    """Its ratings are whole numbers within 0 and 10, and no rule answers in its place."""
    path = write(*({"response": response} for response in ("<think>Yes.</think><answer>A</answer>", "<think></think>")))
    for rating, value in ((7.5, 80.0), (12, 100.0)):
        with contextlib.closing(Server()) as server:
            server.behaviour = lambda request, number, rating=rating: {"score": rating}
            done = score("vas", path, "--semantics", "reference", "--url", server.url, "--json")
        assert values(done)[0] == value
        assert "0 decided by rules" in done.stderr


def test_no_interval_is_drawn_from_no_sample(write: Callable[..., Path]) -> None:
    assert "at least 1 is needed" in score("tac", write({"response": "a"}), "--bootstrap", 0, rc=2).stderr


def test_with_a_server_the_rules_decide_what_they_are_certain_of(write: Callable[..., Path]) -> None:
    """A cascade, which fails where the server would be asked; the rules alone would not."""
    path = write(*({"response": f"<think>Hm, {at} or so?</think><answer>4, or rather 5</answer>"} for at in range(9)))
    assert "gave no answer" in score("tac", path, "--url", "http://127.0.0.1:9/v1", rc=1).stderr


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "there are no predictions"),
        ("{", "record line 1: is no JSON"),
        (f'{{"response": "a", "id": {"9" * 5000}}}', "record line 1: is no JSON"),
        ('{"response": "a"}\n[1]', "record line 2: is a list, no object"),
        ('{"doc_id": 3, "target": "A"}', "has neither 'response' nor 'resps' nor 'filtered_resps', but 'doc_id', 'target'"),
        ('{"resps": ["a", "b"]}', 'its response is no text, but ["a", "b"]'),
        ('{"response": "a", "grounding": [1]}', "its grounding is no object from times to sentences"),
        ('{"response": "a", "grounding": "{"}', "its grounding is no JSON"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_any_predictions(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert score("tac", path, rc=1).stderr.startswith(f"error: {path}")


def test_files_that_cannot_be_read_are_named(tmp_path: Path, project_file: Path) -> None:
    assert "there is no such file" in score("tac", tmp_path / "none.jsonl", rc=1).stderr
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe")
    assert "is not UTF-8 text (byte 0)" in score("tac", tmp_path / "binary.jsonl", rc=1).stderr
    (tmp_path / "bad.parquet").write_bytes(b"no Parquet")
    assert "cannot be read as Parquet" in score("tac", tmp_path / "bad.parquet", rc=1).stderr
    assert "similarity" in score("tar", project_file, "--similarity", "7", rc=1).stderr


def test_alignment_without_any_grounding_says_what_to_give(lmms_eval_file: Path) -> None:
    assert "of no record it is known what happens when (cure: give --groundings" in score(
        "tar", lmms_eval_file, rc=1
    ).stderr  # fmt: skip


def test_groundings_belong_to_ids_or_places(write: Callable[..., Path]) -> None:
    path = write(
        {"id": "a", "temporal_grounding": GROUNDING}, {"temporal_grounding": None}, {"grounding": {"0:01": "b"}}
    )
    assert read_groundings(path) == {"a": GROUNDING, "2": {"0:01": "b"}}
    with pytest.raises(UserError, match="no row has a field 'temporal_grounding'"):
        read_groundings(write({"id": "a"}))
    with pytest.raises(UserError, match="record a: its grounding is no object from times to sentences"):
        read_groundings(write({"id": "a", "grounding": 3}))


@pytest.mark.parametrize(
    ("task", "adapter"),
    [
        ("videomme_think", "videomme"),
        ("mlvu_dev", "mlvu"),
        ("longvideobench_val_v", "longvideobench"),
        ("mmvu_val", "mmvu"),
        ("video_mmmu_adaptation", "video_mmmu"),
        ("videomathqa_mcq", "videomathqa"),
        ("my_own", "my_own"),
    ],
)
def test_a_task_is_read_as_its_benchmark(task: str, adapter: str) -> None:
    assert adapter_of(task) == adapter


def test_help_tells_the_options() -> None:
    said = score("--help").stdout
    for option in ("tac", "vas", "tar", "--semantics", "--json", "--groundings", "--judge"):
        assert option in said
