"""How the release reads answers: one function a benchmark, written after the behaviour of its lmms-eval tasks.

Each takes the answer (content of the first answer block, else the whole response) and gives what it reads: a letter,
or what is left where it finds none. Where the release draws a letter at random, the draw here is seeded by the
question's id.
"""

from __future__ import annotations

import math
import random
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np

from video_r2.config import Semantics
from video_r2.reading.number_words import ENGLISH
from video_r2.reading.numbers import chain_at, without_clocks
from video_r2.reading.responses import first_blocks, parse_response
from video_r2.reading.times import parse_time


@dataclass(frozen=True)
class Question:
    """What a reader may look at beside the answer."""

    id: str
    options: Sequence[str]


Reader = Callable[[str, Question], str]

_PREFIXES = ("The best answer is", "The correct answer is", "The answer is", "The answer")
_OPTION_PREFIXES = ("The best option is", "The correct option is", "Best answer:", "Best option:")


def answer_of(response: str) -> str:
    """Content of the first answer block, else the whole response."""
    answer = first_blocks(response).answer
    return response if answer is None else answer


def trace_judged(record: Mapping[str, Any], semantics: Semantics) -> str:
    """The trace that claims and evidence are read from: the recorded one, of the last think block; as released, the first's."""
    if semantics == "corrected":
        return record["think"] or ""
    first = first_blocks(record["response"]).think
    # Where a response has no tags in any writing, its trace may have been taken out of it before.
    given = record["think"] if parse_response(record["response"]).think is None else None
    return (given if first is None else first) or ""


def first_letter(letters: str, prefixes: Sequence[str] = _PREFIXES, at_random: int | None = None) -> Reader:
    """Read the first capital of `letters` after known phrases are taken out; where there is none, "" or one drawn.

    The phrases are those that the release effectively takes out: in most of its tasks a missing comma joins the last
    four into two that never occur.

    Args:
        at_random: one of so many first letters is drawn; of those of the question's options, if this is 0.
    """

    def read(answer: str, question: Question) -> str:
        text = answer.strip()
        for prefix in prefixes:
            text = text.replace(prefix, "")
        if found := re.search(f"[{letters}]", text):
            return found[0]
        candidates = "" if at_random is None else ascii_uppercase[: at_random or len(question.options)]
        return random.Random(question.id).choice(candidates) if candidates else ""

    return read


def leading_letter(answer: str, question: Question) -> str:
    """MLVU and TempCompass: a letter at the start, else a lone one in a short answer, else one before a bracket."""
    text = answer.strip()
    for prefix in (*_PREFIXES, *_OPTION_PREFIXES):
        if text.startswith(prefix):
            text = text[len(prefix) :].strip()
    if found := re.match(r"\(?([A-E])\)?[:.]?", text):
        return found[1]
    if len(text.split()) <= 10 and (found := re.search(r"\b([A-E])\b", text)):
        return found[1]
    before = text[: text.find(")")][-1:].upper() if ")" in text else ""
    return before if before and before in "ABCDE" else text


def lone_letter(answer: str, question: Question) -> str:
    """MVBench: "X. text", else the first letter A to E that stands alone once punctuation is gone, in any case."""
    if found := re.match(r"([A-E])\.\s*.+$", answer.strip(), re.IGNORECASE):
        return found[1].upper()
    text = answer.replace("\n", " ").replace("\t", " ").strip()
    has_thousands = re.search(r"\d,\d", text) is not None
    plain = text
    for sign in ';/[]"{}()=+\\_-><@`,?!':
        beside_space = f"{sign} " in text or f" {sign}" in text
        plain = plain.replace(sign, "" if beside_space or has_thousands else " ")
    plain = re.sub(r"\.(?!\d)", "", plain).strip("'").strip('"').strip().lower()
    found = re.search(r"\b([a-e])\b", plain)
    return found[1].upper() if found else plain


def option_text_or_letter(answer: str, question: Question) -> str:
    """MMVU: an option's exact text, else the first capital A to E."""
    for letter, option in zip(ascii_uppercase, question.options, strict=False):
        if option.strip() == answer.strip():
            return letter
    return first_letter("ABCDE")(answer, question)


def vsibench_letter(answer: str, question: Question) -> str:
    """VSI-Bench's post-processing: a letter at the start, else the first option whose text the answer holds."""
    text = answer.strip()
    if found := re.match(r"([A-Da-d])(?:\b|[.):\-\s])", text):
        return found[1].upper()
    for shorten in (str.lower, lambda words: re.sub(r"[\W_]+", "", words.lower())):
        for letter, option in zip("ABCD", question.options, strict=False):
            if option.strip() and shorten(option.strip()) and shorten(option.strip()) in shorten(text):
                return letter
    return ""


def mmmu_letter(answer: str, question: Question) -> str:
    """Video-MMMU: the last of the letters that are written "A.", else "A:", "(A)" or "A "; else the last option
    named."""
    text = answer
    for sign in ",.!?;:'":
        text = text.strip(sign)
    text = f" {text} "
    letters = ascii_uppercase[: len(question.options)]
    for written in ("{}.", "{}:", "({})", "{} "):
        if found := [letter for letter in letters if written.format(letter) in text]:
            pattern = " {} " if written == "{} " else written
            return max(found, key=lambda letter: text.rfind(pattern.format(letter)))
    if len(text.split()) > 5:
        lowered = text.lower()
        named = [letter for letter, option in zip(letters, question.options, strict=False) if option.lower() in lowered]
        if named:
            return max(named, key=lambda letter: lowered.rfind(question.options[ord(letter) - ord("A")].lower()))
    return "No Answer Found."


READERS: Mapping[str, Reader] = {
    "mvbench": lone_letter,
    "videomme": first_letter("ABCD"),
    "tempcompass": leading_letter,
    "mlvu": leading_letter,
    "longvideobench": first_letter("ABCDE", (*_PREFIXES, *_OPTION_PREFIXES), at_random=0),
    "videomathqa": first_letter("ABCDE"),
    "video_mmmu": mmmu_letter,
    "mmvu": option_text_or_letter,
    "vsibench": vsibench_letter,
    "minerva": first_letter("ABCDE"),
    "scivideobench": first_letter(
        "ABCDEFGHIJKL",
        ("The answer is", "The correct answer is", "The best answer is", "Answer:", "Option:", "the final answer is"),
        at_random=10,
    ),
}


# --- numbers and open answers -----------------------------------------------------------------------------------------


_DIGITS = re.compile(
    r"(?:(?<![\w.)])[-+]\s?)?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:e[-+]?\d{1,3}(?!\d))?|(?<![\d.])\.\d+",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]+")
_RESULT_CUE = re.compile(
    r"=|\b(?:equals|total(?:s|ling)?\b|altogether|in\stotal|answer(?:\sis|\s?:))(?:\sof|\sis)?", re.IGNORECASE
)


def number_of(text: str) -> float | None:
    """The number after the last "=", "total" or "answer is" of a text, else its first, in digits or English words."""
    if ":" in text and (time := parse_time(text)) is not None and time.start == time.end:
        return time.start
    plain = unicodedata.normalize("NFKC", text).replace("−", "-").replace("–", "-")
    lowered = without_clocks(plain, keeps_places=False).casefold()
    cues = [match.end() for match in _RESULT_CUE.finditer(lowered)]
    found = _first_number(lowered[cues[-1] :]) if cues else None
    return _first_number(lowered) if found is None else found


def _first_number(text: str) -> float | None:
    digits = _DIGITS.search(text)
    word = next((match for match in _WORD.finditer(text) if match[0] in ENGLISH), None)
    if digits and (word is None or digits.start() < word.start()):
        value = float("".join(digits[0].replace(",", "").split()))
        return value if math.isfinite(value) else None
    return chain_at(text, word, ENGLISH.get)[0] if word else None


def mean_relative_accuracy(answer: float | None, target: float) -> float:
    """VSI-Bench's post-processing: the share of thresholds met, of which rounding leaves 9 instead of 10; 0 for
    target 0."""
    if answer is None or target == 0 or not math.isfinite(answer):
        return 0.0
    thresholds = np.linspace(0.5, 0.95, int((0.95 - 0.5) / 0.05) + 1)
    return float((abs(answer - target) / abs(target) <= 1.0 - thresholds).mean())


def open_is_right(answer: str, target: str) -> bool:
    """Video-MMMU's open questions: the target stands in a key phrase of the answer, or equals a number of it to 2
    decimals."""
    wanted = _open_values(target)
    for given in _open_candidates(answer):
        if isinstance(given, str) and any(isinstance(value, str) and value in given for value in wanted):
            return True
        if isinstance(given, float) and given in wanted:
            return True
    return False


_KEYS = [
    "could be ",
    "so ",
    "is ",
    "thus ",
    "therefore ",
    "final ",
    "answer ",
    "result ",
    "are ",
    "in total ",
    "total ",
    "identify ",
    "recognize ",
    "calculated as ",
    "counted as ",
    "measured as ",
    "observed as ",
    "concluded as ",
    "found to be ",
    "equals ",
    "determined to be ",
    "number of ",
    "value is ",
    "adds up to ",
    "have ",
    "has ",
]
_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),
    # Where a run of digits does not fit from its beginning, it does not from its middle either, which is not tried.
    re.compile(r"-?(?<!\d)\d+(?:\.\d+)?[eE][+-]?\d+"),
    re.compile(r"-?(?:(?<!\d)\d+\.\d+|\.\d+|(?<!\d)\d+\b)(?![eE][+-]?\d+)(?![,\d])"),
)


def _open_candidates(answer: str) -> list[str | float]:
    lines = answer.strip().strip(".").lower().split("\n")
    phrases = []
    for at, line in enumerate(lines):
        keys = [*_KEYS, "="] if at == len(lines) - 1 else _KEYS
        shortest = ""
        for tail in (line.rpartition(key)[2].strip() for key in keys if key in line):
            # An empty tail, being the shortest, wins, and is replaced by whatever comes next.
            shortest = tail if not shortest or len(tail) < len(shortest) else shortest
        if shortest not in ("", ":", ",", ".", "!", "?", ";", "'"):
            phrases.append(shortest)
    phrases = phrases or [answer.strip().strip(".").lower()]
    numbers = [number for phrase in phrases for pattern in _NUMBERS for number in pattern.findall(phrase)]
    return [value for text in (*phrases, *numbers) for value in _open_values(text)]


def _open_values(text: str) -> list[str | float]:
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except (ValueError, OverflowError):
        text = text.lower()
    return [f" {text}", f"{text} "] if len(text) == 1 else [text]


# --- consistency ------------------------------------------------------------------------------------------------------


# White space is looked at from its beginning only: where no digit follows it, none follows a part of it.
_TOLD = re.compile(
    r"(?:[-+][$€£]?\s*|[$€£]\s*|(?<!\s)\s+)?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE
)
_TOLD_TO_THREE_DIGITS = re.compile(r"(?:[-+]\$?\s*|\$\s*|(?<!\s)\s+)?\d{1,3}(?:,\d{3})*(?:\.\d+)?")


def is_right(answer: str, target: str, answer_type: str, adapter: str) -> bool:
    """Whether an answer that a judge read counts as right in the released consistency scripts.

    Letters must be equal; VSI-Bench's numbers lie within 5%; other numbers agree to 2 decimals; of texts, one holds
    the other. Numbers are the first in digits; where a text holds more than a number, of digits without a comma the first
    three count, but for VSI-Bench.
    """
    if answer_type == "choice":
        return bool(answer) and answer.upper() == target.strip().upper()
    if adapter == "vsibench":
        given, wanted = _told(answer, _TOLD), _told(target, _TOLD)
        return given is not None and wanted is not None and wanted != 0 and abs(given - wanted) <= 0.05 * abs(wanted)
    given, wanted = (
        _told(text, _TOLD_TO_THREE_DIGITS) if _as_float(text) is None else _as_float(text) for text in (answer, target)
    )
    if given is not None and wanted is not None and round(given, 2) == round(wanted, 2):
        return True
    one, other = (" ".join(re.sub(r"[,$%€£₹]", "", text.lower()).split()) for text in (answer, target))
    return bool(one and other) and (one in other or other in one)


def _told(text: str, pattern: re.Pattern[str]) -> float | None:
    found = pattern.search(text)
    return None if found is None else _as_float(re.sub(r"[,$€£]", "", found[0]))


def _as_float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
