"""How much visual evidence a trace claims, in bands set by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentences import SENTENCES

from video_r2.judge.evidence import rate_evidence

TRACE = (
    '00:00-00:04: a red circle with 3, rising, "sun". 00:04-00:08: a blue cross with 2, resting. '
    "00:08-00:12: a white square with 5, falling. So the answer is blue, option C."
)


@pytest.mark.parametrize(
    ("think", "low", "high"),
    [
        ("", 0, 0),
        ("I guess it is probably C.", 0, 0),
        ("Usually a red circle falls. So A.", 0, 0),
        ("The video talks about economics.", 1, 3),
        ("At 00:05, then at 00:09.", 1, 3),
        ("A man in a red shirt.", 4, 6),
        ("A man in a red shirt walks left. Then he picks up 2 boxes from the table.", 7, 9),
        (TRACE, 10, 10),
    ],
)
def test_evidence_is_in_its_band(think: str, low: float, high: float) -> None:
    assert low <= rate_evidence(think) <= high


@given(st.lists(SENTENCES, max_size=4), st.integers(2, 5))
def test_what_is_said_again_shows_nothing_more(sentences: list[str], times: int) -> None:
    assert rate_evidence("\n".join(sentences * times)) == rate_evidence("\n".join(sentences))


@given(st.lists(SENTENCES, max_size=6))
def test_concrete_sentences_never_lower_the_rating(sentences: list[str]) -> None:
    before = rate_evidence(" ".join(sentences))
    after = rate_evidence(" ".join([*sentences, "Then 3 blue squares fall behind the table."]))
    assert 0 <= before <= after <= 10
