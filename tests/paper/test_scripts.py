"""The exhibits' rule scripts, run on score files as the workflow runs them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from video_r2 import config, records
from video_r2.data.encode import write_video
from video_r2.data.world import make_film
from video_r2.paper.reported import REPORTED


@pytest.fixture
def job(params: SimpleNamespace, study_files: SimpleNamespace) -> SimpleNamespace:
    given = SimpleNamespace(scores=study_files.scores, questions=study_files.questions, reported=str(REPORTED))
    return SimpleNamespace(input=given, output=[], params=params)


# The metrics that an exhibit's rule is given, where it is not accuracy alone.
METRICS = {
    "ablation": ["accuracy", "tac", "vas_judge"],
    "attention_boxplot": ["vas_attention"],
    "bars": ["accuracy", "tac", "vas_judge"],
    "learning": ["accuracy", "tac"],
    "reproduction": ["accuracy", "tac", "vas_judge"],
    "tac_heatmap": ["tac"],
    "vas_heatmap": ["vas_judge"],
}


def run(name: str, job: SimpleNamespace, folder: Path, *kinds: str) -> dict[str, Path]:
    if hasattr(job.input, "scores"):
        wanted = METRICS.get(name, ["accuracy"])
        job.input.scores = [path for path in job.input.scores if path.parts[-4] in wanted]
    paths = {kind: folder / f"{name}.{kind}" for kind in kinds}
    job.output = [str(path) for path in paths.values()]
    importlib.import_module(name).main(job)
    return paths


TABLES = ["main_accuracy", "ablation", "controls", "learning", "reproduction"]
FIGURES = ["tac_heatmap", "vas_heatmap", "bars", "attention_boxplot"]


@pytest.mark.parametrize("name", TABLES + FIGURES)
def test_every_exhibit_writes_what_its_rule_asks_for(name: str, job: SimpleNamespace, tmp_path: Path) -> None:
    kinds = ["csv", "md", "tex", "html", *(["png"] if name in FIGURES else [])]
    paths = run(name, job, tmp_path, *kinds)
    assert all(path.stat().st_size > 0 for path in paths.values())
    frame = pd.read_csv(paths["csv"])
    assert len(frame)
    for low, high in [("low", "high"), ("step_low", "step_high"), ("difference_low", "difference_high")]:
        if low in frame:
            known = frame.dropna(subset=[low, high])
            assert len(known)
            assert (known[low] <= known[high]).all()


def test_two_runs_write_the_same_bytes(job: SimpleNamespace, tmp_path: Path) -> None:
    first = run("ablation", job, tmp_path / "first", "csv", "md", "tex", "html")
    job.input.scores = list(reversed(job.input.scores))
    second = run("ablation", job, tmp_path / "second", "csv", "md", "tex", "html")
    for kind, path in first.items():
        assert path.read_bytes() == second[kind].read_bytes(), kind


def test_a_row_without_scores_is_shown_with_dashes(job: SimpleNamespace, tmp_path: Path) -> None:
    table = run("main_accuracy", job, tmp_path, "md")["md"].read_text(encoding="utf-8")
    assert "| Base (think) | – | – | – | – | – | – | – |" in table
    ablation = run("ablation", job, tmp_path, "md")["md"].read_text(encoding="utf-8")
    assert f"| Base (think) | {' | '.join([''] * 4)} | {' | '.join('–' * 9)} |" in ablation


def test_cells_are_means_over_seeds_with_their_spread(job: SimpleNamespace, tmp_path: Path) -> None:
    frame = pd.read_csv(run("main_accuracy", job, tmp_path, "csv")["csv"])
    trained = frame[frame["evaluation"] == "sft"]
    assert (trained["seeds"] == 2).all()
    assert trained["sd"].notna().all()
    assert frame[frame["evaluation"] == "base_direct"]["sd"].isna().all()


def test_controls_show_chance(job: SimpleNamespace, tmp_path: Path) -> None:
    table = run("controls", job, tmp_path, "md")["md"].read_text(encoding="utf-8")
    assert "| Chance |  |  | 50.0 | 50.0 | 50.0 | 50.0 | 50.0 |" in table


def test_published_draws_every_exhibit_and_prints_the_audit(
    params: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = [tmp_path / f"{name}.{kind}" for name in ["main_accuracy", "ablation", "audit"] for kind in ("csv", "md")]
    outputs += [tmp_path / f"{name}.{kind}" for name in FIGURES for kind in ("csv", "png")]
    job: Any = SimpleNamespace(
        input=SimpleNamespace(reported=str(REPORTED)), output=list(map(str, outputs)), params=params
    )
    importlib.import_module("published").main(job)
    assert all(path.stat().st_size > 0 for path in outputs)
    assert "103 checks" in capsys.readouterr().out
    main = pd.read_csv(tmp_path / "main_accuracy.csv")
    assert len(main) == 10 * 14
    found = main[(main["label"] == "Video-R2") & (main["column"] == "vsibench")]
    assert found["value"].tolist() == [39.4]


def test_training_curves_of_every_seed(params: SimpleNamespace, tmp_path: Path) -> None:
    folders = []
    for seed in (0, 1):
        folders.append(tmp_path / "models" / "grpo" / f"seed-{seed}")
        folders[-1].mkdir(parents=True)
        lines = [f'{{"step": {step}, "reward/total": {step / 10}, "kl": 0.1}}' for step in range(5)]
        (folders[-1] / "log.jsonl").write_text("\n".join(lines), encoding="utf-8")
    params.labels = {"grpo": "SFT + GRPO"}
    job: Any = SimpleNamespace(input=SimpleNamespace(checkpoints=list(map(str, folders))), output=[], params=params)
    paths = run("training_curves", job, tmp_path, "png", "csv")
    points = pd.read_csv(paths["csv"])
    assert len(points) == 2 * 2 * 5
    assert set(points["label"]) == {"SFT + GRPO"}


def test_sample_answers_of_a_real_video(
    params: SimpleNamespace, write_scores: Callable[..., Path], tmp_path: Path
) -> None:
    film = make_film("film", "0", (8, 8), [8], (112, 112))
    write_video(film, tmp_path / "film.mp4")
    rows = [
        {
            "id": name,
            "benchmark": "mvbench",
            "config": "default",
            "category": "",
            "video": str(tmp_path / video),
            "subtitle": "",
            "question": "Which colour?",
            "options": ["red", "blue"],
            "answer_type": "choice",
            "target": "A",
            "grounding": "{}",
            "evaluation": evaluation,
            "seed": 0,
            "prompt": "",
            "response": "<think>At 00:02 it is red.</think><answer>A</answer>",
            "think": "At 00:02 it is red.",
            "answer": "A",
            "times": ["00:02"],
            "tokens": 9,
            "finished": True,
        }
        for name, video in [("colour_at-000", "film.mp4"), ("colour_at-001", "gone.mp4")]
        for evaluation in ("sft", "grpo")
    ]
    records.write_table(tmp_path / "predictions.parquet", pd.DataFrame(rows), records.PREDICTION)
    params.evaluations = {name: params.evaluations[name] for name in ("sft", "grpo")}
    params.data = config.Data().model_dump()
    params.frames = config.Frames(fps=1, max_frames=8, min_pixels=3136, max_pixels=12544).model_dump()
    params.cache = str(tmp_path / "cache")
    job: Any = SimpleNamespace(
        input=SimpleNamespace(
            predictions=[str(tmp_path / "predictions.parquet")],
            scores=[write_scores("sft", "mvbench", [100.0, 0.0]), write_scores("grpo", "mvbench", [0.0, 0.0])],
        ),
        output=[],
        params=params,
    )
    page = run("sample_answers", job, tmp_path, "html")["html"].read_text(encoding="utf-8")
    assert page.count("<img") == params.figures["sample_frames"]
    assert "SFT + GRPO" in page
    assert page.count('<span class="right">100</span>') == 1
    assert "At <mark>00:02</mark> it is red." in page
    assert page.count("The frames cannot be shown") == 1


def test_rejected_records_are_written_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "videos.jsonl").write_text(
        '{"file": "a.mp4", "record": 1, "reason": "r", "cure": "c"}\n', encoding="utf-8"
    )
    job: Any = SimpleNamespace(input=SimpleNamespace(rejected=[str(tmp_path / "videos.jsonl")]), output=[])
    paths = run("rejected", job, tmp_path, "csv", "md", "tex", "html")
    assert pd.read_csv(paths["csv"]).to_dict("records") == [
        {"stage": "videos", "file": "a.mp4", "record": 1, "reason": "r", "cure": "c"}
    ]
    assert all("a.mp4" in path.read_text(encoding="utf-8") for path in paths.values())
