"""The exhibits' rule scripts, run on score files as the workflow runs them."""

from __future__ import annotations

import base64
import importlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from video_r2 import config, records
from video_r2.data.encode import write_video
from video_r2.data.world import make_film
from video_r2.metrics.differences import DIFFERENCES
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


def test_the_ablation_tests_every_step_on_every_benchmark(
    job: SimpleNamespace, write_scores: Callable[..., Path], tmp_path: Path
) -> None:
    right = [100.0] * 10
    job.input.scores = [
        write_scores("sft", "mvbench", [0.0] * 9 + [100.0]),
        write_scores("grpo", "mvbench", right),
        write_scores("sft", "mvbench", right, "vas_judge"),
        write_scores("grpo", "mvbench", right, "vas_judge"),
    ]
    frame = pd.read_csv(run("ablation", job, tmp_path, "csv")["csv"])
    step = frame[(frame["evaluation"] == "grpo") & (frame["column"] == "mvbench")].set_index("metric")
    # Nine of nine differing questions are gained: 2 / 512.
    found = step.loc["accuracy", ["gained", "lost", "mcnemar_p", "step"]].tolist()
    assert found == pytest.approx([9, 0, 2 / 512, 90])
    assert pd.isna(step.loc["vas_judge", "mcnemar_p"])
    assert frame[frame["column"] == "overall"]["mcnemar_p"].isna().all()


def test_the_spread_of_seeds_enters_the_tables(
    job: SimpleNamespace, write_scores: Callable[..., Path], tmp_path: Path
) -> None:
    # 25 and 75: their mean is 50, their standard deviation 50 / sqrt(2).
    job.input.scores = [
        write_scores("sft", "mvbench", [100, 0, 0, 0], seed=0),
        write_scores("sft", "mvbench", [100, 100, 100, 0], seed=1),
    ]
    for name in ("main_accuracy", "ablation", "controls"):
        # The averages want all benchmarks; MVBench alone has a column in the main table only.
        paths = run(name, job, tmp_path / name, "md", "tex", "html")
        texts = [path.read_text(encoding="utf-8") for path in paths.values()]
        assert all("Means over 2 seeds, " in text for text in texts)
        if name == "main_accuracy":
            assert "| **50.0** ±35.4 |" in texts[0]
            assert r"\textbf{50.0}{\scriptsize $\pm$35.4}" in texts[1]
            assert "<b>50.0</b><small> ±35.4</small>" in texts[2]


def test_controls_show_chance(job: SimpleNamespace, tmp_path: Path) -> None:
    table = run("controls", job, tmp_path, "md")["md"].read_text(encoding="utf-8")
    assert "| Chance |  |  | 50.0 | 50.0 | 50.0 | 50.0 | 50.0 |" in table


def test_both_semantics_of_the_same_predictions(
    params: SimpleNamespace, write_scores: Callable[..., Path], tmp_path: Path
) -> None:
    papers = [name for name in params.benchmarks if name != "heldout"]
    grounding = {"00:00-00:04": "a red circle rises", "00:10-00:14": "a blue cross rests"}
    claim = {"time": "00:00-00:04", "interval": {"start": 0.0, "end": 4.0}, "text": "a red circle rises"}
    # Trace and answer: equal and right; two different wrong ones; nothing at all.
    responses = [
        ("So the answer is A.", "A"),
        ("So the answer is B.", "C"),
        (None, None),
        ("00:00-00:04: a red circle rises.", "A"),
    ]
    rows = [
        {
            "id": f"q{at}",
            "benchmark": benchmark,
            "config": "default",
            "category": "",
            "video": f"{at}.mp4",
            "subtitle": "",
            "question": "Which colour?",
            "options": ["red", "blue", "green"],
            "answer_type": "choice",
            "target": "A",
            "grounding": json.dumps(grounding) if benchmark == "heldout" else "{}",
            "evaluation": "sft",
            "seed": 0,
            "prompt": "",
            "response": f"<think>{think}</think><answer>{answer}</answer>" if think else "",
            "think": think,
            "answer": answer,
            "times": [],
            "tokens": 9,
            "finished": True,
        }
        for benchmark in (*papers, "heldout")
        for at, (think, answer) in enumerate(responses)
        if (at == 3) == (benchmark == "heldout")
    ]
    predictions = []
    for benchmark, members in pd.DataFrame(rows).groupby("benchmark"):
        predictions.append(tmp_path / f"{benchmark}.parquet")
        records.write_table(predictions[-1], members, records.PREDICTION)
    ids = ["q0", "q1", "q2"]
    readings = [{"think": "A", "answer": "A"}, {"think": "B", "answer": "C"}, {"think": "", "answer": ""}]
    alignment = {"precision": 100.0, "recall": 50.0, "claims": 1, "events": 2, "made": [claim]}
    scores = [
        *(
            write_scores("sft", benchmark, values, metric, ids=ids, details=details)
            for benchmark in papers
            for metric, values, details in (
                ("accuracy", [100, 0, 0], ()),
                ("tac", [100, 0, 0], readings),
                ("vas_judge", [80, None, 0], [{}, {"missing": "the judge failed"}, {"missing_think": True}]),
            )
        ),
        write_scores("sft", "heldout", [200 / 3], "temporal_f1", ids=["q3"], details=[alignment]),
    ]
    params.evaluations = {"sft": params.evaluations["sft"], "grpo": params.evaluations["grpo"]}
    both = str(tmp_path / "both_semantics.parquet")
    settings = {
        "temporal_alignment": {},
        "semantics": "corrected",
        "adapters": {name: entry["adapter"] for name, entry in params.benchmarks.items()},
    }
    job: Any = SimpleNamespace(
        input=SimpleNamespace(predictions=list(map(str, predictions)), scores=scores),
        output=SimpleNamespace(scores=both),
        params=SimpleNamespace(**settings),
    )
    importlib.import_module("rescore").main(job)
    job = SimpleNamespace(input=SimpleNamespace(scores=both), params=params)
    job.output = [str(tmp_path / f"differences.{kind}") for kind in ("csv", "md", "tex", "html")]
    importlib.import_module("differences").main(job)
    frame = pd.read_csv(tmp_path / "differences.csv")
    assert set(frame["evaluation"]) == {"sft"}  # nothing was scored of the other
    shown = frame[frame["column"].isin(["overall", "heldout"])].set_index("metric")
    pairs = {metric: (row["reference"], row["corrected"], row["difference"]) for metric, row in shown.iterrows()}
    third = 100 / 3
    # MVBench, as released, does not count the empty answer: 1 of 2 instead of 1 of 3.
    assert pairs["accuracy"] == pytest.approx(((50 + 3 * third) / 4, third, third - (50 + 3 * third) / 4))
    # As released, different wrong answers and no answers are consistent.
    assert pairs["tac"] == pytest.approx((100, third, third - 100))
    # 80, 0 and 0; the judge's failure is missing.
    assert pairs["vas_judge"] == pytest.approx((80 / 3, 40, 40 - 80 / 3))
    # One of one claim fits, of two events: precision 1, F1 2/3.
    assert pairs["temporal_precision"] == pytest.approx((100, 100, 0))
    assert pairs["temporal_f1"] == pytest.approx((200 / 3, 200 / 3, 0))
    assert pairs["temporal_reward"] == pytest.approx((100, 200 / 3, -third))
    for side in ("reference", "corrected"):
        several = shown.dropna(subset=[f"{side}_low"])  # the alignment is that of a single video
        assert set(several.index) == {"accuracy", "tac", "vas_judge"}
        assert (several[f"{side}_low"] <= several[side]).all()
        assert (several[side] <= several[f"{side}_high"]).all()
    text = (tmp_path / "differences.md").read_text(encoding="utf-8")
    assert "| SFT | 100.0 | 33.3 | −66.7\\* |" in text
    for entry in DIFFERENCES:
        assert {"format", "accuracy_reward", "gate"} >= set(entry.places) or entry.name in text


def test_the_validation_table_has_every_row_and_no_benchmark(
    params: SimpleNamespace, write_scores: Callable[..., Path], tmp_path: Path
) -> None:
    split = config.Benchmark(label="Validation", group="validation", adapter="conversations")
    params.benchmarks["split"] = split.model_dump()
    params.evaluations = {name: params.evaluations[name] for name in ("base_direct", "sft", "sft_sampled")}
    scores = [
        write_scores("base_direct", "split", [100, 0, 0, 0]),
        write_scores("sft", "split", [100, 100, 0, 0], seed=0),
        write_scores("sft", "split", [100, 100, 100, 100], seed=1),
        write_scores("sft", "split", [100, 50, 0, 0], "temporal_f1"),
        write_scores("sft", "mvbench", [0, 0, 0, 0]),
    ]
    job: Any = SimpleNamespace(input=SimpleNamespace(scores=scores), output=[], params=params)
    job.output = [str(tmp_path / f"validation.{kind}") for kind in ("csv", "md", "tex", "html")]
    importlib.import_module("validation").main(job)
    frame = pd.read_csv(tmp_path / "validation.csv")
    assert set(frame["column"]) == {"validation"}
    text = (tmp_path / "validation.md").read_text(encoding="utf-8")
    assert "| base\\_direct | 25.0 | – | – |" in text
    assert "| sft | 75.0 ±35.4 | – | 37.5 |" in text
    assert "| sft\\_sampled | – | – | – |" in text
    assert "Percent of 4 questions." in text


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
    questions = [
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
        }
        for name, video in [("colour_at-000", "film.mp4"), ("colour_at-001", "gone.mp4")]
    ]
    responses = [
        {
            **question,
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
        for question in [*questions, {**questions[0], "id": "not_among_the_samples"}]
        for evaluation in ("sft", "grpo")
    ]
    records.write_table(tmp_path / "questions.parquet", pd.DataFrame(questions), records.QUESTION)
    records.write_table(tmp_path / "predictions.parquet", pd.DataFrame(responses), records.PREDICTION)
    samples = str(tmp_path / "samples.parquet")
    frames_job: Any = SimpleNamespace(
        input=SimpleNamespace(questions=[str(tmp_path / "questions.parquet")]),
        output=SimpleNamespace(samples=samples),
        params=SimpleNamespace(
            data=config.Data().model_dump(),
            frames=config.Frames(fps=1, max_frames=8, min_pixels=3136, max_pixels=12544).model_dump(),
            shown={"sample_questions": 11, "sample_frames": 6},
            cache=str(tmp_path / "cache"),
        ),
    )
    importlib.import_module("sample_frames").main(frames_job)
    shown = str(tmp_path / "shown.parquet")
    responses_job: Any = SimpleNamespace(
        input=SimpleNamespace(samples=samples, predictions=[str(tmp_path / "predictions.parquet")]),
        output=SimpleNamespace(predictions=shown),
    )
    importlib.import_module("sample_responses").main(responses_job)
    chosen = records.read_table(shown, records.PREDICTION)[["id", "evaluation"]].values.tolist()
    assert chosen == [[f"colour_at-00{at}", name] for at in range(2) for name in ("sft", "grpo")]

    params.evaluations = {name: params.evaluations[name] for name in ("sft", "grpo")}
    job: Any = SimpleNamespace(
        input=SimpleNamespace(
            samples=samples,
            predictions=shown,
            scores=[write_scores("sft", "mvbench", [100.0, 0.0]), write_scores("grpo", "mvbench", [0.0, 0.0])],
        ),
        output=[],
        params=params,
    )
    page = run("sample_answers", job, tmp_path, "html")["html"].read_text(encoding="utf-8")
    pictures = [base64.b64decode(text) for text in re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"', page)]
    assert len(pictures) == 6
    assert {Image.open(io.BytesIO(picture)).size for picture in pictures} == {(112, 112)}
    assert "SFT + GRPO" in page
    assert page.count('<span class="right">100</span>') == 1
    assert "At <mark>00:02</mark> it is red." in page
    assert page.count("The frames cannot be shown: cannot be read: No such file") == 1


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
