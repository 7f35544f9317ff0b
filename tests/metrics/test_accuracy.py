"""Accuracy of single records, released and corrected, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.metrics import released
from video_r2.metrics.accuracy import mean_relative_accuracy, score_record
from video_r2.reading.responses import parse_response

FIVE = ["red", "blue", "green", "white", "black"]


def record(
    response: str | None, target: str, kind: str = "choice", options: list[str] | None = None, **more: Any
) -> dict:
    parsed = parse_response(response)
    direct = response is not None and "<" not in response
    return {
        "id": "q1",
        "question": "",
        "response": response,
        "think": parsed.think,
        "answer": response if direct else parsed.answer,
        "target": target,
        "answer_type": kind,
        "options": (FIVE if kind == "choice" else []) if options is None else options,
        **more,
    }


def values(adapter: str, *arguments: Any, **more: Any) -> tuple[float | None, float | None]:
    row = record(*arguments, **more)
    return score_record(row, adapter, "reference").value, score_record(row, adapter, "corrected").value


@pytest.mark.parametrize("adapter", sorted(released.READERS))
def test_a_letter_alone_is_read_by_all(adapter: str) -> None:
    assert values(adapter, "B", "B") == (100, 100)
    assert values(adapter, "<think>t</think><answer>B</answer>", "B") == (100, 100)
    assert values(adapter, "<think>t</think><answer>A</answer>", "B") == (0, 0)


@pytest.mark.parametrize("adapter", sorted(released.READERS))
def test_no_response_is_missing(adapter: str) -> None:
    assert values(adapter, None, "B")[1] is None
    assert score_record(record(None, "B"), adapter).detail == {"missing": "no response"}


@pytest.mark.parametrize(
    ("adapter", "answer", "target", "reference", "corrected"),
    [
        ("videomme", "blue (B)", "B", 100, 100),
        ("videomme", "blue", "B", 0, 100),  # no capital letter
        ("videomme", "Best answer: C", "C", 0, 100),  # the B of "Best": the release never takes that phrase out
        ("longvideobench", "Best answer: C", "C", 100, 100),  # here it does
        ("longvideobench", "Definitely C", "C", 0, 100),  # the D of "Definitely"
        ("minerva", "An apple, so C", "C", 0, 100),
        ("videomathqa", "The answer is C", "C", 100, 100),
        ("scivideobench", "Answer: B", "B", 100, 100),
        ("scivideobench", "F.", "F", 100, 100),
        ("mvbench", "B. blue", "B", 100, 100),
        ("mvbench", "(b) blue", "B", 100, 100),
        ("mvbench", "a blue one (B)", "B", 0, 100),  # the article is taken for A
        ("mvbench", "blue", "B", 0, 100),
        ("mlvu", "(C) green", "C", 100, 100),
        ("mlvu", "The correct answer is C", "C", 100, 100),
        ("mlvu", "Certainly B", "B", 0, 100),  # the C of "Certainly"
        ("mlvu", "well i think that it should really be option B", "B", 100, 100),  # ten words: a lone letter counts
        ("mlvu", "well i do think that it should really be option B", "B", 0, 100),  # eleven: it does not
        ("mvbench", "costs 1000(b)", "B", 100, 100),  # signs become spaces,
        ("mvbench", "costs 1,000(b)", "B", 0, 100),  # but nothing where a comma parts thousands
        ("tempcompass", "green, C", "C", 100, 100),
        ("mmvu", "green", "C", 100, 100),
        ("mmvu", "Green", "C", 0, 100),
        ("vsibench", "C. green", "C", 100, 100),
        ("vsibench", "the green one", "C", 100, 100),
        ("vsibench", "a green one", "C", 0, 100),  # the article is taken for A
        ("video_mmmu", "Not A. It is B. blue", "B", 100, 100),
        ("video_mmmu", "(C)", "C", 100, 100),
        ("video_mmmu", "green", "C", 0, 100),
    ],
)
def test_choices_by_hand(adapter: str, answer: str, target: str, reference: float, corrected: float) -> None:
    options = [*FIVE, "grey", "pink", "brown"] if target == "F" else FIVE
    assert values(adapter, answer, target, options=options) == (reference, corrected)


def test_first_block_as_released_last_block_corrected() -> None:
    twice = "<think>t</think><answer>A</answer><think>t</think><answer>B</answer>"
    assert values("videomme", twice, "A") == (100, 0)


def test_response_without_an_answer_block_is_wrong_and_said_so() -> None:
    row = record("<think>So the answer is B", "B")
    corrected = score_record(row, "videomme")
    assert (corrected.value, corrected.detail["missing"]) == (0, "no answer block")
    assert score_record(row, "videomme", "reference").value == 100  # the whole response is searched


def test_empty_answer_leaves_the_denominator_only_as_released() -> None:
    empty = "<think>t</think><answer></answer>"
    assert values("mvbench", empty, "B") == (None, 0)
    assert values("video_mmmu", empty, "four", "text") == (None, 0)
    assert values("videomme", empty, "B") == (0, 0)


def test_scivideobench_reads_twelve_letters_and_draws_one_of_ten() -> None:
    read = released.READERS["scivideobench"]
    questions = [released.Question(f"q{number}", FIVE) for number in range(200)]
    assert read("L.", questions[0]) == "L"
    assert {read("M.", question) for question in questions} == set("ABCDEFGHIJ")


@pytest.mark.parametrize(
    "key",
    [
        "could be",
        "so",
        "is",
        "thus",
        "therefore",
        "final",
        "answer",
        "result",
        "are",
        "in total",
        "total",
        "identify",
        "recognize",
        "calculated as",
        "counted as",
        "measured as",
        "observed as",
        "concluded as",
        "found to be",
        "equals",
        "determined to be",
        "number of",
        "value is",
        "adds up to",
        "have",
        "has",
    ],
)
def test_an_open_answer_stands_behind_its_key_as_released(key: str) -> None:
    assert not released.open_is_right(f"7 apples {key} 5", "7")
    assert released.open_is_right(f"7 apples {key} 5", "5")
    assert released.open_is_right(f"7 apples {key}5", "7")  # no key without its space


@pytest.mark.parametrize(
    ("answer", "right"), [("95", True), ("105", True), ("94.9", False), ("105.1", False), ("none", False)]
)
def test_a_number_of_vsibench_counts_within_five_percent_in_the_released_consistency(answer: str, right: bool) -> None:
    assert released.is_right(answer, "100", "number", "vsibench") == right


@pytest.mark.parametrize(
    ("answer", "target", "right"),
    [
        ("3.001", "3", True),
        ("about 3 m", "3.00", True),
        ("1500", "150", True),  # the one text holds the other
        ("1500 m", "150 m", True),  # of digits that are not alone, and without a comma, three
        ("1,500 m", "150 m", False),
        ("three", "3", False),
        ("- 5", "5", True),  # a sign that stands apart makes no number, and the text holds the other's
        ("$5", "5", True),
        ("blue ball", "ball", True),
        ("", "3", False),
    ],
)
def test_open_answers_of_the_released_consistency(answer: str, target: str, right: bool) -> None:
    assert released.is_right(answer, target, "text", "video_mmmu") is right


@pytest.mark.parametrize("adapter", ["longvideobench", "scivideobench"])
def test_release_draws_a_letter_where_it_finds_none(adapter: str) -> None:
    ids = [f"q{number}" for number in range(400)]
    drawn = [score_record(record("no idea", "B", id=name), adapter, "reference").value for name in ids]
    chance = 20 if adapter == "longvideobench" else 10
    assert abs(sum(value or 0 for value in drawn) / len(drawn) - chance) < 6
    assert drawn == [score_record(record("no idea", "B", id=name), adapter, "reference").value for name in ids]
    assert score_record(record("no idea", "B"), adapter).value == 0


@pytest.mark.parametrize(
    ("answer", "target", "nine", "ten"),
    [
        # relative error 0: all thresholds
        ("10", "10", 9 / 9, 10 / 10),
        # 0.05: also the strictest, 0.95
        ("10.5", "10", 9 / 9, 10 / 10),
        # 0.10: thresholds up to 0.90 of 0.50, 0.55, ... 0.95; of nine evenly spread ones up to 0.89375
        ("11", "10", 8 / 9, 9 / 10),
        # 0.5: only the threshold 0.50
        ("15", "10", 1 / 9, 1 / 10),
        ("5", "10", 1 / 9, 1 / 10),
        ("16", "10", 0, 0),
        ("none", "10", 0, 0),
        ("two", "2", 1, 1),
        ("0", "0", 0, 1),
    ],
)
def test_mean_relative_accuracy_has_9_thresholds_as_released_and_10_corrected(
    answer: str, target: str, nine: float, ten: float
) -> None:
    reference, corrected = values("vsibench", answer, target, "number")
    assert reference == pytest.approx(100 * nine)
    assert corrected == pytest.approx(100 * ten)


@pytest.mark.parametrize(
    ("question", "answer", "target", "kind", "corrected"),
    [
        ("What is the distance between the table and the piano (in meters)?", "320 cm", "3.2", "number", 100),
        ("What is the distance between the table and the piano (in meters)?", "320", "3.2", "number", 0),
        ("What is the length of the sofa, measured in centimeters?", "1.1 m", "100", "number", 90),  # 10% beside it
        ("What is the length of the sofa, measured in centimeters?", "110", "100", "number", 90),
        ("How many seconds pass?", "2 minutes", "120", "text", 100),
        ("How many minutes pass?", "120 s", "2", "text", 100),
        ("How many minutes pass?", "120", "2", "text", 0),
    ],
)
def test_a_number_counts_in_the_unit_of_the_question(
    question: str, answer: str, target: str, kind: str, corrected: float
) -> None:
    adapter = "vsibench" if kind == "number" else "video_mmmu"
    assert values(adapter, answer, target, kind, question=question)[1] == pytest.approx(corrected)


@pytest.mark.parametrize(
    ("answer", "target", "reference", "corrected"),
    [
        ("leftward", "leftward", 100, 100),
        ("It is moving leftward", "leftward", 100, 100),
        ("not leftward", "leftward", 100, 0),  # released: the text stands in the answer
        ("leftwards", "leftward", 100, 0),
        ("The answer is 3.14", "3.14", 100, 100),
        ("3.141", "3.14", 100, 100),
        ("1,000", "1000", 100, 100),
        ("four", "4", 0, 100),
        ("5", "4", 0, 0),
        ("dog, cat, bird, fish, horse", "horse", 100, 0),  # released: the text stands in the answer
        ("a dog or a horse", "horse", 100, 0),
        ("horse/dog", "horse", 100, 0),
        ("a brown horse, not a dog", "horse", 100, 100),
        ("no rain", "rain", 100, 0),
        ("non-linear", "linear", 100, 0),
        ("no, blue", "blue", 100, 100),
        ("There is no doubt: it is blue", "blue", 100, 100),
        ("Paris, France", "Paris", 100, 100),
        ("1,000 people", "1,000", 100, 100),
        ("rock and roll music", "rock and roll", 100, 100),
        ("cat, dog, horse", "cat", 100, 0),
        ("leftward, which means that it goes to the left", "leftward", 100, 100),
        ("red, white, blue", "red, white, blue", 100, 100),
    ],
)
def test_open_answers_by_hand(answer: str, target: str, reference: float, corrected: float) -> None:
    assert values("video_mmmu", answer, target, "text") == (reference, corrected)


@given(st.text(max_size=60), st.sampled_from(sorted(released.READERS)), st.sampled_from(["choice", "number", "text"]))
def test_within_0_and_100_for_any_text(response: str, adapter: str, kind: str) -> None:
    for semantics in ("reference", "corrected"):
        value = score_record(record(response, "B" if kind == "choice" else "4", kind), adapter, semantics).value
        assert value is None or 0 <= value <= 100


@given(st.floats(0.1, 1e6), st.floats(0, 1e6))
def test_mean_relative_accuracy_falls_with_the_error(target: float, error: float) -> None:
    nearer, farther = (mean_relative_accuracy(target + share * error, target) for share in (0.5, 1.0))
    assert 0 <= farther <= nearer <= 1


@pytest.mark.parametrize("sign", ["-\t1", "-\n1", "- 1", "−\x0c1"])
def test_a_number_as_released_is_read_across_any_space_after_its_sign(sign: str) -> None:
    assert released.number_of(sign) == -1.0
