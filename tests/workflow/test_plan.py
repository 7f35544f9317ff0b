"""The files of an experiment and the slices of its configuration."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from video_r2 import config
from video_r2.workflow import Plan, one_of

RAW = {
    "experiment": "e",
    "seeds": [3, 4],
    "evaluation": {"jobs": "per_benchmark"},
    "models": {
        "base": {"stage": "base", "per_seed": False},
        "sft": {"stage": "sft", "start": "base", "dataset": "sft_clean"},
        "grpo": {"stage": "grpo", "start": "sft", "settings": {"kl_weight": 0.5}},
    },
    "evaluations": {
        "direct": {"model": "base", "label": "Direct", "prompt": "direct", "exhibits": ["main"]},
        "base": {"model": "base", "label": "Base", "exhibits": ["main", "bars"]},
        "sampled": {"model": "base", "label": "Sampled", "decoding": {"temperature": 1.0}},
        "grpo": {"model": "grpo", "label": "GRPO", "exhibits": ["main"]},
        "other": {"model": "grpo", "label": "Other", "control": "other_trace", "trace_from": "grpo"},
    },
    "benchmarks": {
        "one": {"label": "One", "group": "generic", "adapter": "videomme"},
        "two": {"label": "Two", "group": "reasoning", "adapter": "videomme"},
        "held": {"label": "Held", "group": "heldout", "adapter": "conversations"},
    },
}


def plan_of(root: Path, **above: object) -> Plan:
    return Plan(config.validate(config.merge(RAW, above)), root / "scripts")


@pytest.fixture
def plan(root: Path) -> Plan:
    return plan_of(root)


def test_a_model_that_no_seed_changes_is_made_once(plan: Plan) -> None:
    assert plan.checkpoints() == [
        "results/e/models/base/seed-3",
        "results/e/models/sft/seed-3",
        "results/e/models/sft/seed-4",
        "results/e/models/grpo/seed-3",
        "results/e/models/grpo/seed-4",
    ]
    assert plan.start(SimpleNamespace(model="sft", seed="4")) == "results/e/models/base/seed-3"
    assert plan.start(SimpleNamespace(model="grpo", seed="4")) == "results/e/models/sft/seed-4"


def test_an_answer_that_no_seed_changes_is_asked_for_once(plan: Plan) -> None:
    assert plan.seeds("base") == [3]
    assert plan.seeds("sampled") == [3, 4]
    assert plan.seeds("grpo") == [3, 4]


def test_scores_are_of_what_an_exhibit_shows_and_a_metric_measures(plan: Plan) -> None:
    assert plan.scores(["accuracy", "tac"], plan.evaluations("main"), ["one"]) == [
        "results/e/scores/accuracy/direct/seed-3/one.parquet",
        "results/e/scores/accuracy/base/seed-3/one.parquet",
        "results/e/scores/accuracy/grpo/seed-3/one.parquet",
        "results/e/scores/accuracy/grpo/seed-4/one.parquet",
        "results/e/scores/tac/base/seed-3/one.parquet",
        "results/e/scores/tac/grpo/seed-3/one.parquet",
        "results/e/scores/tac/grpo/seed-4/one.parquet",
    ]


def test_a_job_is_about_one_benchmark_or_all(root: Path, plan: Plan) -> None:
    job = SimpleNamespace(evaluation="other", seed="4", benchmark="two")
    assert plan.per_job("<results>/{benchmark}.x") == "<results>/{benchmark}.x"
    assert list(plan.benchmarks_of(job)) == ["two"]
    assert plan.given_traces(job) == ["results/e/predictions/grpo/seed-4/two.parquet"]

    at_once = plan_of(root, evaluation={"jobs": "per_evaluation"})
    job = SimpleNamespace(evaluation="other", seed="4")
    assert at_once.per_job("<results>/{benchmark}.x") == ["<results>/one.x", "<results>/two.x", "<results>/held.x"]
    assert list(at_once.benchmarks_of(job)) == ["one", "two", "held"]
    assert len(at_once.given_traces(job)) == 3
    assert at_once.given_traces(SimpleNamespace(evaluation="grpo", seed="4")) == []


def test_answers_do_not_depend_on_how_they_are_shown(root: Path, plan: Plan) -> None:
    shown = plan_of(
        root,
        evaluations={"grpo": {"label": "Another name", "exhibits": ["bars"], "family": "non_reasoning"}},
        benchmarks={"one": {"label": "Another name"}},
    )
    assert shown.asked("grpo") == plan.asked("grpo")
    assert shown.benchmark("one") == plan.benchmark("one")
    assert shown.rows("main") != plan.rows("main")


def test_a_model_has_its_stages_settings_and_its_own_over_them(plan: Plan) -> None:
    assert plan.training("grpo")["kl_weight"] == 0.5
    assert plan.training("grpo")["group_size"] == 8
    assert plan.training_rows(SimpleNamespace(model="sft")) == "results/e/data/sft_clean.jsonl"
    assert plan.training_rows(SimpleNamespace(model="grpo")) == "results/e/data/grpo.jsonl"


def test_a_section_can_be_cut_to_the_keys_that_a_rule_uses(plan: Plan) -> None:
    assert plan.section("data", "decoder", "max_rejected") == {"decoder": "decord", "max_rejected": 0.2}
    assert set(plan.section("judge")) == set(config.Judge.model_fields)


def test_held_out_questions_come_from_the_training_data(plan: Plan) -> None:
    assert plan.raw_benchmark(SimpleNamespace(benchmark="held")) == "results/e/data/heldout.jsonl"
    assert plan.raw_benchmark(SimpleNamespace(benchmark="one")) == "results/e/raw/benchmarks/one"


def test_a_pattern_of_no_names_matches_nothing() -> None:
    assert re.fullmatch(one_of(["a.b", "c"]), "a.b")
    assert not re.fullmatch(one_of(["a.b", "c"]), "axb")
    assert not re.match(one_of([]), "")
