"""The rule judge: claims, answers, consistency and visual evidence, read by hand."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_r2 import config
from video_r2.judge import make_judge
from video_r2.judge.rules import RuleJudge

JUDGE = RuleJudge()
COLOURS = ["red", "green", "blue", "dark blue"]
TRACE = (
    '00:00-00:04: a red circle with 3, rising, "sun". 00:04-00:08: a blue cross with 2, resting. '
    "00:08 minus 00:04 is 4. They last 4, 4 seconds. So the answer is blue, option C."
)


def test_configuration_makes_it() -> None:
    assert isinstance(make_judge(config.Judge(kind="rules")), RuleJudge)


@pytest.mark.parametrize(
    ("think", "claims"),
    [
        (
            TRACE,
            [
                ("00:00-00:04", (0, 4), 'a red circle with 3, rising, "sun"'),
                ("00:04-00:08", (4, 8), "a blue cross with 2, resting"),
            ],
        ),
        ("At 00:05 a dog enters.", [("00:05", (5, 5), "a dog enters")]),
        ("A dog enters at 00:05.", [("00:05", (5, 5), "A dog enters")]),
        (
            "At 00:05 a dog enters and at 00:09 it leaves.",
            [("00:05", (5, 5), "a dog enters"), ("00:09", (9, 9), "it leaves")],
        ),
        ("between 0:10 and 0:14 the man waves", [("between 0:10 and 0:14", (10, 14), "the man waves")]),
        ("Around the 20-second mark, he lands.", [("Around the 20-second mark", (20, 20), "he lands")]),
        (
            '- **00:03**: The sign reads "Gate B".\n- 00:70: fog',
            [("00:03", (3, 3), 'The sign reads "Gate B"'), ("00:70", None, "fog")],
        ),
        ("The ball weighs 3.5 kg at 00:05.", [("00:05", (5, 5), "The ball weighs 3.5 kg")]),
        ("He waits for 5 seconds.", []),
        ("00:05. 00:07!", []),
        ("The answer is 00:04.", []),
        ("So the object appears at 00:04, option B.", []),
        ("", []),
    ],
)
def test_claims(think: str, claims: list) -> None:
    found = [
        (claim.time, claim.interval and (claim.interval.start, claim.interval.end), claim.text)
        for claim in JUDGE.claims(think) or []
    ]
    assert found == claims


@pytest.mark.parametrize(
    ("think", "answer"),
    [
        (TRACE, "C"),
        ("So B. Wait, no, it is C.", "C"),
        ("The answer is A. Actually, I am sure.", "A"),
        ("I think it is red. Therefore, the answer is (A).", "A"),
        ("Therefore D is correct, not A.", "D"),
        ("So the colour changes. The answer is not red but green.", "B"),
        ("So C. blue.", "C"),
        ("Hence, blue (C).", "C"),
        ("The best option is B because A is wrong.", "B"),
        ("Option C is correct.", "C"),
        ("The object is dark blue", "D"),
        ("output TRUE. The answer is A. Ignore this. So the answer is green.", "B"),
        ("So it is either A or B.", ""),
        ("Thus the circle is so small.", ""),
        ("A red circle, then a blue one.", ""),
        ("", ""),
    ],
)
def test_choice_of_a_trace(think: str, answer: str) -> None:
    assert JUDGE.answer_in(think, COLOURS, "choice") == answer


@pytest.mark.parametrize(
    ("text", "kind", "source", "answer"),
    [
        ("5 plus 3 is 8. So the answer is 8.", "number", "think", "8.0"),
        ("There are 3 here and 4 there. So, in total 7 cats.", "number", "think", "7.0"),
        ("So it is 50 cm.", "number", "think", "50.0 cm"),
        ("about 12", "number", "answer", "12.0"),
        ("So the answer is leftward.", "text", "think", "leftward"),
        ("Therefore, it is the red circle because it moves.", "text", "think", "the red circle"),
        ("So the answer is 00:04.", "text", "think", "00:04"),
        ("A dog enters.", "text", "think", ""),
        ("the red circle", "text", "answer", "the red circle"),
        ("B", "choice", "answer", "B"),
        ("I do not know", "choice", "answer", ""),
    ],
)
def test_other_answers(text: str, kind: str, source: str, answer: str) -> None:
    assert JUDGE.answer_in(text, COLOURS if kind == "choice" else [], kind, source) == answer


@pytest.mark.parametrize(
    ("think", "answer", "kind", "consistent"),
    [
        (TRACE, "C", "choice", True),
        (TRACE, "(C) blue", "choice", True),
        (TRACE, "blue", "choice", True),
        (TRACE, "A", "choice", False),
        (TRACE, "", "choice", False),
        ("", "C", "choice", False),
        ("", "", "choice", False),
        ("So A or B.", "A", "choice", False),
        ("So there are four.", "4", "number", True),
        ("So there are four.", "5", "number", False),
        ("So it moves leftward.", "leftward", "text", True),
        ("So it does not move leftward.", "leftward", "text", False),
        ("So it moves leftward.", "rightward", "text", False),
        ("So the answer is 0:04.", "00:04", "text", True),
    ],
)
def test_consistency(think: str, answer: str, kind: str, consistent: bool) -> None:
    assert JUDGE.consistent(think, answer, COLOURS if kind == "choice" else [], kind) is consistent


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
        (TRACE.replace("So the", "00:08-00:12: a white square with 5, falling. So the"), 10, 10),
    ],
)
def test_evidence_is_in_its_band(think: str, low: float, high: float) -> None:
    assert low <= (JUDGE.visual_evidence(think) or 0.0) <= high


SENTENCES = st.sampled_from(
    [
        "At 00:05 a red circle rises.",
        "A man picks up two boxes.",
        'The sign reads "Exit" on the left.',
        "The video shows something.",
        "It is probably C.",
        "So the answer is B.",
    ]
)


@given(st.lists(SENTENCES, max_size=6))
def test_concrete_sentences_never_lower_the_rating(sentences: list[str]) -> None:
    before = JUDGE.visual_evidence(" ".join(sentences)) or 0.0
    after = JUDGE.visual_evidence(" ".join([*sentences, "Then 3 blue squares fall behind the table."])) or 0.0
    assert 0 <= before <= after <= 10


@settings(max_examples=300)
@given(st.text(max_size=120) | st.lists(SENTENCES | st.text(max_size=8), max_size=8).map(" ".join))
def test_no_text_raises(text: str) -> None:
    for claim in JUDGE.claims(text) or []:
        assert claim.text
    for kind in ("choice", "number", "text"):
        assert isinstance(JUDGE.answer_in(text, COLOURS, kind), str)
        JUDGE.consistent(text, text[:10], COLOURS, kind)
    assert 0 <= (JUDGE.visual_evidence(text) or 0.0) <= 10


@pytest.mark.parametrize("unit", ["So ", "answer is ", "00:05 ", '"a', "a. ", "\n", ". ", "because ", "A. ", "- ", " "])
def test_time_taken_is_linear(unit: str) -> None:
    text = unit * (40_000 // len(unit))
    begun = time.process_time()
    JUDGE.claims(text)
    JUDGE.answer_in(text, COLOURS, "choice")
    JUDGE.answer_in(text, [], "number")
    JUDGE.answer_in(text, [], "text")
    JUDGE.visual_evidence(text)
    assert time.process_time() - begun < 4


def test_a_thousand_records_take_less_than_two_seconds() -> None:
    begun = time.process_time()
    for _ in range(1000):
        JUDGE.claims(TRACE)
        JUDGE.consistent(TRACE, "C", COLOURS, "choice")
        JUDGE.visual_evidence(TRACE)
    assert time.process_time() - begun < 2
