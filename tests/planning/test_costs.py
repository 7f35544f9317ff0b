"""What the model makes of a job, against figures worked out by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from video_r2.planning.assumptions import Assumptions, read_assumptions
from video_r2.planning.costs import Cost, Costs, Job, sampled

FRAMES = {"fps": 2.0, "max_frames": 100, "max_pixels": 50_000}
# Round figures. A token that is read: 2 x (4e9 + 4 x 0.25e9) = 1e10 operations, which takes 0.1 s at a tenth of 1e12 a second.
# One that is written: 8e9 bytes, which takes 0.5 s at 0.16 of 1e11 a second. One that is learnt: 8e9 operations a pass.
ASSUMED = {
    "gpus": {
        "round": {"tflops": 1, "bandwidth": 100, "memory": 10},
        "a100": {"tflops": 2, "bandwidth": 100, "memory": 10},
    },
    "usual_gpu": "round",
    "reached": {"training": 0.2, "reading": 0.1, "writing": 0.16},
    "model": {
        "language_weights": 4e9,
        "vision_weights": 0.25e9,
        "judge_weights": 10e9,
        "bytes_per_weight": 2,
        "lora_weights_per_rank": 1e6,
        "pixels_per_token": 1000,
        "frames_per_token": 2,
        "patches_per_token": 4,
    },
    "shapes": {},
    "tokens": {"text": 50, "thought": 40, "longest": 1.5, "direct": 2},
    "training_sets": {
        "sft": {"rows": 640, "videos": 10, "seconds": 40},
        "grpo": {"rows": 100, "videos": 20, "seconds": 10},
    },
    "benchmarks": {"videomme": {"questions": 6, "videos": 3, "seconds": 1000}},
    "machine": {
        "start": 30,
        "handling": 1.5,
        "step": 4,
        "judge_start": 500,
        "judging": 0.25,
        "other_job": 90,
        "download": 50,
        "video": 0.5,
        "decoding": 10,
        "frame_bytes_per_pixel": 2,
    },
}


@pytest.fixture
def costs(tmp_path: Path) -> Costs:
    adapters = {"mine": "videomme", "sized": "videomme"}
    return Costs(Assumptions.model_validate(ASSUMED), "round", tmp_path, adapters, {"of/known-size": 8e9})


def job(rule: str, *inputs: str, gpus: int = 0, threads: int = 1, **params: Any) -> Job:
    wildcards = {"benchmark": params["benchmark"]} if "benchmark" in params else {}
    return Job(rule, SimpleNamespace(**params), inputs, wildcards, gpus, threads)


def test_a_short_video_has_fewer_frames() -> None:
    assert sampled(FRAMES, 10) == 20
    assert sampled(FRAMES, 1000) == 100


def test_downloads(costs: Costs) -> None:
    of = {"source": {"hub": "of/unknown-size"}}
    # 3 videos of 1000 s at half a megabyte a second: 1.5 GB, in 30 s; they stay in their archives and beside them.
    assert costs.of(job("fetch_benchmark", benchmark="mine", **of)) == Cost(30, kept=3e9)
    # 10 x 40 s and 20 x 10 s.
    assert costs.of(job("fetch_dataset", **of)) == Cost(6, kept=0.6e9)
    # 4.25e9 weights of two bytes, under two names.
    assert costs.of(job("fetch_model", **of)) == Cost(170, kept=8.5e9)
    # 10 thousand million of two bytes.
    assert costs.of(job("fetch_judge", **of)) == Cost(400, kept=20e9)


def test_a_size_that_sources_yaml_knows_is_used(costs: Costs) -> None:
    known = {"source": {"hub": "of/known-size"}}
    assert costs.of(job("fetch_benchmark", benchmark="sized", **known)) == Cost(160, kept=16e9)
    assert costs.of(job("fetch_dataset", **known)) == Cost(160, kept=16e9)
    assert costs.of(job("fetch_model", **known)) == Cost(160, kept=8e9)


def test_frames(costs: Costs) -> None:
    # 3000 s of video, ten times as fast as they play, by four; 3 x 100 frames of 50,000 pixels of two bytes.
    made = costs.of(job("build_frames", "data/questions/mine.parquet", threads=4, frames=[FRAMES]))
    assert made == Cost(75, kept=30e6)
    # Both ways of sampling take both sets: 600 s of video; 10 x (80 + 40) + 20 x (20 + 10) frames.
    ways = [FRAMES, {**FRAMES, "fps": 1.0}]
    assert costs.of(job("build_training_frames", threads=4, frames=ways)) == Cost(30, kept=1800 * 100_000)


@pytest.mark.parametrize(("prompt", "most", "written"), [("think", None, 40), ("direct", None, 2), ("think", 10, 10)])
def test_answers(costs: Costs, prompt: str, most: int | None, written: int) -> None:
    asked = {
        "evaluation": {"prompt": prompt},
        "benchmarks": {"mine": {"max_new_tokens": most}},
        "decoding": {"max_new_tokens": 1024, "batch": 1},
        "frames": FRAMES,
        "backend": {"max_frames": None, "kind": "transformers"},
    }
    # 100 frames of 50,000 pixels at 2000 pixels a token, and 50 tokens of text: 2550 tokens, 255 s to read.
    assert costs.of(job("predict", gpus=1, **asked)).seconds == pytest.approx(30 + 6 * (1.5 + 255 + 0.5 * written))
    assert costs.of(job("predict", gpus=3, **asked)).seconds == pytest.approx(30 + 2 * (1.5 + 255 + 0.5 * written))
    # A model that is shown 10 of them: 300 tokens.
    few = job("predict", gpus=1, **{**asked, "backend": {"max_frames": 10, "kind": "vllm"}})
    assert costs.of(few).seconds == pytest.approx(30 + 6 * (1.5 + 30 + 0.5 * written))


def test_questions_that_are_there_are_counted(costs: Costs, tmp_path: Path) -> None:
    table = tmp_path / "data/questions/mine.parquet"
    table.parent.mkdir(parents=True)
    pd.DataFrame({"id": ["a", "b"]}).to_parquet(table)
    asked = {"attention": {"attention_questions": 4}, "benchmarks": {"mine": {}}, "frames": FRAMES}
    # 2590 tokens are read, 259 s.
    assert costs.of(job("score_vas_attention", gpus=1, **asked)).seconds == pytest.approx(30 + 2 * (1.5 + 259))
    table.unlink()
    assert costs.of(job("score_vas_attention", gpus=1, **asked)).seconds == pytest.approx(30 + 4 * (1.5 + 259))


def test_sft(costs: Costs, tmp_path: Path) -> None:
    settings = {
        "epochs": 2,
        "max_steps": -1,
        "global_batch": 32,
        "frames": {**FRAMES, "fps": 1.0},
        "gradient_checkpointing": True,
        "lora": {"r": 8},
        "bf16": True,
        "sharding": "zero3",
    }
    params = {"settings": settings, "upkeep": {"resumption": {"keep": 2}}}
    # 40 frames: 1000 tokens, with text and response 1090. 1280 rows x 1090 x 3 passes x 8e9, by four GPUs at 2e11 a second;
    # 40 steps of 4 s beside. Three states of 8e6 weights of 12 bytes.
    expected = Cost(30 + 1280 * 1090 * 3 * 8e9 / 8e11 + 160, kept=8.5e9, passing=3 * 8e6 * 12)
    assert costs.of(job("train_sft", "data/sft.jsonl", gpus=4, **params)) == expected
    settings.update(max_steps=1, gradient_checkpointing=False)
    assert costs.of(job("train_sft", gpus=4, **params)).seconds == 30 + 32 * 1090 * 2 * 8e9 / 8e11 + 4
    settings.update(max_steps=-1, epochs=1)
    rows = tmp_path / "sft.jsonl"
    rows.write_text("{}\n" * 16)
    assert costs.of(job("train_sft", str(rows), gpus=4, **params)).seconds == 30 + 16 * 1090 * 2 * 8e9 / 8e11 + 2


GRPO = {
    "epochs": 1,
    "max_steps": -1,
    "prompts_per_step": 1,
    "group_size": 8,
    "max_new_tokens": 1024,
    "frames": FRAMES,
    "gradient_checkpointing": True,
    "bf16": True,
    "sharding": "zero3",
}


def test_grpo(costs: Costs) -> None:
    settings = {**GRPO}
    params = {"settings": settings, "upkeep": {"resumption": {"keep": 2}}}
    # 20 frames: 500 tokens; with text 550, and two of the eight responses of 40 on each of four GPUs. The longest has 60.
    step = 60 * 0.5 + (550 + 80) * 5 * 8e9 / 2e11 + 4
    assert costs.of(job("train_grpo", gpus=4, **params)) == Cost(30 + 100 * step, kept=8.5e9, passing=3 * 4e9 * 12)
    settings.update(max_steps=10, max_new_tokens=50)
    step = 50 * 0.5 + (550 + 80) * 5 * 8e9 / 2e11 + 4
    assert costs.of(job("train_grpo", gpus=4, **params)).seconds == 30 + 10 * step


@pytest.mark.parametrize(
    ("sharding", "bf16", "weight", "state"),
    [
        ("zero3", True, 2, 12),
        ("zero2", True, 2, 14),
        ("none", True, 4, 12),
        ("zero3", False, 4, 12),
        ("zero2", False, 4, 16),
    ],
)
def test_what_a_training_keeps_and_leaves(costs: Costs, sharding: str, bf16: bool, weight: int, state: int) -> None:
    """4e9 weights are trained of 4.25e9; a state more than are kept is there while it is written."""
    params = {"settings": {**GRPO, "sharding": sharding, "bf16": bf16}, "upkeep": {"resumption": {"keep": 4}}}
    cost = costs.of(job("train_grpo", gpus=4, **params))
    assert (cost.kept, cost.passing) == (weight * 4.25e9, 5 * state * 4e9)


def test_a_training_has_fewer_gpus_beside_a_server_of_its_judge(costs: Costs) -> None:
    params = {"settings": GRPO, "upkeep": {"resumption": {"keep": 2}}}
    judged = {"judge_prompts": {"claims": "digest"}, "judge_service": {"serve": {"gpus": 4}}}
    beside = costs.of(job("train_grpo", gpus=8, **params, **judged))
    assert beside == costs.of(job("train_grpo", gpus=4, **params)) != costs.of(job("train_grpo", gpus=8, **params))


def test_scores_wait_for_a_server_that_a_job_starts(costs: Costs) -> None:
    asked = {"benchmarks": {"mine": {}}, "judge": {"kind": "cascade"}}
    assert costs.of(job("score_tac", **asked, judge_service={"serve": {"gpus": 4}})).seconds == 90 + 500 + 6 * 0.25
    assert costs.of(job("score_tac", **asked, judge_service={"serve": None})).seconds == 90 + 6 * 0.25
    ruled = {**asked, "judge": {"kind": "rules"}}
    assert costs.of(job("score_tac", **ruled, judge_service={"serve": None})) == Cost(90)


def test_what_it_is_not_about_takes_what_other_jobs_take(costs: Costs) -> None:
    assert costs.of(job("main_accuracy")) == Cost(90)


@pytest.mark.parametrize(
    ("site", "gpu"),
    [("h100", "h100"), ("nvidia_h100_80gb_hbm3", "h100"), ("A100", "a100"), ("v100", "a100"), (None, "a100")],
)
def test_a_sites_name_for_its_gpus_tells_their_kind(site: str | None, gpu: str) -> None:
    assert read_assumptions().gpu(site) == gpu


def test_every_adapter_and_every_rule_of_the_model_is_one(root: Path) -> None:
    from video_r2.data.benchmark_columns import ADAPTERS

    assumed = read_assumptions()
    assert set(assumed.benchmarks) == set(ADAPTERS)
    named = "".join(path.read_text(encoding="utf-8") for path in (root / "rules").glob("*.smk"))
    for rule in Costs(assumed, "a100", root, {}, {})._of:
        assert f"rule {rule}:" in named or f"as {rule} with:" in named


@pytest.mark.parametrize(
    ("site", "gibibytes"),
    [
        ("a100", 80),
        ("a100_40gb", 40),
        ("a100_3g.20gb", 20),
        ("A100_SXM4_80GB", 80),
        ("nvidia_h100_80gb_hbm3", 80),
        ("v100", None),
        (None, None),
    ],
)
def test_a_gpu_has_no_more_memory_than_its_name_says(site: str | None, gibibytes: float | None) -> None:
    assert read_assumptions().gpu_memory(site) == gibibytes
