"""Options that are written into a question's text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.data.options import options_in, split_options


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Which?\nA. red\nB. blue", ("Which?", ["red", "blue"])),
        ("Which?\nOptions:\n(A) red\n(B) blue\nThink.", ("Which?", ["red", "blue"])),
        ("Two\nlines?\n\n A) red \n B) blue", ("Two\nlines?", ["red", "blue"])),
        ("A. is no option\nWhich?\nA. red\nB. blue", ("A. is no option\nWhich?", ["red", "blue"])),
        ("Which?\nB. red\nC. blue", ("Which?\nB. red\nC. blue", [])),
        ("Which?\nA. alone", ("Which?\nA. alone", [])),
        ("", ("", [])),
    ],
)
def test_options_are_parted_from_the_question(text: str, expected: tuple[str, list[str]]) -> None:
    assert split_options(text) == expected


@given(
    st.lists(st.text("abc 123.", min_size=1).filter(lambda text: text.strip() == text), min_size=2, max_size=10),
    st.sampled_from(["{}. {}", "({}) {}", "{}) {}", "{}: {}", " {1} ({0})"]),
)
def test_written_options_are_read_back(options: list[str], pattern: str) -> None:
    lines = [pattern.format(letter, text) for letter, text in zip("ABCDEFGHIJ", options, strict=False)]
    assert split_options("\n".join(["Which of them?", "Options:", *lines, "Answer."])) == ("Which of them?", options)


@given(st.text("AB(). :\nx"))
def test_any_text_is_read_without_complaint(text: str) -> None:
    question, options = split_options(text)
    assert len(options) != 1
    assert len(question) <= len(text)
    assert len(options_in(text)) != 1


def test_options_are_read_out_of_a_question() -> None:
    assert options_in("What?\nOptions:\nA. red\nB. blue\nAnswer with the letter.") == ["red", "blue"]
    assert options_in("What?\n(A) red \n(B) blue\n(C) 3. green") == ["red", "blue", "3. green"]
    assert options_in("A: red\nB: blue") == ["red", "blue"]
    assert options_in("What?\nOptions:\n red (A)\n 3 (three) (B)\n x(C)\nAnswer.") == ["red", "3 (three)", "x"]
    assert options_in("A. red (B)\nB. blue (A)") == ["red (B)", "blue (A)"]
    assert options_in("A. only one") == []
    assert options_in("only one (A)") == []
    assert options_in("A man enters. What colour is B. Smith's hat?") == []
    # The last run counts, and what stands between its lines does not.
    assert options_in("A. red\nB. blue\nOr:\nA. one\n  and more\nB. two\nD. five\nC. three") == ["one", "two", "three"]


@given(
    st.lists(st.text("abc 123.", min_size=1).filter(lambda text: text.strip() == text), min_size=2, max_size=10),
    st.sampled_from(["{}. {}", "({}) {}", "{}) {}", "{}: {}", " {1} ({0})"]),
)
def test_what_is_rewarded_and_what_is_evaluated_have_the_same_options(options: list[str], pattern: str) -> None:
    lines = [pattern.format(letter, text) for letter, text in zip("ABCDEFGHIJ", options, strict=False)]
    question = "\n".join(["Which of them?", *lines, "Answer."])
    assert options_in(question) == split_options(question)[1] == options
