"""How `make why` tells what has changed, apart from Snakemake."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from video_r2.reruns import Cause, Plan, Rerun, _changed_params, _differences, told
from video_r2.sections import Part


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ["p.a.c: 2 -> 3"]),
        ({"a": 1}, {"a": 1, "b": None}, ["p.b: not set -> None"]),
        ({"a": 1, "b": "x"}, {"a": 1}, ["p.b: 'x' -> not set"]),
        ({"a": 1}, {"a": 1.0}, ["p.a: 1 -> 1.0"]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], ["p[1].a: 2 -> 3"]),
        ([0], [0, 1], ["p: [0] -> [0, 1]"]),
        ([{"a": 1}, {"a": 2}], [{"a": 2}], ["p: {'a': 1} -> not set"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ["order of p: a, b -> b, a"]),
        ({"a": 1}, {"a": 1}, []),
        ("x" * 200 + "one", "x" * 200 + "two", [f"p: …{'x' * 20}one' -> …{'x' * 20}two'"]),
    ],
)
def test_only_the_leaves_that_differ_are_told(old: object, new: object, lines: list[str]) -> None:
    assert [str(cause) for cause in _differences(Part({}, "p"), (), old, new)] == lines


def test_a_setting_is_told_by_its_key_in_the_configuration() -> None:
    part = Part(
        {"rate": 1, "rewards": {"gate": True}}, "training.grpo", ("models.m.settings", {"rewards": {"gate": True}})
    )
    params = {"settings": part, "rows": {"m": Part({"label": "B"}, "evaluations.m")}}
    job = SimpleNamespace(params=params)
    old = {"{'rate': 2, 'rewards': {'gate': False}}", "{'m': {'label': 'A'}}"}
    assert [str(cause) for cause in _changed_params(job, old, set(map(repr, params.values())), {}, Path())] == [
        "training.grpo.rate: 2 -> 1",
        "models.m.settings.rewards.gate: False -> True",
        "evaluations.m.label: 'A' -> 'B'",
    ]


def test_recorded_values_have_no_names_and_are_matched_by_what_they_hold() -> None:
    params = {
        "world": {"seed": 1, "rows": 5},
        "frames": {"fps": 2.0, "max": 9},
        "seed": 3,
        "cache": "here",
        "limit": 0.3,
    }
    job = SimpleNamespace(params=params)
    old = {"{'fps': 2.0, 'max': 8}", "{'seed': 0, 'rows': 5}", "2", "0.2", "'there'", "{'gone': True}"}
    new = {repr(value) for value in params.values()}
    told_of = [str(cause) for cause in _changed_params(job, old, new, {"data": {"limit": 0.3}}, Path())]
    assert told_of == [
        "world.seed: 0 -> 1",
        "frames.max: 8 -> 9",
        "seed: 2 -> 3",
        "cache: 'there' -> 'here'",
        "data.limit: 0.2 -> 0.3",
        "another setting: {'gone': True} -> not set",
    ]


def test_what_follows_is_counted_once_for_everything_that_it_follows_from() -> None:
    setting, code = Cause("setting", "rate", old="1", new="2"), Cause("code", "function a.b", "changed")
    jobs = [
        Rerun("train", ["one"], [setting]),
        Rerun("train", ["two"], [setting]),
        Rerun("fetch", ["three"], [code]),
        Rerun("ask", ["four"], [], [0, 1]),
        Rerun("ask", ["five"], [], [1, 2]),
        Rerun("show", ["six"], [], [3, 4]),
    ]
    assert told(Plan(jobs, ["seven"])).splitlines() == [
        "rate: 1 -> 2",
        "  train: one and 1 more",
        "  … and 3 jobs (2 ask, 1 show) that follow",
        "",
        "function a.b changed",
        "  fetch: three",
        "  … and 2 jobs (1 ask, 1 show) that follow",
        "",
        "In all 6 jobs would run.",
        "Of 1 results it is not recorded what made them, such as seven.",
    ]
