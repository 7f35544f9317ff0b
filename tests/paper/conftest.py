"""Score files as the score rules write them, with values that a test chooses."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from video_r2 import config, records

GENERIC = ["mvbench", "tempcompass"]
REASONING = ["videomathqa", "mmvu"]
EVALUATIONS = {
    "base_direct": {
        "model": "base",
        "label": "Base",
        "prompt": "direct",
        "family": "non_reasoning",
        "exhibits": ["main", "ablation", "controls"],
    },
    "base_think": {"model": "base", "label": "Base (think)", "exhibits": ["main", "heatmaps", "ablation"]},
    "sft": {
        "model": "sft",
        "label": "SFT",
        "exhibits": ["main", "heatmaps", "bars", "boxplot", "ablation", "controls"],
        "components": ["sft"],
    },
    "grpo": {
        "model": "grpo",
        "label": "SFT + GRPO",
        "exhibits": ["main", "heatmaps", "bars", "boxplot", "ablation", "controls"],
        "components": ["sft", "grpo"],
    },
    "grpo_no_trace": {"model": "grpo", "label": "without trace", "control": "no_trace", "exhibits": ["controls"]},
    "grpo_blind": {"model": "grpo", "label": "blind", "control": "blind", "exhibits": ["controls"]},
    "grpo_sampled": {
        "model": "grpo",
        "label": "SFT + GRPO",
        "decoding": {"temperature": 1.0},
        "exhibits": ["controls"],
    },
    "sft_sampled": {"model": "sft", "label": "SFT", "decoding": {"temperature": 1.0}},
}


SCORED = ["accuracy", "tac", "vas_judge", "vas_attention"]


def make_params() -> SimpleNamespace:
    groups = {**dict.fromkeys(GENERIC, "generic"), **dict.fromkeys(REASONING, "reasoning"), "heldout": "heldout"}
    labels = {"mvbench": "MVBench", "tempcompass": "TempCompass", "videomathqa": "VideoMathQA", "mmvu": "MMVU"}
    return SimpleNamespace(
        evaluations={name: config.Evaluation.model_validate(entry).model_dump() for name, entry in EVALUATIONS.items()},
        benchmarks={
            name: config.Benchmark(
                label=labels.get(name, name), group=group, adapter=name if name != "heldout" else "conversations"
            ).model_dump()
            for name, group in groups.items()
        },
        bootstrap=200,
        semantics="corrected",
        figures=config.Figures(dpi=50).model_dump(),
    )


def write_score_file(
    folder: Path,
    evaluation: str,
    benchmark: str,
    values: Sequence[float | None],
    metric: str = "accuracy",
    seed: int = 0,
    ids: Sequence[str] = (),
    categories: Sequence[str] = (),
    details: Sequence[dict[str, Any]] = (),
) -> Path:
    number = len(values)
    rows = pd.DataFrame(
        {
            "id": ids or [f"colour_at-{at:03d}" for at in range(number)],
            "benchmark": benchmark,
            "evaluation": evaluation,
            "seed": seed,
            "metric": metric,
            "category": categories or "",
            "video": [f"{benchmark}/{at // 2}.mp4" for at in range(number)],
            "score": pd.array(values, dtype="Float64"),
            "detail": [json.dumps(detail) for detail in details] if details else "{}",
        }
    )
    path = folder / "scores" / metric / evaluation / f"seed-{seed}" / f"{benchmark}.parquet"
    records.write_table(path, rows, records.SCORE)
    return path


@pytest.fixture
def params() -> SimpleNamespace:
    """Parameters of an exhibit's rule: evaluations, benchmarks, bootstrap and figures, as plain values."""
    return make_params()


@pytest.fixture
def write_scores(tmp_path: Path) -> Callable[..., Path]:
    """Write one score file: the scores of one metric, evaluation, seed and benchmark, two questions to a video."""
    return partial(write_score_file, tmp_path)


@pytest.fixture(scope="session")
def study_files(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Files: `scores` of every evaluation but `base_think`, two seeds of the trained ones, and the `questions`."""
    folder = tmp_path_factory.mktemp("study")
    params = make_params()
    draw = random.Random(0)
    ids = [f"{('colour_at', 'sum')[at % 2]}-{at:03d}" for at in range(20)]
    scores = [
        write_score_file(folder, evaluation, benchmark, [100.0 * (draw.random() < 0.6) for _ in ids], metric, seed, ids)
        for evaluation, entry in params.evaluations.items()
        if evaluation != "base_think"
        for seed in ((0,) if entry["model"] == "base" else (0, 1))
        for benchmark in [*GENERIC, *REASONING]
        for metric in (SCORED if entry["prompt"] == "think" else SCORED[:1])
    ]
    questions = []
    for benchmark in [*GENERIC, *REASONING]:
        rows = pd.DataFrame(
            {
                "id": ids,
                "benchmark": benchmark,
                "config": "default",
                "category": "",
                "video": [f"{benchmark}/{at // 2}.mp4" for at in range(len(ids))],
                "subtitle": "",
                "question": "Which?",
                "options": [["red", "blue"]] * len(ids),
                "answer_type": "choice",
                "target": "A",
                "grounding": "{}",
            }
        )
        questions.append(folder / "questions" / f"{benchmark}.parquet")
        records.write_table(questions[-1], rows, records.QUESTION)
    return SimpleNamespace(scores=scores, questions=questions)
