"""What can be read with certainty: texts so plain that a second, much stricter reader finds what the rules find.

The stricter reader knows conclusions and answers that consist of nothing but an answer and words that announce one: "So the
answer is blue (B)." Anything else in the sentence, a second answer elsewhere in the trace, a question at its end, other
words where what may be an order is left out: not certain.
How often it speaks and how often it is right, on labelled responses: docs/metrics.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from string import ascii_uppercase

from video_r2.judge.base import Reading, Verdict
from video_r2.judge.rules import read_answer, same_answer
from video_r2.reading.answers import answers_equal
from video_r2.reading.choices import options_of
from video_r2.reading.claims import Claim
from video_r2.reading.doubts import DOUBTFUL
from video_r2.reading.number_words import ENGLISH
from video_r2.reading.plain_text import plain_text, trusted_text
from video_r2.reading.sentences import pieces_of
from video_r2.reading.words import ARTICLES, FUNCTION_WORDS, lexicon, normalise_text, stem_of, words_of

LEAST_COMMON = 0.2  # of the words of an English text: "the", "is", "of" and their like

_ANNOUNCING = lexicon(
    "so therefore thus hence then consequently overall finally conclusion answer option choice letter correct right best "
    "final is it it's that this must be would the a an i i'd i'll choose pick select conclude go with and in"
)
_COUNTING = _ANNOUNCING | lexicon("there are were was total all altogether number count of makes")
_LEAVING_OPEN = lexicon(
    "or and not no nor neither either but maybe perhaps likely probably possibly might may could unclear unknown unsure "
    "none nothing cannot can't don't undecided both if unless"
)
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+")
_NUMBER = re.compile(r"(?<![\w.,:/-])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w:/]|[.,]\d)")
_PLAIN_SIGNS = re.compile(r"[\w\s.,;!'\"()*-]*")
_PHRASE = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+){0,3}")
_SAYS_THE_ANSWER = re.compile(
    r"(?:(?:so|therefore|thus|hence|finally)[,:]? )?(?:the )?(?:final |correct |right )?answer(?: is|:) (.+)",
    re.IGNORECASE,
)
_MAY_NAME_A_TIME = re.compile(
    r"\d|\b(?:second|sec|minute|min|hour|mark|moment|time|timestamp|clock|half|quarter)s?\b", re.IGNORECASE
)


def certain_answer(reading: Reading) -> str | None:
    """The answer that a text gives, as `rules.read_answer` reads it; None where that is not certain."""
    if not reading.text.strip():
        return ""
    strict = _strict_answer(reading)
    if not strict:
        return None
    read = read_answer(reading)
    return read if answers_equal(strict, read, reading.answer_type, reading.question) else None


def certain_consistency(verdict: Verdict) -> bool | None:
    """Whether a trace concludes the answer that was given; None where that is not certain.

    Two phrases that differ may still be the same answer, so that of texts only equality is certain.
    """
    if not verdict.think.strip() or not verdict.answer.strip():
        return False
    kind, options, question = verdict.answer_type, verdict.options, verdict.question
    think = certain_answer(Reading(verdict.think, "think", kind, options, question))
    answer = certain_answer(Reading(verdict.answer, "answer", kind, options, question))
    if think is None or answer is None:
        return None
    if kind == "text":
        return True if answers_equal(think, answer, kind, question) else None
    return same_answer(think, answer, kind, question)


def certain_claims(think: str) -> list[Claim] | None:
    """No claims, of an English trace that cannot name a time; None for any other: how to word a claim is never certain."""
    return [] if _is_english(think) and not _MAY_NAME_A_TIME.search(think) else None


def _is_english(text: str) -> bool:
    words = text.casefold().split()
    common = sum(word.strip(".,;:!?\"'()") in FUNCTION_WORDS for word in words)
    return common >= LEAST_COMMON * len(words) and all(map(str.isascii, filter(str.isalpha, text)))


def certain_evidence(think: str) -> float | None:
    """0 for a trace without a word; None for any other: how concrete a trace is, is a matter of degree."""
    return None if any(map(str.isalnum, think)) else 0.0


# --- the stricter reader ----------------------------------------------------------------------------------------------


def _strict_answer(reading: Reading) -> str | None:
    """What the last sentence of a trace, or an answer as a whole, says in the plainest words; None if not plain."""
    is_answer = reading.source == "answer"

    def read(text: str) -> str | None:
        if reading.answer_type == "choice":
            return _plain_choice(text, reading.options, is_answer)
        return (
            _plain_number(text, reading.question) if reading.answer_type == "number" else _plain_phrase(text, is_answer)
        )

    text = plain_text(reading.text)
    said = _plainly_said(text, reading, read)
    trusted = trusted_text(reading.text, DOUBTFUL, (reading.question, *reading.options))
    return said if trusted == text or said == _plainly_said(trusted, reading, read) else None


def _plainly_said(text: str, reading: Reading, read: Callable[[str], str | None]) -> str | None:
    if reading.source == "answer":
        return read(text.strip())
    pieces = pieces_of(text, options_of(tuple(reading.options), len(reading.options)).openings)
    if not pieces:
        return None
    last = read(pieces[-1])
    others = {normalise_text(found) for piece in pieces[:-1] if (found := read(piece))}
    return last if last and others <= {normalise_text(last)} else None


def _plain_choice(text: str, options: Sequence[str], is_answer: bool) -> str | None:
    """The one option that a text names, by letter, by words or by both, and besides which it says nothing."""
    if "?" in text:
        return None
    tokens = _TOKEN.findall(text)
    if is_answer and len(tokens) == 1:
        tokens = [token.upper() if len(token) == 1 else token for token in tokens]
    letters = ascii_uppercase[: len(options) or len(ascii_uppercase)]
    found = [
        letter
        for at, letter in enumerate(letters)
        if _names_only(tokens, letter, words_of(options[at]) if at < len(options) else ())
    ]
    return found[0] if len(found) == 1 else None


def _names_only(tokens: Sequence[str], letter: str, words: Sequence[str]) -> bool:
    """Whether nothing but an option's letter, its words, and words that announce an answer are there."""
    rest = list(tokens)
    if letter in rest:
        rest.remove(letter)
    # A lone capital that is left is another letter, or a sentence's first word that may be taken for one.
    if any(len(word) == 1 and word.isupper() and word != "I" for word in rest):
        return False
    content = _without_articles(word.casefold() for word in rest)
    words = _without_articles(words)
    places = range(len(content) - len(words) + 1) if words else range(0)
    cut = next((at for at in places if content[at : at + len(words)] == words), None)
    if cut is not None:
        content = content[:cut] + content[cut + len(words) :]
    return (letter in tokens or cut is not None) and _ANNOUNCING.issuperset(content)


def _without_articles(words: Iterable[str]) -> list[str]:
    return [word for word in words if word not in ARTICLES]


def _plain_number(text: str, question: str) -> str | None:
    """The one number, in digits, that a text says, in words that announce one or stand in the question."""
    if not _PLAIN_SIGNS.fullmatch(text):
        return None
    numbers = _NUMBER.findall(text)
    if len(numbers) != 1:
        return None
    words = [word.casefold() for word in _TOKEN.findall(_NUMBER.sub(" ", text))]
    asked = {stem_of(word) for word in words_of(question)}
    plain = all(word not in ENGLISH and (word in _COUNTING or stem_of(word) in asked) for word in words)
    return numbers[0].replace(",", "") if plain else None


def _plain_phrase(text: str, is_answer: bool) -> str | None:
    """The phrase of at most four words that is an answer, or that a sentence says to be the answer."""
    text = text.strip().rstrip(".!")
    if not is_answer:
        said = _SAYS_THE_ANSWER.fullmatch(text)
        if said is None:
            return None
        text = said[1]
    text = text.strip("\"' ")
    if not _PHRASE.fullmatch(text) or not _LEAVING_OPEN.isdisjoint(text.casefold().split()):
        return None
    return text
