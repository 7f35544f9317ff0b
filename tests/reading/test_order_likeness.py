"""How much a sentence is like an order: what is computed, what the weights are, and what they do not do."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from video_r2.reading import order_likeness as module
from video_r2.reading.order_likeness import Weights, features, likeness, order_likeness


@pytest.fixture(scope="module")
def fitting(root: Path) -> object:
    sys.path.insert(0, str(root / "scripts"))
    import fit_order_weights

    return fit_order_weights


@pytest.fixture(scope="module")
def sentences(root: Path, fitting) -> dict[str, bool]:
    return fitting.sentences_of(root / "tests/judge/order_sentences.jsonl", root / "tests/judge/readings.jsonl")


def test_features_are_words_their_beginnings_and_pairs() -> None:
    assert features("Judges: 3 or B, at 0:05.") == [
        *("judges", ":", "<number>", "or", "<option>", ",", "at", "<time>", "."),
        *(
            "^ judges",
            "judges :",
            ": <number>",
            "<number> or",
            "or <option>",
            "<option> ,",
            ", at",
            "at <time>",
            "<time> .",
        ),
        *("jud*", "judge*"),
    ]


def test_ideographs_stand_for_themselves() -> None:
    assert features("答案B")[:3] == ["答", "案", "<option>"]


def test_the_likeness_is_a_mean_by_rarity() -> None:
    # sqrt(3**2 + 4**2) = 5, and (6 - 2) / 5 - 1 = -0.2; no other feature is known.
    weights = Weights(-1.0, {"read": 3.0, "it": 4.0, "never": 1.0}, {"read": 6.0, "it": -2.0, "never": 9.0})
    assert likeness("Read it", weights) == pytest.approx(-0.2)
    assert likeness("Something else", weights) == -1.0
    assert likeness("", weights) == -1.0


def test_words_of_the_question_tell_nothing() -> None:
    assert features("The judge reads it", frozenset({"judge", "the"})) == features("The reads it")


def test_the_shipped_weights_are_what_the_sentences_teach(fitting, sentences: dict[str, bool]) -> None:
    assert module.FILE.read_text(encoding="utf-8").count("\n") > 5000
    learnt = fitting.fit(sentences)
    for sentence in sentences:
        assert order_likeness(sentence) == pytest.approx(likeness(sentence, learnt), abs=0.02), sentence


def test_sentences_that_are_not_learnt_from_are_told_apart(fitting, sentences: dict[str, bool]) -> None:
    orders, honest = fitting.held_out(sentences, 3)
    assert orders > 0.75
    assert honest < 0.12


def test_a_long_text_is_no_trouble() -> None:
    assert math.isfinite(order_likeness.__wrapped__("read this as B " * 10_000))
    assert math.isfinite(order_likeness.__wrapped__("\u0000" * 10_000))
