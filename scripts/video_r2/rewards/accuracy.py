"""The accuracy reward: how right an answer is, 0 to 1."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from string import ascii_uppercase

from video_r2.config import Semantics
from video_r2.reading.answering import number_of
from video_r2.reading.answers import answers_equal, choice_of
from video_r2.reading.responses import find_blocks, first_blocks
from video_r2.reading.words import words_of
from video_r2.rewards.similarity import rouge, word_error_rate

SHORT_WORDS = 5  # a text of at most this many words is compared word by word, a longer one by ROUGE (release)
ROUNDING = 0.05  # relative error that two decimals may hide
GRADED_DECIMALS = 3  # a number with more decimals than this is graded by its relative error (release)


def accuracy_reward(
    completion: str,
    target: str,
    answer_type: str,
    options: Sequence[str] = (),
    semantics: Semantics = "corrected",
    question: str = "",
) -> float:
    """Reward a completion, or an answer without tags, for its answer.

    Args:
        completion: the whole completion. Corrected, text without any tag is taken as the answer itself; as released it is none.
        target: right answer: a letter, a number or a text.
        answer_type: "choice", "number" or "text"; the release guesses it from the target instead.
        options: texts of the options.
        semantics: as released (training, `accuracy_reward`), or answers compared as answers.
        question: what was asked, if it is known: it says which unit a bare number is in.

    Returns:
        0 to 1; between them for texts whose words are not the target's, and for numbers with many decimals.
    """
    if semantics == "reference":
        return _released(first_blocks(completion).answer or "", target)
    answer = answer_text(completion)
    if answer is None:
        return 0.0
    if answer_type == "choice":
        wanted = target_letter(target, options)
        return float(wanted is not None and choice_of(answer, options) == wanted)
    if answer_type == "number":
        return _number_reward(answer, target, question)
    if answers_equal(answer, target, "text"):
        return 1.0
    wanted_words = words_of(target)
    if len(wanted_words) <= SHORT_WORDS:
        return max(0.0, 1.0 - word_error_rate(wanted_words, words_of(answer)))
    return rouge(target, answer, stemmed=False)


def answer_text(completion: str) -> str | None:
    """The answer block; the whole text where there is no tag at all; None where tags are there but no answer block
    is."""
    answer = find_blocks(completion).get("answer")
    if answer is not None or re.search(r"</?(?:think|answer)>", completion, re.IGNORECASE):
        return answer
    return completion


def target_letter(target: str, options: Sequence[str]) -> str | None:
    """Letter of the right option, for a target that is a letter, a labelled option or an option's text."""
    stripped = target.strip().upper()
    return stripped if len(stripped) == 1 and stripped in ascii_uppercase else choice_of(target, options)


def _number_reward(answer: str, target: str, question: str) -> float:
    if answers_equal(answer, target, "number", question):
        return 1.0
    wanted, given = number_of(target, question), number_of(answer, question)
    if wanted is None or given is None:
        return 0.0
    decimals = len(target.strip().rpartition(".")[2]) if "." in target else 0
    if decimals > GRADED_DECIMALS:
        return max(0.0, 1.0 - abs(given - wanted) / max(abs(wanted), 1e-9))
    return float(decimals > 0 and equal_when_rounded(given, wanted))


def equal_when_rounded(one: float, other: float) -> bool:
    """Whether two numbers are equal to two decimals, as released; but 0 is no 0.004."""
    return round(one, 2) == round(other, 2) and math.isclose(one, other, rel_tol=ROUNDING)


# --- as released ------------------------------------------------------------------------------------------------------


def _released(answer: str, target: str) -> float:
    target = target.strip()
    kind = _released_type(target)
    if kind == "choice":
        return float(_released_letter(answer) == _released_letter(target))
    if kind == "short":
        return max(0.0, min(1.0, 1 - word_error_rate(target.split(), answer.split())))
    if kind == "text":
        return max(0.0, min(1.0, rouge(target, answer, stemmed=True)))
    if kind == "number" and _has_separator(target) != _has_separator(answer):
        return 0.0
    try:
        wanted, given = float(target.replace(",", "")), float(answer.replace(",", ""))
        if kind == "number":
            return float(round(wanted, 2) == round(given, 2))
        return max(0.0, min(1.0, 1 - (abs(given - wanted) + 1e-9) / (abs(wanted) + 1e-9)))
    except (ValueError, OverflowError):
        return 0.0


def _released_type(target: str) -> str:
    if re.match(r"[A-Ea-e]", target):
        return "choice"
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})*(\.\d+)?", target) or re.fullmatch(r"[-+]?\d+(\.\d+)?", target):
        return "graded" if "." in target and len(target.rpartition(".")[2]) > GRADED_DECIMALS else "number"
    short = len(target.split()) <= SHORT_WORDS and re.fullmatch(r"[A-Za-z0-9\s\-:]+", target)
    return "short" if short else "text"


def _released_letter(text: str) -> str:
    text = text.strip()
    return text[0].upper() if re.match(r"[A-Ea-e]", text) else text


def _has_separator(text: str) -> bool:
    return "." in text or "," in text
