"""The accuracy reward; the reference cases are those found by running the release's own function."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.rewards.accuracy import accuracy_reward
from video_r2.rewards.similarity import rouge, word_error_rate

COLOURS = ["red", "blue", "black", "green"]


def tagged(answer: str) -> str:
    return f"<think>t</think><answer>{answer}</answer>"


@pytest.mark.parametrize(
    ("answer", "target", "kind", "options", "reference", "corrected"),
    [
        ("blue", "black", "text", [], 1, 0),  # both begin with B
        ("Answer: B", "A", "choice", COLOURS, 1, 0),
        ("(A)", "A", "choice", COLOURS, 0, 1),
        ("F.", "F", "choice", [str(n) for n in range(10)], 0, 1),
        ("1,000", "1000", "number", [], 0, 1),
        ("5.0", "5", "number", [], 0, 1),
        ("B", "B", "choice", COLOURS, 1, 1),
        ("C", "B", "choice", COLOURS, 0, 0),
        ("blue", "B", "choice", COLOURS, 1, 1),
        ("red", "B", "choice", COLOURS, 0, 0),
        ("3.14", "3.14", "number", [], 1, 1),
        ("3.141", "3.14", "number", [], 1, 1),
        ("3.2", "3.14", "number", [], 0, 0),
        ("two", "2", "number", [], 0, 1),
        ("50", "50.5000", "number", [], 1 - 0.5 / 50.5, 1 - 0.5 / 50.5),  # four decimals: graded
        ("3.142", "3.141", "number", [], 1, 1),  # three decimals: equal to two of them
        ("0.0", "0.004", "number", [], 1, 0),  # both are 0.00 to two of them
        ("00:05", "0:05", "text", [], 0, 1),
        ("zebra runs", "zebra walks", "text", [], 0.5, 0.5),  # one of two words
        ("Zebra walks", "zebra walks", "text", [], 0.5, 1),
        # Stems: 2 of 6 and 2 of 2, pairs 1 of 5 and 1 of 1; words as they stand have nothing in common.
        ("zebra walks", "zebras walking along very busy roads", "text", [], (1 / 2 + 1 / 3 + 1 / 2) / 3, 0),
        ("zebra walks", "zebra walks along busy roads", "text", [], 0.4, 0.4),  # five words: three of them are missing
        # Six words: ROUGE. Words 2 of 6 and 2 of 2, pairs 1 of 5 and 1 of 1, longest common subsequence as the words.
        (
            "zebra walks",
            "zebra walks along very busy roads",
            "text",
            [],
            (1 / 2 + 1 / 3 + 1 / 2) / 3,
            (1 / 2 + 1 / 3 + 1 / 2) / 3,
        ),
        ("", "yes", "text", [], 0, 0),
    ],
)
def test_by_hand(answer: str, target: str, kind: str, options: list[str], reference: float, corrected: float) -> None:
    assert accuracy_reward(tagged(answer), target, kind, options, "reference") == pytest.approx(reference, abs=1e-9)
    assert accuracy_reward(tagged(answer), target, kind, options, "corrected") == pytest.approx(corrected, abs=1e-9)


def test_a_number_counts_in_the_unit_of_the_question() -> None:
    asked = "How far apart are the two chairs, in meters?"
    for answer, target, question, right in [
        ("320 cm", "3.2", asked, 1.0),
        ("320 cm", "3.2", "", 0.0),
        ("320", "3.2", asked, 0.0),
        ("150 cm", "2.0000", asked, 0.75),  # more than three decimals: by the relative error
    ]:
        assert accuracy_reward(tagged(answer), target, "number", question=question) == pytest.approx(right)


@pytest.mark.parametrize(("semantics", "untagged"), [("reference", 0.0), ("corrected", 1.0)])
def test_answer_without_tags_is_taken_whole_or_none_and_a_broken_block_is_none(semantics: str, untagged: float) -> None:
    assert accuracy_reward("B", "B", "choice", COLOURS, semantics) == untagged
    assert accuracy_reward("<think>So B</think><answer>B", "B", "choice", COLOURS, semantics) == 0.0


def test_which_of_two_answer_blocks_counts() -> None:
    completion = "<think>t</think><answer>A</answer><answer>B</answer>"
    assert accuracy_reward(completion, "A", "choice", COLOURS, "reference") == 1.0
    assert accuracy_reward(completion, "B", "choice", COLOURS, "corrected") == 1.0


def test_word_error_rate_by_hand() -> None:
    # kitten sat here -> kitten sits: one substitution, one deletion
    assert word_error_rate(["kitten", "sat", "here"], ["kitten", "sits"]) == pytest.approx(2 / 3)
    assert word_error_rate([], ["a"]) == 1.0


def test_rouge_by_hand() -> None:
    # words: 4 of 6 and 4 of 4 in common; pairs: 2 of 5 and 2 of 3; longest common subsequence: 4
    first, second = "the cat sat on the mat", "the cat sat mat"
    by_word = 2 * (4 / 6) * (4 / 4) / (4 / 6 + 4 / 4)
    by_pair = 2 * (2 / 5) * (2 / 3) / (2 / 5 + 2 / 3)
    assert rouge(first, second, stemmed=False) == pytest.approx((2 * by_word + by_pair) / 3)
    assert rouge("running dogs", "runs dog", stemmed=True) > rouge("running dogs", "runs dog", stemmed=False) == 0.0


@given(st.text(max_size=40), st.text(max_size=20), st.sampled_from(["choice", "number", "text"]))
def test_within_0_and_1_for_any_text(completion: str, target: str, kind: str) -> None:
    for semantics in ("reference", "corrected"):
        assert 0.0 <= accuracy_reward(completion, target, kind, COLOURS, semantics) <= 1.0


@given(st.integers(0, 3), st.integers(0, 3))
def test_a_letter_is_right_exactly_where_it_is_the_target(given_place: int, wanted: int) -> None:
    reward = accuracy_reward(tagged("ABCD"[given_place]), "ABCD"[wanted], "choice", COLOURS)
    assert reward == float(given_place == wanted)
