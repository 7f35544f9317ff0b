"""What a response says: its think and answer blocks, and the letter, number or words that an answer amounts to.

Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase

from video_r2.rewards.times import Interval, find_times, parse_time

__all__ = [
    "Claim",
    "Interval",
    "ParsedResponse",
    "answers_equal",
    "choice_of",
    "letter_of",
    "normalise_text",
    "number_of",
    "parse_response",
    "parse_time",
    "quantity_of",
]


@dataclass(frozen=True)
class Claim:
    """What a trace says happens at a time.

    Attributes:
        time: the time as written.
        interval: what it means; None where it is no possible time.
        text: what is said to happen then.
    """

    time: str
    interval: Interval | None
    text: str


@dataclass(frozen=True)
class ParsedResponse:
    """The parts of a response.

    Attributes:
        think: content of the last closed think block; None if there is none.
        answer: content of the last closed answer block; None if there is none.
    """

    think: str | None
    answer: str | None

    @property
    def times(self) -> list[str]:
        """The times that the think block cites, as written."""
        return [mention.written for mention in find_times(self.think or "")]


_TAG = re.compile(r"<(/?)(think|answer)>", re.IGNORECASE)


def parse_response(text: str | None) -> ParsedResponse:
    """Find the last think block and the last answer block; a block whose closing tag is missing is none."""
    blocks = find_blocks(text or "")
    return ParsedResponse(blocks.get("think"), blocks.get("answer"))


def find_blocks(text: str) -> dict[str, str]:
    """Contents of the last closed block of each name, "think" and "answer"."""
    opened: dict[str, int] = {}
    blocks: dict[str, str] = {}
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if not tag[1]:
            opened[name] = tag.end()
        elif name in opened:
            blocks[name] = text[opened.pop(name) : tag.start()].strip()
    return blocks


# --- words ------------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"(?:(?<![\w.)])-)?\d+(?:[.:]\d+)*|[^\W\d_]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ARTICLES = frozenset({"a", "an", "the"})


@lru_cache(maxsize=4096)
def words_of(text: str) -> tuple[str, ...]:
    """Words and numbers of a text in lower case, without punctuation, thousands separators and articles."""
    plain = _THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold())
    words = _WORD.findall(plain)
    return tuple(word for word in words if word not in _ARTICLES) or tuple(words)


def normalise_text(text: str) -> str:
    """The words of a text, one space between them, so that two spellings of one answer are equal."""
    return " ".join(words_of(text))


# --- letters ----------------------------------------------------------------------------------------------------------

_LETTER = re.compile(r"(?<![^\W_])([A-Za-z])(?![^\W_]|['’][a-z])")
_NAMED = re.compile(r"(?:\b(?:option|choice|letter)\s{1,2}[\"'(*\[]{0,3})$", re.IGNORECASE)
_DENIED = re.compile(
    r"(?:\b(?:not|never|neither|nor|isn['’]?t|cannot|except|without|exclude[sd]?|eliminate[sd]?|rule[sd]?\sout)"
    r"|\brather\sthan|\binstead\sof)\s(?:(?:option|choice|the|an?|is|be|simply|just|really)\s){0,3}[\"'(*\[]{0,3}$",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(r"[\"')*\].]{0,3}\s{0,2}(?:or|and|/|&|,)\s{0,2}[\"'(*\[]{0,3}", re.IGNORECASE)
_VERBS_AFTER = re.compile(
    r"\s{1,2}(?:is|was|because|since|as|not|but|and|or|matches|fits|seems|looks|rather|instead|then|here)\b"
)
_ANSWER_CUE = re.compile(
    r"\banswer(?:\s(?:is|was|must\sbe|should\sbe|would\sbe)\b|\s?[:=])|\b(?:choose|select|pick)\b|\bconclusion\b"
    r"|\b(?:correct|right|best)\s(?:option|choice|answer|one)\sis\b",
    re.IGNORECASE,
)
_LOOK_BACK = 40


@dataclass(frozen=True)
class _Label:
    letter: str
    begin: int
    end: int


def _labels(text: str, options: int) -> list[_Label]:
    """Letters that stand as the label of an option, those that are denied left out."""
    valid = ascii_uppercase[:options]
    found = []
    for match in _LETTER.finditer(text):
        letter = match[1].upper()
        if letter not in valid:
            continue
        before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
        if not _is_label(text, match, before) or _DENIED.search(before):
            continue
        found.append(_Label(letter, match.start(), match.end()))
    return found


def _is_label(text: str, match: re.Match[str], before: str) -> bool:
    following = text[match.end() : match.end() + 12]
    bracketed = before.endswith("(") and following.startswith(")")
    if bracketed or _NAMED.search(before) or before.endswith(("**", "boxed{", "text{")):
        return True
    closed = not following.strip() or following.lstrip()[0] in ".):,;!?*\"'’]}/$<&-–—"
    first = not before.strip("\"'(*[ \t\r\n")
    if match[1].islower():
        return (
            closed and first and (match.end() == len(text) or following[0] in ".):,;*\"')]}" or not following.strip())
        )
    if match[1] in "AI" and not closed:
        # "A dog", "I think": a word, unless a verb makes it the subject.
        return bool(_VERBS_AFTER.match(following)) and match[1] == "A"
    return True


def letter_of(text: str | None, options: int) -> str | None:
    """Read the option that a text names by its letter.

    Args:
        text: an answer such as "C", "(C)", "c.", "option C", "blue (C)", "The answer is C, not B".
        options: how many options there are; other letters do not count.

    Returns:
        The letter; None if no option is named, or several are ("B or C").
    """
    if not text:
        return None
    labels = _labels(text, options)
    cues = [match.end() for match in _ANSWER_CUE.finditer(text)]
    if cues and (after := [label for label in labels if label.begin >= cues[-1]]):
        labels = after
    if not labels:
        return None
    first = labels[0]
    if (
        len(labels) > 1
        and labels[1].letter != first.letter
        and _ALTERNATIVE.fullmatch(text[first.end : labels[1].begin])
    ):
        return None
    decided = cues or text[: first.begin].strip("\"'(*[ \t\r\n") == ""
    if decided or len({label.letter for label in labels}) == 1:
        return first.letter
    return None


_DENYING = frozenset(
    {"not", "never", "neither", "nor", "isn", "isnt", "wasn", "aren", "cannot", "except", "without", "than"}
)


def choice_of(text: str | None, options: Sequence[str]) -> str | None:
    """Read the option that a text names: by its letter, else by its words.

    Returns:
        The letter; None if no option is named, or several are.
    """
    if not text:
        return None
    exact = normalise_text(text)
    same = [letter for letter, option in zip(ascii_uppercase, options, strict=False) if normalise_text(option) == exact]
    if len(same) == 1 and exact:
        return same[0]
    return letter_of(text, len(options) or len(ascii_uppercase)) or _option_named(text, options)


def _option_named(text: str, options: Sequence[str]) -> str | None:
    """Letter of the one option whose words stand in the text, not denied and not part of a longer option's words."""
    words = words_of(text)
    spans: list[tuple[int, int, str]] = []
    for letter, option in zip(ascii_uppercase, options, strict=False):
        wanted = words_of(option)
        spans += [(at, at + len(wanted), letter) for at in _occurrences(words, wanted)]
    covered = [False] * len(words)
    named = set()
    for begin, end, letter in sorted(spans, key=lambda span: span[0] - span[1]):
        if any(covered[begin:end]):
            continue
        covered[begin:end] = [True] * (end - begin)
        if not _DENYING.intersection(_before(words, begin)):
            named.add(letter)
    return named.pop() if len(named) == 1 else None


def _before(words: Sequence[str], at: int) -> Sequence[str]:
    """The three words before a position, back to a "but"."""
    window = list(words[max(0, at - 3) : at])
    return window[len(window) - window[::-1].index("but") :] if "but" in window else window


def _occurrences(words: Sequence[str], wanted: Sequence[str]) -> list[int]:
    if not wanted:
        return []
    return [at for at, word in enumerate(words) if word == wanted[0] and words[at : at + len(wanted)] == wanted]


def contains_words(text: str, wanted: str) -> bool:
    """Whether the words of `wanted` stand in the text, one after the other and not denied."""
    words = words_of(text)
    return any(not _DENYING.intersection(_before(words, at)) for at in _occurrences(words, words_of(wanted)))


# --- numbers ----------------------------------------------------------------------------------------------------------

_DIGITS = re.compile(
    r"(?:(?<![\w.)])[-+]\s?)?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:e[-+]?\d{1,3}(?!\d))?|(?<![\d.])\.\d+",
    re.IGNORECASE,
)
_SMALL = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_NUMBER_WORDS = {
    **{name: value for value, name in enumerate([*_SMALL, *_TEENS])},
    **{name: 10 * value for value, name in enumerate(_TENS, 2)},
    **_SCALES,
}
_LETTERS_ONLY = re.compile(r"[a-z]+")
_RESULT_CUE = re.compile(
    r"=|\b(?:equals|total(?:s|ling)?\b|altogether|in\stotal|answer(?:\sis|\s?:))(?:\sof|\sis)?", re.IGNORECASE
)

_UNITS = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), ("length", 0.001)),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), ("length", 0.01)),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), ("length", 1.0)),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), ("length", 1000.0)),
    **dict.fromkeys(("inch", "inches"), ("length", 0.0254)),
    **dict.fromkeys(("ft", "foot", "feet"), ("length", 0.3048)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), ("time", 0.001)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("time", 1.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("time", 60.0)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("time", 3600.0)),
    **dict.fromkeys(("g", "gram", "grams"), ("mass", 0.001)),
    **dict.fromkeys(("kg", "kilogram", "kilograms"), ("mass", 1.0)),
}


@dataclass(frozen=True)
class Quantity:
    """A number as written, and its unit in lower case; an empty unit is none that is known."""

    value: float
    unit: str = ""

    def equals(self, other: Quantity, tolerance: float) -> bool:
        """Whether both are the same within a relative tolerance, units converted where both have one."""
        one, two = _UNITS.get(self.unit), _UNITS.get(other.unit)
        if one and two and one[0] != two[0]:
            return False
        mine = self.value * (one[1] if one and two else 1.0)
        theirs = other.value * (two[1] if one and two else 1.0)
        return math.isclose(mine, theirs, rel_tol=tolerance, abs_tol=1e-12)


def number_of(text: str | None) -> float | None:
    """Read the number that a text gives, in digits of any script or in English words; None if there is none.

    Of several, the one after the last "=", "total" or "answer is", else the first. Clock times are not numbers unless
    the text is nothing but one, which is then read in seconds.
    """
    quantity = quantity_of(text)
    return None if quantity is None else quantity.value


def quantity_of(text: str | None) -> Quantity | None:
    """Read the number that a text gives together with its unit; see `number_of`."""
    if not text:
        return None
    if ":" in text and (time := parse_time(text)) is not None and time.start == time.end:
        return Quantity(time.start, "s")
    plain = _without_clocks(unicodedata.normalize("NFKC", text).replace("−", "-").replace("–", "-"))
    lowered = plain.casefold()
    cues = [match.end() for match in _RESULT_CUE.finditer(lowered)]
    return (_first_quantity(lowered[cues[-1] :]) if cues else None) or _first_quantity(lowered)


def _without_clocks(text: str) -> str:
    if ":" not in text:
        return text
    pieces, at = [], 0
    for mention in find_times(text):
        if ":" in mention.written:
            pieces += [text[at : mention.begin], " "]
            at = mention.end
    return "".join([*pieces, text[at:]])


def _first_quantity(text: str) -> Quantity | None:
    digits = _DIGITS.search(text)
    words = _number_words(text)
    if digits and (words is None or digits.start() < words[1]):
        value = float(digits[0].replace(",", "").replace(" ", ""))
        end = digits.end()
    elif words:
        value, _, end = words
    else:
        return None
    if not math.isfinite(value):
        return None
    unit = re.compile(r"[\s-]{0,2}([a-z]+)").match(text, end)
    return Quantity(value, unit[1] if unit and unit[1] in _UNITS else "")


def _number_words(text: str) -> tuple[float, int, int] | None:
    """Value, begin and end of the first number in words."""
    total, current, begin, end, reached, scale = 0, 0, -1, 0, 0, 0
    for match in _LETTERS_ONLY.finditer(text):
        word, inside = match[0], begin >= 0
        value = _NUMBER_WORDS.get(word)
        joins = inside and not text[reached : match.start()].strip(" -\t")
        if inside and not joins:
            break
        if value is None:
            if inside and not (word == "and" and total + current >= 100):
                break
        elif inside and not _continues(value, current, scale):
            break  # "two three", "twenty thirty" and "hundred hundred" are two numbers each
        else:
            if value < 100:
                current += value
            elif value == 100:
                current = max(current, 1) * 100
            else:
                total, current, scale = total + max(current, 1) * value, 0, value
            begin, end = begin if inside else match.start(), match.end()
        reached = match.end()
    return (float(total + current), begin, end) if begin >= 0 else None


def _continues(value: int, current: int, scale: int) -> bool:
    """Whether a number word can follow: `current` is what came since the last thousand or million, `scale`."""
    if value < 100:
        return not current % 10 and (not current % 100 or value < 10)
    return current < 100 if value == 100 else not scale or value < scale


# --- answers ----------------------------------------------------------------------------------------------------------


def answers_equal(one: str, other: str, answer_type: str) -> bool:
    """Whether two answers are the same answer: letters by label, numbers by value and unit, text by its words.

    Args:
        one: a letter, a number or a text, as the type demands.
        other: the same.
        answer_type: "choice", "number" or "text".
    """
    if answer_type == "choice":
        return bool(one) and one.strip().upper() == other.strip().upper()
    if answer_type == "number":
        mine, theirs = quantity_of(one), quantity_of(other)
        return mine is not None and theirs is not None and mine.equals(theirs, 1e-6)
    first, second = normalise_text(one), normalise_text(other)
    if first == second:
        return bool(first)
    mine_time, their_time = parse_time(one), parse_time(other)
    if mine_time is not None and their_time is not None:
        return mine_time == their_time
    mine, theirs = _bare_quantity(one), _bare_quantity(other)
    return mine is not None and theirs is not None and mine.equals(theirs, 1e-6)


def _bare_quantity(text: str) -> Quantity | None:
    """The quantity of a text that says nothing else."""
    words = words_of(text)
    rest = [word for word in words if not word[0].isdigit() and word not in _NUMBER_WORDS and word not in _UNITS]
    return None if rest else quantity_of(text)
