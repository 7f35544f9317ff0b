"""The parsers on random text, as scripts/fuzz_parsers.py tries them, at a smaller size; and that it can fail."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pytest

import fuzz_parsers
from fuzz_parsers import PARSERS, UNITS, Replies, inputs, try_inputs, try_lengths


@pytest.mark.parametrize("parser", sorted(PARSERS))
def test_no_input_raises_or_hangs(parser: str) -> None:
    assert try_inputs(parser, 300, seed=1) == []


@pytest.mark.parametrize("parser", sorted(PARSERS))
def test_ten_times_the_length_takes_about_ten_times_as_long(parser: str) -> None:
    # Every parser a few of the repetitions, each its own; the script takes all.
    assert try_lengths(parser, UNITS[sorted(PARSERS).index(parser) :: 3 * len(PARSERS)]) == []


def test_a_long_number_as_released_takes_linear_time() -> None:
    """It took 117 times as long for 10 times the length."""
    assert try_lengths("released", ["0", "0" * 100 + ","]) == []


def test_long_white_space_as_released_takes_linear_time() -> None:
    """It took 103 times as long for 10 times the length."""
    assert try_lengths("released", ["\n", " ", "\t"]) == []


@pytest.mark.parametrize("parser", ["claims", "conclusions"])
def test_a_long_run_of_signs_that_ends_no_sentence_takes_linear_time(parser: str) -> None:
    """It took 102 times as long for 10 times the length."""
    assert try_lengths(parser, [";", "…"]) == []


def test_inputs_are_the_same_for_a_seed_and_differ_between_seeds() -> None:
    assert list(inputs("times", 50, 0)) == list(inputs("times", 50, 0))
    assert list(inputs("times", 50, 0)) != list(inputs("times", 50, 1))
    assert len(set(inputs("answers", 500, 0))) > 400


def test_some_replies_are_understood() -> None:
    """Else the judge's reading of replies would not have been tried at all."""
    replies = Replies()
    for text in ("no JSON", '{"score": 7}', '{"claims": []}', '{"answer": "B"}', '{"consistent": true}'):
        replies(text)
    assert replies.understood == 4


def raising(text: str) -> None:
    float(text.replace("½", "0.5"))


def hanging(text: str) -> None:
    re.fullmatch(r"(?:a|aa)+b", "a" * 60)


def quadratic(text: str) -> None:
    for at in range(0, len(text), 16):
        text[:at].split("a")


@pytest.mark.parametrize(
    ("parser", "reason"), [(raising, "ValueError: could not convert"), (hanging, "HangsError: took more than 0.2 s")]
)
def test_what_raises_or_hangs_is_found(
    parser: Callable[[str], object], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PARSERS, "bad", parser)
    monkeypatch.setattr(fuzz_parsers, "HANGS", 0.2)
    failures = try_inputs("bad", 3, seed=0)
    assert failures
    assert failures[0].reason.startswith(reason)


def test_what_takes_time_with_the_square_of_the_length_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PARSERS, "bad", quadratic)
    (failure,) = try_lengths("bad", ["a"])
    assert failure.reason.startswith("10 times the length takes ")


def test_the_command_names_the_input_and_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PARSERS, "times", raising)
    monkeypatch.setattr(sys, "argv", ["fuzz_parsers", "--parser", "times", "--inputs", "20"])
    with pytest.raises(SystemExit, match="some inputs cannot be parsed"):
        fuzz_parsers.main()
    assert "times: 20 inputs, " in capsys.readouterr().out
