"""Sections of a configuration: laying one over another, and telling what is wrong with one."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.config import Judge, TemporalAlignment
from video_r2.errors import UserError
from video_r2.sections import Part, checked, merge, overlaid

VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.booleans() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(MAPPINGS, MAPPINGS)
def test_what_lies_above_wins_and_the_rest_stays(below: dict[str, Any], above: dict[str, Any]) -> None:
    merged = merge(below, above)
    assert set(merged) == set(below) | set(above)
    assert merge(merged, above) == merged
    for key, value in merged.items():
        if key not in above:
            assert value == below[key]
        elif not isinstance(above[key], dict) or not isinstance(below.get(key), dict):
            assert value == above[key]


def test_a_new_row_stands_behind_the_one_it_follows_in_the_overlay() -> None:
    below = {"first": {"x": 1}, "second": {"x": 1}, "last": {"x": 1}}
    above = {"first": None, "new": {"x": 2}, "newer": {"x": 2}, "second": {"x": 3}, "after": {"x": 2}}
    assert list(merge(below, above)) == ["new", "newer", "second", "after", "last"]
    assert list(merge(below, {"new": {}})) == [*below, "new"]
    assert list(merge({}, above)) == [*above]


def test_null_takes_an_entry_away_and_sets_a_plain_key_to_none() -> None:
    below = {"models": {"a": {"stage": "hub"}, "b": {"stage": "hub"}}, "context": "text"}
    assert merge(below, {"models": {"a": None}, "context": None}) == {
        "models": {"b": {"stage": "hub"}},
        "context": None,
    }


def test_keys_laid_over_a_section_are_checked() -> None:
    assert overlaid(TemporalAlignment(), {"similarity": 0.5}, "at").similarity == 0.5
    with pytest.raises(
        ValueError, match=r"at\.similarity: .*less than or equal to 1; got 2; at\.nosuch: there is no such key"
    ):
        overlaid(TemporalAlignment(), {"similarity": 2, "nosuch": 1}, "at")


def test_a_part_knows_where_each_of_its_values_stands() -> None:
    values = {"learning_rate": 1, "rewards": {"gate": True, "format": 0.5}}
    part = Part(values, "training.grpo", ("models.last.settings", {"rewards": {"gate": True}}))
    assert part.path_to("learning_rate") == "training.grpo.learning_rate"
    assert part.path_to("rewards", "format") == "training.grpo.rewards.format"
    assert part.path_to("rewards", "gate") == "models.last.settings.rewards.gate"
    # Snakemake compares what parameters look like, and hands them to jobs that know no such class.
    assert (repr(part), type(pickle.loads(pickle.dumps(part)))) == (repr(values), dict)  # noqa: S301


def test_all_that_is_wrong_with_a_section_is_told_with_where_it_stands() -> None:
    assert checked(Judge, {"timeout": 5}, "here").timeout == 5
    with pytest.raises(UserError) as caught:
        checked(Judge, {"timeout": 0, "kind": "oracle", "nosuch": 1}, "here")
    lines = str(caught.value).splitlines()
    assert lines[0] == "here: these settings cannot be used:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["kind", "timeout", "nosuch"]
