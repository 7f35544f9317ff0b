"""Sentences of a text, and how they say what they say: as a conclusion, a statement, a mention, a possibility."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from enum import IntEnum
from string import ascii_uppercase

from video_r2.reading import cues
from video_r2.reading.words import FUNCTION_WORDS, tokens_of

EDGE = " \t\r\n:;,.!?_/-*•\"'()[]{}"
LONGEST_SENTENCE = 1000  # characters
INFERRING = 3  # sentences from the end within which "so" and its like conclude rather than tell
MENTIONING = 2  # sentences from the end within which a mere mention may be the conclusion

# From the first of a run only: else a long run that ends no sentence would be tried from each of its signs.
_SENTENCE_END = re.compile(r"(?<![.!?;…])[.!?;…]++[\"'”’)\]*]{0,3}(?=\s)|[。！？；]+[\"'”’)\]]{0,3}|\n")
_UNIT_END = re.compile(r"\d[ \t]?(?:secs?|mins?|hrs?)$", re.IGNORECASE)
_LABEL_END = re.compile(r"(?:^|[\s(])[A-Z]$")
_ABBREVIATION = re.compile(r"\b(?:i\.e|e\.g|Dr|Mr|Mrs|Ms|St|vs|approx|ca|Prof|Fig|Nr)$|(?:^|\n)[ \t]*\d{1,2}$")


def sentences_of(text: str, openings: Sequence[str] = ()) -> list[tuple[int, int]]:
    """Begin and end of each sentence, those without a letter or digit left out.

    A full stop after an option's letter ("C. blue") ends none, neither does one after an abbreviation or the number of a
    list's item.

    Args:
        openings: how the texts of options begin, in lower case and in their order; where they are known, a letter that
            its own does not follow ends its sentence ("So it is B. Then").
    """
    spans, begin = [], 0
    for mark in _SENTENCE_END.finditer(text):
        if mark[0] == "." and mark.end() + 1 < len(text) and _goes_on(text, mark.start(), openings):
            continue
        if mark[0] == ".)" and _ABBREVIATION.search(text[max(0, mark.start() - 8) : mark.start()]):
            continue
        spans.append((begin, mark.end()))
        begin = mark.end()
    spans.append((begin, len(text)))
    return [(begin, end) for begin, end in spans if any(map(str.isalnum, text[begin:end]))]


def _goes_on(text: str, stop: int, openings: Sequence[str]) -> bool:
    """Whether the sentence goes on after a full stop."""
    before = text[max(0, stop - 8) : stop]
    if _LABEL_END.search(before[-3:]):
        place = ascii_uppercase.index(before[-1])
        follows = text[stop + 1 : stop + 40].lstrip().lower()
        return not openings or (place < len(openings) and follows.startswith(openings[place]))
    if _UNIT_END.search(before):
        follows = text[stop + 1 : stop + 3].lstrip()
        return follows[:1].islower() or follows[:1].isdigit()
    return _ABBREVIATION.search(before) is not None


class Weight(IntEnum):
    """How a text says an answer."""

    SUPPOSED = 1
    MENTIONED = 2
    STATED = 3
    CONCLUDED = 4


class Sentence:
    """A sentence of a plain text.

    Attributes:
        text: what it says.
        to_end: how many sentences follow.
        is_question: whether it asks.
        cues: where words that announce a conclusion end, in order.
        undecided: where it says that nothing is decided; None if it does not.
        answers: where it begins to give an answer in so many words; None if it does not.
    """

    def __init__(self, text: str, to_end: int) -> None:
        self.text = text
        self.to_end = to_end
        self.is_question = text.rstrip(" \"')").endswith("?")
        self.cues = [match.end() for match in cues.CONCLUDES.finditer(text)]
        if to_end < INFERRING:
            self.cues = sorted([*self.cues, *(match.end() for match in cues.INFERS.finditer(text))])
        undecided, answers = cues.UNDECIDED.search(text), cues.ANSWERS.search(text)
        self.undecided = undecided.start() if undecided else None
        self.answers = answers.start() if answers else None

    def decided(self) -> Sentence:
        """The same, leaving nothing open."""
        same = copy(self)
        same.undecided = None
        return same

    def concludes_before(self, at: int) -> bool:
        """Whether words that announce a conclusion stand before a place."""
        return bool(self.cues) and self.cues[0] <= at

    def after_last_cue(self) -> int:
        """Where to read on after the last cue that anything follows; 0 without one."""
        return next((cue for cue in reversed(self.cues) if self.text[cue:].strip(EDGE)), 0)

    def leaves_open(self, at: int) -> bool:
        """Whether what stands at a place belongs to what is left undecided."""
        opened = self.undecided
        return opened is not None and opened <= at and not cues.TURNS.search(self.text[opened:at])

    def is_early(self, at: int) -> bool:
        """Whether what stands at a place is said of a first impression: "At first I would say A"."""
        return at <= 100 and cues.EARLY.match(self.text[:at]) is not None

    def weight_of(self, begin: int, end: int) -> Weight:
        """How it says what stands between two places."""
        before, after = self.text[max(0, begin - 100) : begin], self.text[end : end + 60]
        if self.is_early(begin):
            return Weight.SUPPOSED
        if self.concludes_before(begin):
            return Weight.CONCLUDED
        if cues.SUPPOSES.search(before) or cues.POSSIBLE.match(after):
            return Weight.SUPPOSED
        states = cues.STATES.search(before) or cues.POINTS.search(before) or cues.PREFERS.match(after)
        if states or self._is_alone(begin, end) or (self.to_end < MENTIONING and cues.EQUATES.search(before)):
            return Weight.STATED
        return Weight.MENTIONED

    def announces(self, begin: int, end: int) -> bool:
        """Whether words say that what stands between two places is the conclusion, or the sentence says nothing else."""
        if self.concludes_before(begin) or not _content(f"{self.text[:begin]} {self.text[end:]}"):
            return True
        before = self.text[max(0, begin - 100) : begin]
        if cues.NAMES.search(before):
            return True
        states = cues.STATES.search(before)
        return states is not None and not cues.SEEMS.search(states[0])

    def _is_alone(self, begin: int, end: int) -> bool:
        """Whether the sentence, or its end after a comma, says nothing else."""
        start = self.text.rfind(",", 0, begin) + 1 if not self.text[end:].strip(EDGE) else 0
        others = self.text[start:begin] + " " + self.text[end : end + 60]
        return len(_content(others)) <= 1 and len(others.split()) <= 5


def _content(text: str) -> list[str]:
    return [token.word for token in tokens_of(text) if token.word not in FUNCTION_WORDS]


def pieces_of(text: str, openings: Sequence[str] = ()) -> list[str]:
    """The sentences of a plain text (see `sentences_of`), those that never end cut into pieces of bounded length."""
    return [
        text[at : min(end, at + LONGEST_SENTENCE)].strip()
        for begin, end in sentences_of(text, openings)
        for at in range(begin, end, LONGEST_SENTENCE)
    ]
