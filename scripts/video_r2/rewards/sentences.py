"""Sentences of a trace, and the words in them that conclude, take back, deny or leave open."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SENTENCE_END = re.compile(r"[.!?;…]+[\"'”’)\]*]{0,3}(?=\s)|[。！？；]+[\"'”’)\]]{0,3}|\n")
_LABEL_END = re.compile(r"(?:^|[\s(])[A-Z]$")
_ABBREVIATION = re.compile(r"\b(?:i\.e|e\.g|Dr|Mr|Mrs|Ms|St|vs|approx|ca|Prof|Fig|Nr)$|(?:^|\n)[ \t]*\d{1,2}$")


def sentences_of(text: str, openings: Sequence[str] = ()) -> list[tuple[int, int]]:
    """Begin and end of each sentence, empty ones left out.

    A full stop after an option's letter ("C. blue") ends none, neither does one after an abbreviation or the number of a
    list's item.

    Args:
        openings: how the texts of options begin, in lower case; where they are known, a letter that is followed by none
            of them ends its sentence ("So it is B. Then").
    """
    spans, begin = [], 0
    for mark in _SENTENCE_END.finditer(text):
        if mark[0] == "." and mark.end() + 1 < len(text) and _goes_on(text, mark.start(), openings):
            continue
        spans.append((begin, mark.end()))
        begin = mark.end()
    spans.append((begin, len(text)))
    return [(begin, end) for begin, end in spans if text[begin:end].strip()]


def _goes_on(text: str, stop: int, openings: Sequence[str]) -> bool:
    """Whether the sentence goes on after a full stop."""
    before = text[max(0, stop - 8) : stop]
    if _LABEL_END.search(before[-3:]):
        return not openings or text[stop + 1 : stop + 40].lstrip().lower().startswith(tuple(openings))
    return _ABBREVIATION.search(before) is not None
