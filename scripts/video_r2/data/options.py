"""Options that are written into a question's text, one a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from string import ascii_uppercase

FORMS = (  # "A. blue", "A) blue", "A: blue" or "(A) blue"; "blue (A)"
    re.compile(r"^\s*\(?(?P<letter>[A-Z])[.):]\s*(?P<text>\S.*?)\s*$"),
    re.compile(r"^\s*(?P<text>\S|\S.*\S)\s*\((?P<letter>[A-Z])\)\s*$"),
)
HEADING = re.compile(r"^\s*(?:options|choices)\s*:?\s*$", re.IGNORECASE)


def split_options(text: str) -> tuple[str, list[str]]:
    """Part a question from the options written behind it.

    Options are the first lines that run A, B, ... without a gap; what follows them is dropped.

    Returns:
        The question and the texts of the options; no options if there are fewer than two.
    """
    lines = text.split("\n")
    first = next((run for form in FORMS for run in _runs(lines, form, gaps=False)), None)
    if first is None:
        return text.strip(), []
    start, options = first
    before = lines[:start]
    while before and (not before[-1].strip() or HEADING.match(before[-1])):
        before.pop()
    return "\n".join(before).strip(), options


def options_in(question: str) -> list[str]:
    """Texts of the options in a question, in order: the last lines that run A, B, ..., whatever stands between them.

    Returns:
        The texts; empty if there are fewer than two.
    """
    lines = question.split("\n")
    for form in FORMS:
        runs = list(_runs(lines, form, gaps=True))
        if runs:
            return runs[-1][1]
    return []


def _runs(lines: Sequence[str], form: re.Pattern[str], gaps: bool) -> Iterator[tuple[int, list[str]]]:
    """Two and more lines of this form lettered A, B, ...: the place of the first, and their texts.

    Args:
        gaps: whether other lines may stand between them.
    """
    start, texts = 0, list[str]()
    for place, line in enumerate(lines):
        matched = form.match(line)
        letter = matched["letter"] if matched else ""
        awaited = ascii_uppercase[len(texts) : len(texts) + 1]
        if gaps and letter not in {awaited, "A"}:
            continue
        if letter != awaited or not letter:
            if len(texts) > 1:
                yield start, texts
            texts = []
        if matched and letter == ascii_uppercase[len(texts)]:
            start = start if texts else place
            texts.append(matched["text"])
    if len(texts) > 1:
        yield start, texts
