"""Text as it is read: one spelling for what is written in many ways, and without orders to whoever reads it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from html import unescape

from video_r2.reading.doubts import ORDER, without_doubtful
from video_r2.reading.orders import without_orders
from video_r2.reading.words import words_of

_ONE_FOR_ONE = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
        **dict.fromkeys("’‘ʼ＇", "'"),
        **dict.fromkeys("“”„«»＂", '"'),
        **dict.fromkeys("⁄∕", "/"),
        **dict.fromkeys("\u0640\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652", None),  # Arabic's vowel signs
        **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad", None),
    }
)
_RAISED = re.compile(r"(?<=\d)([⁻⁺]?[⁰¹²³⁴-⁹]{1,3})")  # "3²" is no 32
_COUNTERCLOCKWISE = re.compile(r"\b(?:anti|counter)[- ]?(?=clockwise\b)", re.IGNORECASE)
_VULGAR_FRACTION = re.compile("([¼½¾⅐-⅞])")
_CHINESE_OR_JAPANESE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_SCRIPTS_MEET = re.compile(
    rf"(?<=[{_CHINESE_OR_JAPANESE}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[{_CHINESE_OR_JAPANESE}])"
)
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\s?\{\s?(\d{1,9})\s?\}\s?\{\s?(\d{1,9})\s?\}")
_LATEX = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|mbox)\s?\{|\\[()\[\],;! ]|\$(?!\s?\d)|\\(?=[%$&])")
_BOXED = re.compile(r"\\f?boxed\s?\{")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,40}>")
_EMPHASIS = re.compile(r"\*\*|__|`+|(?<![\d\s])\*|\*(?![\d\s])|^[ \t]{0,3}#{1,6}[ \t]", re.MULTILINE)


_ROMAN_SIGN = re.compile("[\u2160-\u216b\u2170-\u217b]")


@lru_cache(maxsize=1024)
def plain_text(text: str) -> str:
    """The text in one spelling (`spell_plainly`), without orders to its reader."""
    return without_orders(spell_plainly(text))


_FORGED_TAG = re.compile(
    r"<(/?)(?:conclusion|verdict|result|outcome|label|decision|letter|choice|reading|output|extract\w{0,6}|judge\w{0,6}|grad\w{1,6}"
    r"|score|comparison|consisten\w{1,3}|final\w{0,10})(?:[ ][^<>\n]{0,40})?>",
    re.IGNORECASE,
)


def trusted_text(text: str, least: int, about: Iterable[str] = ()) -> str:
    """The plain text without clauses that may be orders (`doubts`).

    Args:
        text: a trace.
        least: how many signs of an order make a clause doubtful.
        about: the question and its options.
    """
    bare = plain_text(text) if least >= ORDER else _without_forged_answers(text)
    return without_doubtful(bare, least, _words_in(tuple(about)))


@lru_cache(maxsize=1024)
def _without_forged_answers(text: str) -> str:
    """The plain text without forged tags and what orders bring along."""
    tagged = _FORGED_TAG.sub(lambda tag: "\n" if tag[1] else "\n[tag] ", text) if "<" in text else text
    plain, bare = spell_plainly(tagged), plain_text(tagged)
    return bare if bare == plain else without_orders(plain, sceptical=True)


@lru_cache(maxsize=1024)
def _words_in(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for text in texts for word in words_of(text))


def spell_plainly(text: str) -> str:
    """The text with one spelling for digits, letters, quotes, dashes and fractions, and without markup.

    A boxed answer is written after "=". Case and line breaks stay.
    """
    text = _TAG.sub("", unescape(text)) if "&" in text or "<" in text else text
    if not text.isascii():
        raised = _RAISED.sub(r"^\1", text)
        spaced = _VULGAR_FRACTION.sub(
            r" \1 ", _ROMAN_SIGN.sub(lambda sign: f"{unicodedata.numeric(sign[0]):.0f}", raised)
        )
        text = unicodedata.normalize("NFKC", spaced.translate(_ONE_FOR_ONE)).translate(_ONE_FOR_ONE)
        text = _SCRIPTS_MEET.sub(" ", text)
    if "\\" in text or "$" in text:
        text = _LATEX.sub(" ", _BOXED.sub(" = ", _LATEX_FRACTION.sub(r" \1/\2 ", text)))
    return _COUNTERCLOCKWISE.sub("counter", _EMPHASIS.sub("", text))
