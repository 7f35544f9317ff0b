"""Numbers and their units, read by hand."""

from __future__ import annotations

import pytest

from video_r2.reading.answering import number_of, quantity_of
from video_r2.reading.answers import answers_equal
from video_r2.reading.quantities import Quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        # separators
        ("1 200", 1200),
        ("1 299,95 €", 1299.95),
        ("1.299,95", 1299.95),
        ("$1,299.95", 1299.95),
        ("3,5", 3.5),
        ("45k", 45_000),
        ("2.5 million", 2_500_000),
        # fractions
        ("1/2", 0.5),
        ("\\frac{3}{4}", 0.75),
        ("2½", 2.5),
        ("2 1/2 cups", 2.5),
        ("two thirds", 2 / 3),
        ("a quarter", 0.25),
        ("a third shape", None),
        ("the second half", None),
        # words
        ("half a dozen", 6),
        ("two dozen", 24),
        ("a couple of dogs", 2),
        ("fifteen hundred", 1500),
        ("three point two five", 3.25),
        ("one and a half", 1.5),
        ("twice", 2),
        ("the blue one", None),
        ("which one of them", None),
        ("only one", 1),
        # signs
        ("minus twelve", -12),
        ("12 degrees below zero", -12),
        ("below zero", None),
        # sums
        ("4 plus 9 is 13", 13),
        ("4 red ones and 9 blue ones make 13", 13),
        ("4 + 9", 13),
        ("60-51=9", 9),
        ("4 here, 9 there, 13 in total", 13),
        ("one, two, three, four", 4),
        # several numbers are none
        ("3-5", None),
        ("3 to 5", None),
        ("3 or 5", None),
        ("3 (or 5)", None),
        ("3, 5", None),
        ("3 and 5", None),
        ("maybe 3, maybe 5", None),
        ("at least 3 and at most 5", None),
        ("81/83", None),
        # but one may be explained
        ("seven (7)", 7),
        ("7 (4 men and 3 women)", 7),
        ("7, not 8", 7),
        ("not 8 but 7", 7),
        ("8 out of 10", 8),
        ("7, but I am not sure", 7),
        # places
        ("5th floor", 5),
        ("IV", 4),
        # other scripts and languages
        ("٣٥", 35),
        ("④", 4),
        ("二十三", 23),
        ("三百零五", 305),
        ("两个", 2),
        ("第三", 3),
        ("treinta y cinco", 35),
        ("vingt et un", 21),
        ("dreiundzwanzig", 23),
        ("ventotto", 28),
        ("quarenta e dois", 42),
        ("ci sono due gatti", 2),
        ("due to rain", None),
        ("the elf sings", None),
        ("шесть", 6),
        ("पाँच", 5),
    ],
)
def test_number_is_read(text: str, number: float | None) -> None:
    assert number_of(text) == (None if number is None else pytest.approx(number))


@pytest.mark.parametrize(
    ("question", "text", "quantity"),
    [
        ("How many seconds does it last?", "a minute and a half", Quantity(90, "seconds")),
        ("How many minutes does it last?", "a quarter of an hour", Quantity(15, "minutes")),
        ("How many minutes does it last?", "1 hour and 30 minutes", Quantity(90, "minutes")),
        ("How many minutes does it last?", "01:30", Quantity(1.5, "minutes")),
        ("How many inches tall is he?", "5 ft 10 in", Quantity(70, "inches")),
        ("How many feet tall is he?", "5'6\"", Quantity(5.5, "feet")),
        ("What is the height in metres?", "1 m 80 cm", Quantity(1.8, "metres")),
        ("What is the speed in km/h?", "20 m/s", Quantity(72, "km/h")),
        ("What is the speed in kilometres per hour?", "72 kilometres per hour", Quantity(72, "km/h")),
        ("What percentage is left?", "three quarters", Quantity(75, "%")),
        ("What percentage passes?", "15 of 20", Quantity(75, "%")),
        ("What fraction passes?", "15/20", Quantity(0.75)),
        ("How many of the 20 pass?", "15/20", Quantity(15)),
        ("How many boats return?", "5/6", None),
        ("How many boats return?", "none", Quantity(0)),
        ("How many boats return?", "no answer", None),
        ("How many boats return?", "After 3 minutes, 4 boats", Quantity(4)),
        ("Which floor is it?", "the third floor", Quantity(3)),
        ("How many floors are there?", "the third floor", None),
        ("What is the sum of the digits?", "third", None),
        ("", "2 kg", Quantity(2, "kg")),
    ],
)
def test_number_is_given_in_the_unit_of_the_question(question: str, text: str, quantity: Quantity | None) -> None:
    read = quantity_of(text, question)
    assert (read is None) == (quantity is None)
    if read and quantity:
        assert (read.value, read.dimension) == (pytest.approx(quantity.value), quantity.dimension)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("5 square feet", "5 square meters", False),
        ("50000 cm²", "5 m²", True),
        ("500 cm^2", "5 m²", False),
        ("5 m²", "5 m", False),
        ("3 sq ft", "3 square feet", True),
        ("1 m³", "1000 liters", True),
        ("5 yards", "5 meters", False),
        ("5 lbs", "5 kg", False),
        ("5 mg", "0.005 g", True),
        ("2 years", "24 months", True),
        ("5 years", "5 days", False),
        ("5 °C", "5 °F", False),
        ("5 degrees Celsius", "5°C", True),
        ("$5", "€5", False),
        ("$5", "5 dollars", True),
        ("$5", "5", True),
        ("5 km/s", "5 km/h", False),
        ("18 kilometers per hour", "5 meters per second", True),
        ("60 miles an hour", "60 mph", True),
        ("5 GB", "5000 MB", True),
        ("5 GB", "5 MB", False),
    ],
)
def test_units_are_told_apart_and_converted(one: str, other: str, equal: bool) -> None:
    assert answers_equal(one, other, "number") == equal


@pytest.mark.parametrize(
    ("answer", "square_metres"),
    [("24", 24), ("24 m2", 24), ("240000 cm²", 24), ("24 square feet", 24 * 0.3048**2), ("258 ft²", 258 * 0.3048**2)],
)
def test_a_rooms_size_is_in_the_unit_that_is_asked_for(answer: str, square_metres: float) -> None:
    assert number_of(answer, "What is the size of this room (in square meters)?") == pytest.approx(square_metres)


@pytest.mark.parametrize("things", ["chair(s)", "chairs"])
@pytest.mark.parametrize("prompt", ["", " Cite timestamps in seconds. Answer in percent if asked."])
@pytest.mark.parametrize(
    ("answer", "number"),
    [("at 12 seconds all 4", 4), ("3 (at 12 seconds)", 3), ("I counted 3 within 2 minutes", 3), ("There are none.", 0)],
)
def test_what_is_counted_is_no_unit(things: str, prompt: str, answer: str, number: float) -> None:
    """ "chair(s)" is VSI-Bench's own wording."""
    assert number_of(answer, f"How many {things} are in this room?{prompt}") == number
