"""Words of a text: how two spellings of one answer become equal, and which words carry its meaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from video_r2.reading.number_words import ENGLISH, TIMES

_WORD = re.compile(r"(?:(?<![\w.)])-)?\d+(?:[.:]\d+)*|[^\W\d_]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def lexicon(words: str) -> frozenset[str]:
    """A set of words, written one after the other."""
    return frozenset(words.split())


ARTICLES = lexicon("a an the")
FUNCTION_WORDS = lexicon(
    "a an the this that these those it its he she they his her their him them i we you my our your one ones who which "
    "what is are was were be been being has have had do does did will would can could shall should may might must to of "
    "in on at by with from for into onto as and or but so there here then s"
)


# Before a word; any other "A" is a name or a label: "vitamin A", "A. blue", "blue (A)".
_ARTICLE = re.compile(r"(?<![^\W_])(?:an|the|a(?=\s+[^\W_]))(?![^\W_])")


_WITHIN = re.compile(r"(?<=n)['’](?=t\b)|(?<=\b[^\W\d_])\.(?=[^\W\d_]\b)")  # "don't", "U.S.A."


@lru_cache(maxsize=4096)
def words_of(text: str) -> tuple[str, ...]:
    """Words and numbers of a text in lower case, without punctuation, thousands separators and articles."""
    plain = _WITHIN.sub("", _THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold()))
    return tuple(_WORD.findall(_ARTICLE.sub("", plain)) or _WORD.findall(plain))


def normalise_text(text: str) -> str:
    """The words of a text, one space between them, so that two spellings of one answer are equal."""
    return " ".join(words_of(text))


# --- what stands in a text, and what is denied there ------------------------------------------------------------------

NEGATIONS = lexicon(
    "no not non never neither nor none nothing nobody isnt wasnt arent werent dont doesnt didnt cant cannot wont except "
    "without than"
)


_CLAUSE_ENDS = re.compile(r"[,;:.!?]\s")


def contains_words(text: str, wanted: str) -> bool:
    """Whether the words of `wanted` stand in the text, one after the other, and not denied in their clause."""
    words: list[str] = []
    clauses: list[int] = []  # where the clause of each word begins
    for clause in map(words_of, _CLAUSE_ENDS.split(text)):
        clauses += [len(words)] * len(clause)
        words += clause
    found = occurrences(tuple(words), words_of(wanted))
    return any(NEGATIONS.isdisjoint(_before(words[clauses[at] : at])) for at in found)


def occurrences(words: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where the words of `wanted` begin to stand one after the other."""
    if not wanted:
        return []
    return [at for at, word in enumerate(words) if word == wanted[0] and words[at : at + len(wanted)] == wanted]


def _before(words: Sequence[str]) -> Sequence[str]:
    """The last three words, back to a "but"."""
    window = list(words[-3:])
    return window[len(window) - window[::-1].index("but") :] if "but" in window else window


# --- tokens and stems -------------------------------------------------------------------------------------------------


class Token(NamedTuple):
    """A word or number of a text: where it stands, and in lower case."""

    begin: int
    end: int
    word: str


_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")


def tokens_of(text: str) -> list[Token]:
    """Words and numbers of a plain text (`plain_text.plain_text`) with their places."""
    return [
        Token(match.start(), match.end(), _THOUSANDS.sub("", match[0]).casefold()) for match in _TOKEN.finditer(text)
    ]


# Verbs whose other forms no suffix explains: the base form first.
_IRREGULAR_VERBS = (
    "be is are was were been/become became/begin began begun/bite bit bitten/blow blew blown/break broke broken/"
    "bring brought/build built/burn burnt/buy bought/catch caught/choose chose chosen/come came/dig dug/do did done/"
    "draw drew drawn/drink drank drunk/drive drove driven/eat ate eaten/fall fell fallen/feed fed/fight fought/"
    "find found/fly flew flown/forget forgot forgotten/freeze froze frozen/get got gotten/give gave given/go went gone/"
    "grow grew grown/hang hung/have has had/hear heard/hide hid hidden/hold held/keep kept/know knew known/lead led/"
    "lend lent/lose lost/make made/meet met/pay paid/ride rode ridden/ring rang rung/rise rose risen/run ran/say said/"
    "see saw seen/sell sold/send sent/shake shook shaken/shoot shot/show shown/sing sang sung/sink sank sunk/sit sat/"
    "sleep slept/slide slid/speak spoke spoken/spend spent/stand stood/steal stole stolen/stick stuck/sweep swept/"
    "swim swam swum/swing swung/take took taken/teach taught/tear tore torn/tell told/think thought/throw threw thrown/"
    "wake woke woken/wear wore worn/win won/write wrote written"
)
_BASES = {form: forms.split()[0] for forms in _IRREGULAR_VERBS.split("/") for form in forms.split()[1:]}
_SPELLINGS = {"gray": "grey", "centre": "center", "tyre": "tire", "metre": "meter", "theatre": "theater"}


@lru_cache(maxsize=16384)
def stem_of(word: str) -> str:
    """Stem of a word in lower case: inflected forms of one word have one ("rolls", "rolled"), numbers are digits."""
    word = word.removesuffix("'s").removesuffix("'")
    if word in ENGLISH:
        return str(ENGLISH[word])
    if word in ("twice", "thrice"):
        return str(TIMES[word])
    if ":" in word:  # "00:05" is "0:05"
        return _LEADING_ZEROS.sub("", word)
    word = _SPELLINGS.get(word, _BASES.get(word, word))
    return _without_ending(_BRITISH.sub("or", word).replace("ise", "ize")) if word.isascii() else word


_LEADING_ZEROS = re.compile(r"^0+(?=\d)")
_BRITISH = re.compile(r"(?<=[a-z][a-z])our(?=$|s$|ed$|ing$)")
_PLURAL = re.compile(r"(?<=s)es$|(?<=[^siu])s$")
_PARTICIPLE = re.compile(r"^(.*[aeiouy].*)(?:ing|(?<!e)ed)$")
_DOUBLED = re.compile(r"([^aeiouylsz])\1$")


def _without_ending(word: str) -> str:
    """A word without the ending that inflection gives it: "boxes", "hopped" and "cries" are "box", "hop" and "cri"."""
    if len(word) > 3:
        word = _PLURAL.sub("", word)
        if participle := _PARTICIPLE.match(word):
            word = _DOUBLED.sub(r"\1", participle[1])
    if len(word) > 3:
        word = word.removesuffix("e")
    return word[:-1] + "i" if word.endswith("y") else word
