"""One spelling for what is written in many ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.reading.plain_text import plain_text, spell_plainly


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Ｃ　６", "C 6"),
        ("it’s “C” – −4", 'it\'s "C" - -4'),
        ("2½ or \\frac{3}{4} l", "2 1/2  or  3/4  l"),
        ("Ⅷ", "8"),
        ("**C** and `C`", "C and C"),
        ("### Step 1", "Step 1"),
        ("3 * 4", "3 * 4"),
        ("a\u200bb &amp; <b>c</b>", "ab & c"),
        ("\\boxed{C}", " = C}"),
        ("答えはCです", "答えは C です"),
        ("costs $5", "costs $5"),
        ("3² m²", "3^2 m2"),
        ("Anti-clockwise", "counterclockwise"),
    ],
)
def test_what_is_written_in_many_ways_is_written_in_one(text: str, plain: str) -> None:
    assert spell_plainly(text) == plain


@given(st.text(max_size=60))
def test_any_text_is_spelled(text: str) -> None:
    assert isinstance(plain_text(text), str)
