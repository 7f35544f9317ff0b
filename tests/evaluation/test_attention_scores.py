"""VAS by attention, from predictions to scores."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from job_files import named_files
from snakemake.iocontainers import InputFiles, OutputFiles

import score_vas_attention
from video_r2.evaluation import attention_scores
from video_r2.evaluation.attention_scores import evenly_spaced
from video_r2.records import PREDICTION, QUESTION, SCORE, read_table, write_table

RESPONSES = ["<think>00:02-00:04: a red circle.</think><answer>A</answer>", "A", None, ""]


@pytest.fixture
def job(make_job: Callable[..., Any], world, tmp_path: Path) -> Any:
    made = make_job()
    predictions = []
    for name, path in world.questions.items():
        rows = read_table(path, QUESTION)
        given = {
            "evaluation": "row",
            "seed": 0,
            "prompt": rows["question"],
            "response": [RESPONSES[at % 4] for at in range(len(rows))],
            "think": None,
            "answer": None,
            "times": [[]] * len(rows),
            "tokens": 1,
            "finished": True,
        }
        predictions.append(tmp_path / f"{name}.parquet")
        write_table(predictions[-1], rows.assign(**given), PREDICTION)
    made.rule = "score_vas_attention"
    listing = Path(str(made.input.frames))
    made.input = named_files(InputFiles, checkpoint=world.checkpoint, predictions=predictions, frames=listing)
    made.output = scores_below(tmp_path / "scores", predictions)
    made.params.attention = {"attention_questions": 0}
    return made


def scores_below(folder: Path, predictions: list[Path]) -> OutputFiles:
    return named_files(
        OutputFiles,
        scores=[folder / path.name for path in predictions],
        summaries=[folder / f"{path.stem}.json" for path in predictions],
    )


def scores(job: Any) -> pd.DataFrame:
    score_vas_attention.main(job)
    return pd.concat([read_table(path, SCORE) for path in job.output.scores], ignore_index=True)


def test_every_response_is_scored_and_missing_ones_say_why(job: Any) -> None:
    frame = scores(job)
    assert len(frame) == 24
    for at, row in enumerate(frame.to_dict("records")):
        detail = json.loads(row["detail"])
        if RESPONSES[at % 4]:
            assert 0 < row["score"] < 100
            shown = sum(detail["per_second"].values())
            assert shown == pytest.approx(row["score"] / 100, abs=1e-3)
            assert shown + detail["prompt"] + detail["response"] == pytest.approx(1, abs=1e-3)
            # The first response makes a claim about 2 to 4 s; "A" makes none.
            assert [(claim["start"], claim["end"]) for claim in detail.get("cited", [])] == [(2, 4)] * (at % 4 == 0)
            if at % 4 == 0:
                assert detail["on_cited"] == detail["cited"][0]["share"]
                assert 0 < detail["on_cited"] < 1
                assert 0 < detail["on_cited_if_even"] < 1
        else:
            assert pd.isna(row["score"])
            assert detail == {"missing": f"the response is {'missing' if at % 4 == 2 else 'empty'}"}
    summary = json.loads(Path(job.output.summaries[0]).read_text())
    assert (summary["n"], summary["missing"], summary["metric"]) == (12, 6, "vas_attention")
    assert summary["mean"] == pytest.approx(frame[frame["benchmark"] == summary["benchmark"]]["score"].mean())


def test_the_batch_changes_no_score(job: Any) -> None:
    together = scores(job)
    job.params.decoding["batch"] = 1
    alone = scores(job)
    assert alone["id"].tolist() == together["id"].tolist()
    assert alone["score"].to_numpy() == pytest.approx(together["score"].to_numpy(), abs=1e-4, nan_ok=True)


def test_so_many_questions_are_read_as_configured(job: Any) -> None:
    job.params.attention = {"attention_questions": 5}
    frame = scores(job)
    assert frame.groupby("benchmark").size().tolist() == [5, 5]


class BrokenOffError(Exception):
    """Stands for a kill between two batches; the journal itself is killed in tests/test_journal.py."""


@pytest.mark.parametrize("batches", [0, 1, 2, 4])
def test_a_job_that_was_broken_off_reads_what_is_missing_only(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    # In each of two benchmarks, six of twelve questions have a response; four are read together: 4, 2, 4, 2.
    score_vas_attention.main(job)
    undisturbed = job.output
    job.output = scores_below(tmp_path / "broken", [Path(path) for path in job.input.predictions])
    read, done = attention_scores.attention_to_video, []

    def at_most(model: Any, prompts: Any, responses: Any) -> Any:
        if len(done) == batches:
            raise BrokenOffError
        done.append(len(prompts))
        return read(model, prompts, responses)

    with monkeypatch.context() as patch:
        patch.setattr(attention_scores, "attention_to_video", at_most)
        if batches < 4:
            with pytest.raises(BrokenOffError):
                score_vas_attention.main(job)
            assert done == [4, 2, 4, 2][:batches]
            batches = 4
        score_vas_attention.main(job)
    assert done == [4, 2, 4, 2]
    for one, other in zip(undisturbed, job.output, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()
    ended = [json.loads(note.read_text()) for note in Path(job.params.state).rglob("ended.json")]
    assert [*map(str, job.output)] in ended


def test_chosen_questions_are_spread_over_the_table() -> None:
    names = [f"q{at}" for at in range(10)]
    assert evenly_spaced(names, 4) == {"q0", "q3", "q6", "q9"}
    assert evenly_spaced(names, 0) == evenly_spaced(names, 10) == evenly_spaced(names, 99) == set(names)


def read_attention(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, root / "scripts/read_attention.py", *arguments]
    return subprocess.run(list(map(str, command)), text=True, capture_output=True, check=False)


def test_the_command_says_what_the_scores_are(root: Path, world, settings, job: Any) -> None:
    job.params.frames["overlay"] = False
    detail = json.loads(scores(job).loc[0, "detail"])
    row = read_table(job.input.predictions[0], PREDICTION).iloc[0]
    frames = [
        part for name in ("fps", "max_frames", "min_pixels", "max_pixels")
        for part in (f"--{name.replace('_', '-')}", getattr(settings.frames, name))
    ]  # fmt: skip
    asked = [world.checkpoint, row["video"], "--prompt", row["prompt"], "--response", row["response"], *frames]
    done = read_attention(root, *asked, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["prompt"] == pytest.approx(detail["prompt"], abs=1e-4)
    assert list(found["per_second"].values()) == pytest.approx(list(detail["per_second"].values()), abs=1e-4)
    assert found["claims"][0]["share"] == pytest.approx(detail["on_cited"], abs=1e-4)
    assert "".join(token["token"] for token in found["tokens"]) == row["response"]
    for token in found["tokens"]:
        assert sum(token[name] for name in ("video", "prompt", "response")) == pytest.approx(1, abs=1e-5)
    assert "has no layer 99, but 3 of them" in read_attention(root, *asked, "--layer", 99).stderr
