"""Blocks, letters, numbers and words, with cases read by hand."""

from __future__ import annotations

import pytest
from growth import QUADRATIC, growth
from hypothesis import given, settings
from hypothesis import strategies as st

from video_r2.reading.answering import number_of
from video_r2.reading.answers import answers_equal, choice_of, letter_of
from video_r2.reading.conclusions import concluded_choice, given_choice
from video_r2.reading.responses import parse_response
from video_r2.reading.words import normalise_text

COLOURS = ["red", "blue", "dark blue", "green"]


@pytest.mark.parametrize(
    ("response", "think", "answer"),
    [
        ("<think>a</think><answer>B</answer>", "a", "B"),
        ("<THINK> a </THINK>\n<Answer> B </ANSWER>\n", "a", "B"),
        ("<think>a</think><answer>B</answer><think>c</think><answer>D</answer>", "c", "D"),
        ("<think></think><answer></answer>", "", ""),
        ("<think>a</think><answer>B", "a", None),
        ("<think>never closed <answer>B</answer>", None, "B"),
        ("<think>a</think><answer>B</answer><answer>C", "a", "B"),
        ("</think>a</answer>", None, None),
        ("B", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_last_closed_blocks_are_found(response: str | None, think: str | None, answer: str | None) -> None:
    parsed = parse_response(response)
    assert (parsed.think, parsed.answer) == (think, answer)


def test_times_are_those_of_the_trace() -> None:
    parsed = parse_response("<think>00:04-00:08: a dog. At 0:10 a cat.</think><answer>00:30</answer>")
    assert parsed.times == ["00:04-00:08", "At 0:10"]


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("C", "C"),
        ("c", "C"),
        ("(C)", "C"),
        ("(c)", "C"),
        ("C.", "C"),
        ("c) blue", "C"),
        ("C. blue", "C"),
        ("C: blue", "C"),
        ("blue (C)", "C"),
        ("blue, C", "C"),
        ("blue, option C", "C"),
        ("option c", "C"),
        ("**C**", "C"),
        ("\\boxed{C}", "C"),
        ("Answer: B", "B"),
        ("The answer is C, not B", "C"),
        ("not A but D", "D"),
        ("D because A and B are wrong", "D"),
        ("A is correct", "A"),
        ("The answer is A.", "A"),
        ("B or C", None),
        ("either (A) or (B)", None),
        ("A dog enters", None),
        ("I think so", None),
        ("The answer is: A dog enters", None),
        ("E", None),
        ("blue", None),
        ("", None),
        (None, None),
    ],
)
def test_letter_is_read_by_its_label(text: str | None, letter: str | None) -> None:
    assert letter_of(text, 4) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("blue", "B"),
        ("Blue.", "B"),
        ("the dark blue", "C"),
        ("It is dark blue.", "C"),
        ("blue, not red", "B"),
        ("red or blue", None),
        ("blue (D)", "D"),
        ("black", None),
        ("bluebird", None),
    ],
)
def test_choice_is_read_by_label_else_by_words(text: str, letter: str | None) -> None:
    assert choice_of(text, COLOURS) == letter


@pytest.mark.parametrize("letter", "ACD")
@pytest.mark.parametrize(
    "written",
    ["{}. blue", "({}) blue", "{}) blue", "{}: blue", "{}, blue", "**{}** blue", "{} - blue", "{}.blue", "{}\nBlue."],
)
def test_a_label_before_the_text_of_another_option_counts(written: str, letter: str) -> None:
    """A capital A is no article where a mark follows it."""
    options = ["red", "blue", "green", "white"]
    assert choice_of(written.format(letter), options) == letter
    assert choice_of(written.format(letter.lower()), options) == letter


@pytest.mark.parametrize("letter", "ACD")
@pytest.mark.parametrize("written", ["blue ({})", "blue, {}", "blue {}", "blue, option {}", "blue. {}"])
def test_a_label_behind_the_text_of_another_option_is_not_dropped(written: str, letter: str) -> None:
    assert choice_of(written.format(letter), ["red", "blue", "green", "white"]) in (letter, None)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        (["Yes", "No"], 1),
        (["red", "blue", "green", "None of the above"], 3),
        (["red", "blue", "Cannot be determined"], 2),
        (["the man with a hat", "the man without a hat"], 1),
        (["He moves", "He does not move", "He sits"], 1),
        (["always open", "never open"], 1),
    ],
)
@pytest.mark.parametrize("form", ["{x} ({L})", "{x} [{L}]", "{x}, {L}", "{L}, {x}", "{L}: {x}", "{L} ({x})", "{x}"])
def test_an_options_own_negation_denies_nothing(options: list[str], place: int, form: str) -> None:
    letter = "ABCD"[place]
    answer = form.format(x=options[place], L=letter)
    assert choice_of(answer, options) == letter
    for says in ("So the answer is {}.", "The answer is {}.", "Therefore, {}."):
        assert concluded_choice(f"He stays. {says.format(answer)}", options) == letter


@pytest.mark.parametrize(
    "options",
    [
        ["5", "-5", "15"],
        ["C++", "C#", "C"],
        ["10%", "10", "20"],
        ["< 5", "> 5", "5"],
        ["x=2", "x≠2", "x=3"],
        ["5 - 3", "5 + 3", "5 * 3"],
        ["♥", "♦", "♣"],
        ["→", "←", "↑"],
    ],
)
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("form", ["{x}", "{x}.", "({L}) {x}", "The answer is {x}.", "It is {x}, not {y}."])
def test_options_that_differ_in_their_signs_are_told_apart(options: list[str], place: int, form: str) -> None:
    answer = form.format(x=options[place], L="ABC"[place], y=options[place - 1])
    assert choice_of(answer, options) == "ABC"[place]
    assert concluded_choice(f"They move. So the answer is {options[place]}.", options) == "ABC"[place]


@pytest.mark.parametrize(
    ("options", "answer", "letter"),
    [
        (["turn left by +90 degrees", "turn left by -90 degrees", "go on"], "turn left by -90 degrees", "B"),
        (["x = 2", "x = -2", "y = 2"], "x=-2", "B"),
        (["x = 2", "x = -2", "y = 2"], "x = - 2", "B"),
        (["He says 'yes'", "He says yes", "no"], "He says yes", "B"),
        (["the cat", "a cat", "dog"], "a cat", "B"),
        (
            ["The man is happy.", "The man is happy", "sad man"],
            "The man is happy",
            "A",
        ),  # the first of two that are one
        (["dog", "dog", "cat"], "dog", "A"),
        (["5", "-5", "10"], "the range is 0-5", "A"),
        (["5", "-5", "10"], "Answer - 5", "A"),
        (["+", "-", "x"], "The well-known operator", None),
        (["+", "-", "/"], "1/2 is shown", None),
    ],
)
def test_an_option_is_found_by_its_signs_and_in_no_other_number_or_word(
    options: list[str], answer: str, letter: str | None
) -> None:
    assert choice_of(answer, options) == letter
    assert given_choice(answer, options) == (letter or "")


@pytest.mark.parametrize("answer", ["B (A is wrong)", "(B) — A and C are out", "B. A is wrong.", "B (not A)"])
@pytest.mark.parametrize("options", [COLOURS, []])
def test_what_is_said_of_others_in_brackets_denies_no_answer(answer: str, options: list[str]) -> None:
    assert given_choice(answer, options) == "B"
    assert concluded_choice(f"They move. So the answer is {answer}", options) == "B"


def test_of_options_about_all_others_only_the_first_word_is_their_own() -> None:
    options = ["red", "blue", "green", "None of the above"]
    assert [choice_of(text, options) for text in ("All of the above", "none", "None of these")] == [None, "D", "D"]


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("0:05", "A"),
        ("B. 0:15", "B"),
        ("C. 0:15", "C"),
        ("5 seconds", "A"),
        ("65 s", "C"),
        ("at 0:10", "D"),
        ("The dog comes at 01:05.", "C"),
        ("0:05 or 0:15", None),
        ("0:06", None),
    ],
)
def test_an_option_that_is_a_time_is_the_same_however_it_is_written(text: str, letter: str | None) -> None:
    assert choice_of(text, ["00:05", "00:15", "1:05", "10 s"]) == letter


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Vitamin A", "vitamin", False),
        ("vitamin A.", "the vitamin A", True),
        ("a dog and the cat", "dog and cat", True),
        ("A dog", "dog", True),
        ("I don't know", "I dont know", True),
        ("the U.S.A.", "USA", True),
        ("Mr. B. Good", "mr b good", True),
    ],
)
def test_texts_are_compared_by_their_words(one: str, other: str, equal: bool) -> None:
    assert answers_equal(one, other, "text") == equal


@pytest.mark.parametrize(
    ("written", "options", "letter"),
    [
        *((written, ["C", "B", "A"], "A") for written in ("A", "(A)", "a.", "Option A", "A. C")),
        ("X", ["C", "X", "A"], "B"),
        ("x", ["C", "X", "A"], "B"),
        ("A", ["b", "a", "e"], "A"),
        ("(A) b", ["b", "a", "e"], "A"),
        ("a", ["b", "a", "e"], "B"),
    ],
)
def test_a_letter_is_a_label_first_where_the_options_are_letters(written: str, options: list[str], letter: str) -> None:
    assert choice_of(written, options) == letter


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("5.0", 5),
        ("1,000", 1000),
        ("1,234,567.5", 1234567.5),
        ("-4", -4),
        ("−4", -4),
        ("3-5", None),
        ("1e3", 1000),
        ("3²", 9),
        ("10^3", 1000),
        ("10⁻²", 0.01),
        ("2.5 x 10^3", 2500),
        ("0 ^ -1", None),
        ("9^999", None),
        ("a dozen", 12),
        ("4 people in total, 3 of them women", 4),
        (".5", 0.5),
        ("about twenty-one apples", 21),
        ("three hundred and five", 305),
        ("two thousand", 2000),
        ("two three", 2),
        ("one apple, room 2", 1),
        ("5 - 2 = 3", 3),
        ("3 plus 4, in total 7", 7),
        ("At 00:05 there are 3", 3),
        ("00:05", 5),
        ("٣", 3),
        ("none", None),
        ("", None),
        ("9" * 400, None),
    ],
)
def test_number_is_read(text: str, number: float | None) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("one", "other", "kind", "equal"),
    [
        ("C", "c", "choice", True),
        ("C", "D", "choice", False),
        ("", "", "choice", False),
        ("1,000", "1000", "number", True),
        ("5", "5.0", "number", True),
        ("50 cm", "0.5 m", "number", True),
        ("2 minutes", "120 s", "number", True),
        ("1/2 hour", "30 minutes", "number", True),
        ("1h30", "90 min", "number", True),
        ("1h30m", "1h45m", "number", False),
        ("1 h 30 m", "90 minutes", "number", True),
        ("1h2m3s", "3723 s", "number", True),
        ("2m45s", "2m30s", "number", False),
        ("2m30s", "150 seconds", "number", True),
        ("1/2 km", "1/2 m", "number", False),
        ("1/2 m", "50 cm", "number", True),
        ("2 m", "200 cm", "number", True),
        ("1 h 30 min", "1.5 hours", "number", True),
        ("1h 30", "1 hour", "number", False),
        ("50 cm", "50", "number", True),
        ("50 cm", "50 kg", "number", False),
        ("5", "5.1", "number", False),
        ("The Blue dog.", "blue  dog", "text", True),
        ("00:05", "0:05", "text", True),
        ("three", "3", "text", True),
        ("a dozen", "12", "text", True),
        ("5 seconds", "00:05", "text", True),
        ("5", "-5", "text", False),
        ("3 dogs", "3 cats", "text", False),
        ("blue", "black", "text", False),
        ("", "", "text", False),
    ],
)
def test_answers_are_compared_as_answers(one: str, other: str, kind: str, equal: bool) -> None:
    assert answers_equal(one, other, kind) is equal
    assert answers_equal(other, one, kind) is equal


def test_numbers_without_a_unit_are_in_that_of_the_question() -> None:
    question = "How many seconds does it take?"
    assert answers_equal("half a minute", "30", "number", question)
    assert not answers_equal("half a minute", "0.5", "number", question)
    assert answers_equal("half a minute", "0.5", "number")


@given(st.lists(st.tuples(st.sampled_from(["", "the ", "An "]), st.from_regex(r"[b-s]{1,6}", fullmatch=True))))
def test_case_punctuation_and_articles_change_nothing(words: list[tuple[str, str]]) -> None:
    plain = " ".join(word for _, word in words)
    written = f"«{',  '.join(article + word.upper() for article, word in words)}.»"
    assert normalise_text(written) == plain


@given(
    st.lists(st.sampled_from(["red", "blue", "green", "white"]), min_size=4, max_size=4, unique=True), st.integers(0, 3)
)
def test_every_way_of_naming_an_option_names_it(options: list[str], place: int) -> None:
    letter, text = "ABCD"[place], options[place]
    for answer in (letter, f"({letter})", f"{letter}. {text}", f"{text} ({letter})", f"{text}, option {letter}", text):
        assert choice_of(answer, options) == letter


@settings(max_examples=300)
@given(st.text(max_size=80) | st.text(alphabet="ABCDabcd().,:*<>/thinkanswer 0123456789-e\n", max_size=80))
def test_no_text_raises(text: str) -> None:
    parse_response(text)
    letter = letter_of(text, 4)
    assert letter is None or letter in "ABCD"
    assert choice_of(text, COLOURS) in (None, "A", "B", "C", "D")
    number_of(text)
    answers_equal(text, text[::-1], "text")
    assert answers_equal(text, text, "number") == (number_of(text) is not None)


@pytest.mark.parametrize(
    "unit",
    [
        "A ",
        "1^",
        "3²",
        "5' ",
        "A. red B. blue C. dark blue ",
        "A. red ",
        "<think>",
        "</answer>",
        "B or ",
        "not ",
        "0",
        "1,",
        "one ",
        "hundred ",
        " ",
        "A. x\n",
    ],
)
def test_time_taken_is_linear(unit: str) -> None:
    assert growth(lambda text: (parse_response(text), choice_of(text, COLOURS), number_of(text)), unit) < QUADRATIC / 2
