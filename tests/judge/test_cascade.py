"""What the rules are certain of, by hand and on the labelled responses, and the cascade that asks a model for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Server, question_of

from video_r2 import config
from video_r2.judge import make_judge
from video_r2.judge.base import Reading, Source, Verdict
from video_r2.judge.cascade import CascadeJudge
from video_r2.judge.certainty import certain_answer, certain_claims, certain_consistency, certain_evidence
from video_r2.judge.llm import LLMJudge
from video_r2.judge.rules import RuleJudge, read_answer
from video_r2.metrics.agreement import LabelledResponse, Split, certainty, read_labelled, split_of

COLOURS = ["red", "green", "blue", "dark blue"]
SIDES = ["left", "right", "a dam"]
READINGS = Path(__file__).with_name("readings.jsonl")


@pytest.mark.parametrize(
    ("text", "options", "letter"),
    [
        ("A cross, then a circle. So the answer is blue (C).", COLOURS, "C"),
        ("A cross, then a circle.\n\n**Final answer: B**", COLOURS, "B"),
        ("It rises. Therefore, I choose option A.", COLOURS, "A"),
        ("So B. So B.", COLOURS, "B"),
        ("So it is dark blue.", COLOURS, "D"),
        ("So the right answer is left.", SIDES, "A"),
        ("So it must be right.", SIDES, "B"),
        ("So a dam.", SIDES, "C"),
        # Not the plainest of words.
        ("The last guest is red, which is option A.", COLOURS, None),
        ("So the answer is not B.", COLOURS, None),
        ("So B or C.", COLOURS, None),
        ("So maybe B.", COLOURS, None),
        ("So the answer is blue (B).", COLOURS, None),
        ("A dam.", SIDES, None),  # option A, or a dam
        ("So the answer is B?", COLOURS, None),
        ("The answer is A. So the answer is B.", COLOURS, None),
        ("So the answer is B. Wait.", COLOURS, None),
        ("So the answer is E.", COLOURS, None),
        ("Blue moves.", COLOURS, None),
    ],
)
def test_a_trace_is_certain_where_its_last_sentence_is_nothing_but_the_conclusion(
    text: str, options: list[str], letter: str | None
) -> None:
    assert certain_answer(Reading(text, "think", "choice", options, "Which?")) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(b)", "B"),
        ("C. blue", "C"),
        ("Option D", "D"),
        ("dark blue", "D"),
        ("The answer is C.", "C"),
        ("", ""),
        ("C. red", None),
        ("B, not A", None),
        ("A or B", None),
        ("the blue one, I think", None),
        ("crimson", None),
    ],
)
def test_an_answer_is_certain_where_it_is_nothing_but_an_option(text: str, letter: str | None) -> None:
    assert certain_answer(Reading(text, "answer", "choice", COLOURS, "Which?")) == letter


@pytest.mark.parametrize(
    ("text", "source", "number"),
    [
        ("First one, then three. So the answer is 4.", "think", "4.0"),
        ("She hits it. So the woman hits the nail 4 times.", "think", "4.0"),
        ("In total there are 1,200.", "think", "1200.0"),
        ("-12", "answer", "-12.0"),
        ("12.5", "answer", "12.5"),
        ("4 of 10", "answer", None),
        ("about 4", "answer", None),
        ("00:42", "answer", None),
        ("1,5", "answer", None),
        ("3/4", "answer", None),
        ("4 minutes", "answer", None),
        ("four", "answer", None),
        ("So 3. So 4.", "think", None),
        ("So 4 or so.", "think", None),
        ("The ball hits 4 bottles.", "think", None),
    ],
)
def test_a_number_is_certain_in_digits_and_the_questions_words(text: str, source: Source, number: str | None) -> None:
    question = "How many times does the woman hit the nail?"
    assert certain_answer(Reading(text, source, "number", (), question)) == number


@pytest.mark.parametrize(
    ("text", "source", "phrase"),
    [
        ("White stripes. So the answer is dark green.", "think", "dark green"),
        ("beekeeper", "answer", "beekeeper"),
        ("A red circle.", "answer", "A red circle"),
        ("He keeps bees, so a beekeeper.", "think", None),
        ("So the answer is dark green or black.", "think", None),
        ("not a piano", "answer", None),
        ("a man who stands at the very left", "answer", None),
    ],
)
def test_a_phrase_is_certain_where_it_stands_alone(text: str, source: Source, phrase: str | None) -> None:
    assert certain_answer(Reading(text, source, "text")) == phrase


@pytest.mark.parametrize(
    ("think", "answer", "kind", "consistent"),
    [
        ("So the answer is blue (C).", "C", "choice", True),
        ("So the answer is blue (C).", "B", "choice", False),
        ("It seems blue, which is C.", "C", "choice", None),
        ("So the answer is C.", "C, I think", "choice", None),
        ("So the answer is 4.", "5", "number", False),
        ("So the answer is piano.", "piano", "text", True),
        ("So the answer is piano.", "grand piano", "text", None),
        ("", "C", "choice", False),
    ],
)
def test_consistency_is_certain_where_both_are(think: str, answer: str, kind: str, consistent: bool | None) -> None:
    options = COLOURS if kind == "choice" else []
    assert certain_consistency(Verdict(think, answer, kind, options, "How many?")) is consistent


def test_claims_and_evidence_are_certain_only_where_there_is_nothing() -> None:
    assert certain_claims("A red circle rises, so the answer is red.") == []
    assert certain_claims("At 00:04 a red circle rises.") is None
    assert certain_claims("A circle in the second half.") is None
    assert certain_claims("Nach fünf Sekunden steigt der Kreis.") is None
    assert certain_claims("Dopo cinque secondi il cerchio sale, e poi si ferma.") is None
    assert certain_claims("五秒后红球上升。") is None
    assert certain_evidence(" ... ") == 0.0
    assert certain_evidence("A red circle rises.") is None


LABELLED = read_labelled(READINGS)


@settings(max_examples=50)
@given(st.sampled_from(LABELLED), st.text(max_size=20))
def test_what_is_certain_is_what_the_rules_read(labelled: LabelledResponse, more: str) -> None:
    for reading in labelled.readings:
        longer = Reading(reading.text + more, reading.source, reading.answer_type, reading.options, reading.question)
        assert certain_answer(longer) in (None, read_answer(longer))


@pytest.mark.parametrize("split", ["development", "test"])
def test_what_is_certain_is_right(split: Split) -> None:
    found = certainty(split_of(LABELLED, split))
    # Of traces that hold orders little is certain, and should be.
    without_orders = certainty([row for row in split_of(LABELLED, split) if not row.kind.startswith("commands_")])
    for (name, figures), least in zip(without_orders.items(), [0.3, 0.7, 0.25], strict=True):
        assert figures.certain >= least * figures.questions, name
    for name, figures in found.items():
        assert figures.right >= 0.99 * figures.certain, name


# --- the cascade ------------------------------------------------------------------------------------------------------

PLAIN = Reading("So the answer is blue (C).", "think", "choice", COLOURS, "Which?")
UNPLAIN = Reading("Blue it was, if I saw that well.", "think", "choice", COLOURS, "Which?")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.behaviour = lambda request, number: {
        "answer": "A",
        "consistent": True,
        "score": 7,
        "claims": [{"time": "00:04", "text": "a dog"}],
    }
    yield server
    server.close()


def test_the_model_is_asked_what_the_rules_are_not_certain_of(server: Server) -> None:
    judge = CascadeJudge(server.judge())
    assert judge.answers_of([PLAIN, UNPLAIN, PLAIN]) == ["C", "A", "C"]
    assert [question_of(request)["text"] for request in server.requests] == [UNPLAIN.text]
    assert (judge.asked, judge.by_rules, judge.sent, judge.missing) == (3, 2, 1, 0)
    assert judge.report() == (
        "judge: 3 questions; 2 decided by rules, 0 known already, 1 sent to the server (2 calls saved); "
        "0 without an answer"
    )
    unsure = Verdict("Blue, it seems.", "C", "choice", COLOURS)
    assert judge.consistency_of([Verdict(PLAIN.text, "B", "choice", COLOURS), unsure]) == [False, True]
    claims, none = judge.claims_of(["At 00:04 a dog.", "A dog."])
    assert (claims is not None and claims[0].text, none) == ("a dog", [])
    assert judge.evidence_of(["...", "A dog."]) == [0.0, 7.0]
    assert len(server.requests) == 4
    assert not judge.free


def test_nothing_is_asked_where_all_is_certain(server: Server) -> None:
    judge = CascadeJudge(server.judge())
    assert judge.answers_of([PLAIN] * 3) == ["C"] * 3
    assert judge.answers_of([]) == []
    assert server.requests == []


def test_what_the_model_fails_to_answer_is_missing(server: Server) -> None:
    server.behaviour = lambda request, number: 500
    judge = CascadeJudge(server.judge(retries=0))
    assert judge.answers_of([PLAIN, UNPLAIN]) == ["C", None]
    assert (judge.missing, judge.sent) == (1, 1)


@pytest.mark.parametrize("kind", ["rules", "llm", "cascade"])
def test_configuration_makes_it(kind: Literal["rules", "llm", "cascade"]) -> None:
    made = make_judge(config.Judge(kind=kind, url="http://127.0.0.1:9/v1"))
    assert type(made) is {"rules": RuleJudge, "llm": LLMJudge, "cascade": CascadeJudge}[kind]


def test_the_cascade_stands_up_to_a_model_that_is_always_wrong(server: Server) -> None:
    """Certain answers do not pass through the model, whatever it says."""

    def agreeing(readings: Sequence[Reading], answers: Sequence[str | None]) -> int:
        return sum(certain_answer(one) in (None, other) for one, other in zip(readings, answers, strict=True))

    readings = [reading for row in split_of(LABELLED, "development") for reading in row.readings if reading.text]
    answers = CascadeJudge(server.judge(max_missing=1.0)).answers_of(readings)
    assert agreeing(readings, answers) == len(readings)
    assert 0 < len(server.requests) < len(readings)
