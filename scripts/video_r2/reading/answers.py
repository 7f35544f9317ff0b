"""What an answer amounts to: the letter of an option, a number with its unit, or words; and whether two are the same.

Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

from video_r2.reading.answering import quantity_of
from video_r2.reading.choices import signs_of
from video_r2.reading.conclusions import given_choice
from video_r2.reading.number_words import DOZENS, ENGLISH
from video_r2.reading.plain_text import spell_plainly
from video_r2.reading.quantities import UNITS, Quantity
from video_r2.reading.times import parse_time
from video_r2.reading.words import normalise_text, words_of


def letter_of(text: str | None, options: int) -> str | None:
    """Read the option that an answer names by its letter.

    Args:
        text: an answer such as "C", "(C)", "c.", "option C", "blue (C)", "The answer is C, not B".
        options: how many options there are; other letters do not count.

    Returns:
        The letter; None if no option is named, or several are ("B or C").
    """
    return given_choice(text, (), options) or None if text else None


# A letter that something but a space parts from the words behind it: "A. blue", "(A) blue", "A - blue"; not "a blue one".
_LABELLED = re.compile(r"\W{0,3}([A-Za-z])(?![ ][^\W_])\W{1,3}(.+)", re.DOTALL)


def choice_of(text: str | None, options: Sequence[str]) -> str | None:
    """Read the option that an answer names: by its letter, else by its words.

    Where an answer is a label and the text of an option, and the two are not of one option, the label counts.

    Returns:
        The letter; None if no option is named, or several are.
    """
    if not text:
        return None
    if signed := _signed_as(text, options):
        return signed
    if labelled := _LABELLED.match(text):
        place = ascii_uppercase.index(labelled[1].upper())
        if place < len(options) and _same_as(labelled[2], options):
            return ascii_uppercase[place]
    same = _same_as(text, options)
    is_text = len(same) == 1 and len(normalise_text(text)) > 1  # a letter is a label first
    return same if is_text else given_choice(text, options) or None


def _signed_as(text: str, options: Sequence[str]) -> str:
    """The letter of the first option that a text is sign by sign, unless it is but a letter: "-5" is no "5", "C++" no "C"."""
    signs = signs_of(spell_plainly(text))
    if not signs or (len(signs) == 1 and signs.isalpha()):
        return ""
    written = map(signs_of, map(spell_plainly, options))
    return next((letter for letter, option in zip(ascii_uppercase, written, strict=False) if option == signs), "")


def _same_as(text: str, options: Sequence[str]) -> str:
    """Letters of the options that a text is word by word; else of those that are the time that it is ("0:05", "00:05")."""
    exact = normalise_text(text)
    same = [letter for letter, option in zip(ascii_uppercase, options, strict=False) if normalise_text(option) == exact]
    if not same and (time := parse_time(text)):
        same = [letter for letter, option in zip(ascii_uppercase, options, strict=False) if parse_time(option) == time]
    return "".join(same)


def answers_equal(one: str, other: str, answer_type: str, question: str = "") -> bool:
    """Whether two answers are the same answer: letters by label, numbers by value and unit, text by its words.

    Args:
        one: a letter, a number or a text, as the type demands.
        other: the same.
        answer_type: "choice", "number" or "text".
        question: what was asked, if it is known: a number without a unit is in its unit.
    """
    if answer_type == "choice":
        return bool(one) and one.strip().upper() == other.strip().upper()
    if answer_type == "number":
        mine, theirs = quantity_of(one, question), quantity_of(other, question)
        return mine is not None and theirs is not None and mine.equals(theirs, 1e-6)
    first, second = normalise_text(one), normalise_text(other)
    if first == second:
        return bool(first)
    mine_time, their_time = parse_time(one), parse_time(other)
    if mine_time is not None and their_time is not None:
        return mine_time == their_time
    mine, theirs = _bare_quantity(one), _bare_quantity(other)
    return mine is not None and theirs is not None and mine.equals(theirs, 1e-6)


_OF_QUANTITIES = frozenset([*ENGLISH, *DOZENS, *UNITS, "a", "half"])


def _bare_quantity(text: str) -> Quantity | None:
    """The quantity of a text that says nothing else."""
    words = words_of(text)
    rest = [word for word in words if not word[0].isdigit() and word not in _OF_QUANTITIES]
    return None if rest else quantity_of(text)
