"""Questions to predictions through lmms-eval, with a real checkpoint and real videos."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

import predict
from video_r2.checksums import write_sums
from video_r2.data.conversations import Conversation, Medium, write_jsonl
from video_r2.data.encode import write_video
from video_r2.data.videos import probe
from video_r2.data.world import make_film
from video_r2.errors import UserError
from video_r2.evaluation import qwen
from video_r2.evaluation.answering import Response, question_seed
from video_r2.evaluation.prompts import build_prompt
from video_r2.journal import Journal
from video_r2.records import PREDICTION, QUESTION, read_table, write_table

Job = Callable[..., Any]


def answers(job: Any) -> pd.DataFrame:
    """Run the rule and read what it wrote, all benchmarks together."""
    predict.main(job)
    return pd.concat([read_table(path, PREDICTION) for path in job.output.predictions], ignore_index=True)


def responses(job: Any) -> dict[str, str]:
    frame = answers(job)
    return dict(zip(frame["benchmark"] + " " + frame["id"], frame["response"], strict=True))


@pytest.fixture(scope="module")
def tables(world) -> dict[str, pd.DataFrame]:
    return {name: read_table(path, QUESTION) for name, path in world.questions.items()}


def test_every_question_has_one_prediction_in_its_place(make_job: Job, tables, settings) -> None:
    frame = answers(make_job())
    asked = pd.concat(tables.values(), ignore_index=True)
    pd.testing.assert_frame_equal(frame[list(QUESTION)], asked[list(QUESTION)])
    assert frame["evaluation"].unique().tolist() == ["row"]
    for row in frame.to_dict("records"):
        assert row["prompt"] == build_prompt(row, settings.benchmarks[row["benchmark"]], settings.prompts, "think")
        limit = settings.benchmarks[row["benchmark"]].max_new_tokens or 16
        assert row["tokens"] <= limit
        assert row["finished"] == (row["tokens"] < limit)
    assert frame["response"].nunique() > len(frame) / 2


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_answers_do_not_depend_on_the_batch_or_the_order(make_job: Job, tables, tmp_path: Path, temperature) -> None:
    shuffled = {}
    for name, rows in tables.items():
        shuffled[name] = tmp_path / f"{name}.parquet"
        write_table(shuffled[name], rows.sample(frac=1, random_state=1), QUESTION)
    expected = responses(make_job(name="one", decoding={"batch": 1, "temperature": temperature}))
    assert responses(make_job(name="eight", decoding={"batch": 8, "temperature": temperature})) == expected
    again = make_job(shuffled, name="shuffled", decoding={"batch": 5, "temperature": temperature})
    assert responses(again) == expected


def test_sampling_follows_the_seed(make_job: Job) -> None:
    drawn = [
        responses(make_job(name=f"{at}", seed=seed, decoding={"temperature": 2.0})) for at, seed in enumerate([1, 1, 2])
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert len({question_seed(0, "a", "q"), question_seed(1, "a", "q"), question_seed(0, "b", "q")}) == 3


def not_a_video(path: Path, whole: Path) -> None:
    path.write_bytes(b"not a video")


def cut_off(path: Path, whole: Path) -> None:
    path.write_bytes(whole.read_bytes()[:500])


def gone(path: Path, whole: Path) -> None:
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("harm", [not_a_video, cut_off, gone])
def test_a_video_that_fails_costs_its_own_questions_only(make_job: Job, tables, tmp_path: Path, capsys, harm) -> None:
    expected = responses(make_job())
    broken = tmp_path / "broken.mp4"
    harm(broken, Path(tables["clocks"]["video"].iloc[4]))
    rows = tables["clocks"].copy()
    lost = rows["video"] == rows["video"].iloc[4]
    rows.loc[lost, "video"] = str(broken)
    damaged = {"clocks": tmp_path / "clocks.parquet", "orders": make_job().input.questions[1]}
    write_table(damaged["clocks"], rows, QUESTION)
    job = make_job(damaged, name="damaged")
    job.params.max_rejected = 0.5
    frame = answers(job)
    missing = frame["response"].isna()
    assert frame.loc[missing, "video"].tolist() == [str(broken)] * int(lost.sum())
    assert frame.loc[missing, ["think", "answer"]].isna().all(axis=None)
    for row in frame[~missing].to_dict("records"):
        assert row["response"] == expected[f"{row['benchmark']} {row['id']}"]
    said = capsys.readouterr().out
    assert f"question {rows['id'].iloc[4]} is not answered: {broken}" in said

    job.params.max_rejected = 0.1
    with pytest.raises(UserError, match="4 of 12 records cannot be used"):
        predict.main(job)


class BrokenOffError(Exception):
    """Stands for a kill between two batches; the journal itself is killed in tests/test_journal.py."""


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("batches", [0, 1, 3, 5])
def test_a_job_that_was_broken_off_asks_for_what_is_missing_only(
    make_job: Job, tables, monkeypatch: pytest.MonkeyPatch, batches: int, temperature: float
) -> None:
    decoding = {"temperature": temperature}
    predict.main(undisturbed := make_job(name="undisturbed", decoding=decoding))
    job = make_job(name="broken", decoding=decoding)
    job.params.name = "undisturbed"
    generate, done = qwen.generate, []

    def at_most(*arguments: Any, **settings: Any) -> Any:
        if len(done) == batches:
            raise BrokenOffError
        completions = generate(*arguments, **settings)
        done.append(len(completions))
        return completions

    monkeypatch.setattr(qwen, "generate", at_most)
    with pytest.raises(BrokenOffError):
        predict.main(job)
    known, batches = sum(done), 99
    done.clear()
    predict.main(job)
    assert known + sum(done) == sum(map(len, tables.values()))
    for one, other in zip(undisturbed.output.predictions, job.output.predictions, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()
    # Snakemake deletes the output of a job that it does not know to be done: nothing is asked twice for that.
    for path in job.output.predictions:
        Path(path).unlink()
    done.clear()
    predict.main(job)
    assert not done
    for one, other in zip(undisturbed.output.predictions, job.output.predictions, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()
    ended = [json.loads(note.read_text()) for note in Path(job.params.state).rglob("ended.json")]
    assert [*map(str, job.output)] in ended


def test_answers_of_another_model_are_not_taken(make_job: Job, world, tmp_path: Path, monkeypatch) -> None:
    job = make_job()
    with monkeypatch.context() as patch:
        patch.setattr(predict, "write_table", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            predict.main(job)
    (kept,) = Path(job.params.state).rglob("results.jsonl")
    other = tmp_path / "other"
    shutil.copytree(world.checkpoint, other)
    weights = load_file(other / "model.safetensors")
    save_file({name: weight * 1.1 for name, weight in weights.items()}, other / "model.safetensors", {"format": "pt"})
    again = make_job()
    again.input[0] = again.input.checkpoint = str(other)
    predict.main(again)
    assert kept.exists()
    frame = pd.concat([read_table(path, PREDICTION) for path in again.output.predictions])
    assert set(frame["response"]) != {entry["text"] for entry in Journal(kept).entries}


def test_a_damaged_checkpoint_is_not_asked(make_job: Job, world, tmp_path: Path) -> None:
    job = make_job()
    shutil.copytree(world.checkpoint, tmp_path / "damaged")
    job.input[0] = job.input.checkpoint = str(tmp_path / "damaged")
    write_sums(tmp_path / "damaged")
    weights = tmp_path / "damaged/model.safetensors"
    flipped = bytearray(weights.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    weights.write_bytes(flipped)
    with pytest.raises(
        UserError, match=r"this checkpoint is damaged: model\.safetensors .* does not agree with SHA256SUMS"
    ):
        predict.main(job)
    assert not list(tmp_path.rglob("*.parquet"))


def test_answers_do_not_begin_where_there_is_no_space_for_them(make_job: Job, small_disk: Path) -> None:
    job = make_job(state=str(small_disk / "state"), decoding={"max_new_tokens": 30_000})
    with pytest.raises(UserError, match=r"answering 24 questions needs 11\.72 MB on this disk, and 8\.39 MB are free"):
        predict.main(job)


def test_an_empty_benchmark_is_an_error(make_job: Job, tables, tmp_path: Path) -> None:
    write_table(tmp_path / "clocks.parquet", tables["clocks"].iloc[:0], QUESTION)
    with pytest.raises(UserError, match="benchmark clocks has no questions"):
        predict.main(make_job({"clocks": tmp_path / "clocks.parquet"}))


def test_two_questions_of_one_id_are_an_error(make_job: Job, tables, tmp_path: Path) -> None:
    write_table(tmp_path / "clocks.parquet", pd.concat([tables["clocks"]] * 2), QUESTION)
    with pytest.raises(UserError, match="film0-0: two questions have this id"):
        predict.main(make_job({"clocks": tmp_path / "clocks.parquet"}))


def test_a_direct_answer_is_the_whole_response(make_job: Job, settings) -> None:
    frame = answers(make_job(evaluation={"prompt": "direct"}))
    assert (frame["answer"] == frame["response"].str.strip()).all()
    assert frame["prompt"].str.endswith(settings.prompts.direct_choice).all()


@pytest.mark.parametrize(
    ("control", "start"), [("no_trace", "<think></think><answer>"), ("no_claims", "<think>So the answer is")]
)
def test_a_control_begins_the_response_and_the_model_goes_on(make_job: Job, control: str, start: str) -> None:
    frame = answers(make_job(evaluation={"control": control}))
    assert frame["response"].str.startswith(start).all()
    assert (frame["response"].str.len() > len(start)).any()
    assert frame["tokens"].max() <= 16


def test_a_question_may_be_given_another_videos_trace(make_job: Job, tmp_path: Path) -> None:
    normal = answers(make_job())
    lent = []
    for name, rows in normal.groupby("benchmark"):
        rows = rows.copy()
        rows["think"] = [f"00:0{at % 10}: seen in {Path(video).stem}. So A." for at, video in enumerate(rows["video"])]
        rows["times"] = [[f"00:0{at % 10}"] for at in range(len(rows))]
        lent.append(tmp_path / f"{name}-traces.parquet")
        write_table(lent[-1], rows, PREDICTION)
    evaluation = {"control": "other_trace", "trace_from": "row"}
    frame = answers(make_job(traces=lent, name="other", evaluation=evaluation))
    for row in frame.to_dict("records"):
        assert row["response"].startswith("<think>00:0")
        seen = row["response"].split("seen in ")[1].split(".")[0]
        assert seen != Path(row["video"]).stem
        assert row["response"].partition(f"seen in {seen}.")[2].startswith(" So")


def test_a_blind_model_tells_no_video_from_another(make_job: Job, world, tables, tmp_path: Path) -> None:
    first = tables["clocks"].iloc[0].to_dict()
    seconds = round(probe(first["video"]).seconds)
    rows = [first]
    for name in ("one", "two", "three"):
        film = make_film(name, name, (8, 14), (8,), (56, 56))
        write_video(replace(film, seconds=seconds), tmp_path / f"{name}.mp4")
        rows.append({**first, "id": name, "video": str(tmp_path / f"{name}.mp4")})
    table = {"clocks": tmp_path / "clocks.parquet"}
    write_table(table["clocks"], pd.DataFrame(rows), QUESTION)
    assert answers(make_job(table, name="seen"))["response"].nunique() > 1
    assert answers(make_job(table, name="blind", evaluation={"control": "blind"}))["response"].nunique() == 1


def test_an_empty_instruction_is_taken_from_the_training_set(make_job: Job, settings, tmp_path: Path) -> None:
    job = make_job()
    job.params.prompts["think"] = ""
    with pytest.raises(UserError, match="think is empty"):
        predict.main(job)
    given = {
        "kind": "video",
        "media": [Medium("v.mp4")],
        "trace": "t",
        "think": "t",
        "answer": "A",
        "grounding": {},
    }
    turns = [Conversation(id=f"{at}", question=f"Question {at}?\nThink hard.", **given) for at in range(4)]
    write_jsonl(tmp_path / "sft.jsonl", turns)
    prompts = predict.with_instruction(settings.prompts.model_copy(update={"think": ""}), str(tmp_path / "sft.jsonl"))
    assert prompts.think == "Think hard."
    assert predict.with_instruction(settings.prompts, None) is settings.prompts


def test_a_models_own_marks_become_the_tags_that_all_is_read_by(make_job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qwen.QwenAnswerer, "_response", lambda self, asked, completion: Response(asked.prompt, WRITTEN))
    form = {"think": ["", "</think>"], "answer": ["\\boxed{", "}"]}
    frame = answers(make_job(evaluation={"response": form}))
    assert frame["response"].unique().tolist() == ["<think>At 00:04 it is red.</think><answer>B</answer>"]
    assert (frame["think"].unique().tolist(), frame["answer"].unique().tolist()) == (["At 00:04 it is red."], ["B"])


WRITTEN = "At 00:04 it is red.</think> So it is \\boxed{B}."
