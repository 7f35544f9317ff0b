"""The format reward, as released and corrected."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_r2.rewards.format import format_reward


@pytest.mark.parametrize(
    ("completion", "reference", "corrected"),
    [
        ("<think>a</think><answer>B</answer>", 1, 1),
        ("<think>a</think>\n<answer>B</answer>", 1, 1),
        ("<think>a</think><answer>B</answer>\n", 0, 1),  # released: a trailing new line
        (" <think>a</think><answer>B</answer>", 0, 1),
        ("<think></think><answer></answer>", 1, 0),  # released: empty blocks
        ("<think> </think><answer>B</answer>", 1, 0),
        ("<think>a</think><answer>B</answer><think>c</think><answer>D</answer>", 1, 0),  # released: repeated tags
        ("<think>a</think> so <answer>B</answer>", 0, 0),
        ("<think>a</think><answer>B", 0, 0),
        ("<think>a<answer>B</answer>", 0, 0),
        ("<answer>B</answer><think>a</think>", 0, 0),
        ("a</think><answer>B</answer>", 0, 0),
        ("<think>a</think></answer>", 0, 0),
        ("B", 0, 0),
        ("", 0, 0),
    ],
)
def test_by_hand(completion: str, reference: float, corrected: float) -> None:
    assert format_reward(completion, "reference") == reference
    assert format_reward(completion, "corrected") == corrected


PIECES = st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", " ", "\n", "a"]), max_size=9)


@settings(max_examples=500)
@given(PIECES)
def test_reference_is_what_the_released_description_says(pieces: list[str]) -> None:
    text = "".join(pieces)
    whole = re.fullmatch(r"<think>.*</think>\s*<answer>.*</answer>", text, re.DOTALL)
    assert format_reward(text, "reference") == float(whole is not None)
