"""Text as it is read: one spelling for what is written in many ways, and without orders to whoever reads it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import unescape

from video_r2.reading.orders import without_orders

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
