"""Which number of a text answers a question, in the question's unit.

Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from video_r2.reading import number_words
from video_r2.reading.numbers import find_numbers
from video_r2.reading.plain_text import plain_text, spell_plainly
from video_r2.reading.quantities import UNITS, Number, Quantity, with_short_units
from video_r2.reading.times import parse_time
from video_r2.reading.words import lexicon, stem_of


@dataclass(frozen=True)
class Asked:
    """What a question wants to know of a number.

    Attributes:
        unit: the unit that it counts in; "%" for a percentage; empty if none is named.
        place: whether it asks "which" or "what", as one asks for a floor.
        counts: whether it asks "how many".
        things: stems of what is counted.
        share: whether it asks for a fraction.
        numbers: numbers that it names itself.
    """

    unit: str = ""
    counts: bool = False
    place: bool = False
    things: frozenset[str] = frozenset()
    share: bool = False
    numbers: frozenset[float] = frozenset()


_HOW_MANY = re.compile(r"\bhow many\b((?:[ ][^\W\d_]+){1,6})")
# Not "chair(s)", whose brackets hold a plural.
_IN_UNIT = re.compile(
    r"(?:\bin|\bwhat|\bwhich)[ ](?:the[ ]unit[ ](?:of[ ])?|whole[ ])?([^\W\d_]+(?:/[^\W\d_]+)?|°[cf])(?!\w)"
    r"|(?<!\w)\([ ]?(?:in[ ])?([^\W\d_]+(?:/[^\W\d_]+)?|°[cf])[ ]{0,24}\)"
)
_WHICH = re.compile(r"\b(?:which|what(?![ ](?:is|are|was|were)\b))\b")
_ASKS_TIME = re.compile(
    r"\W*(?:when|how long|(?:(?:at|in|from|until|by) )?(?:what|which) (?:time(?:stamp)?|moment|second|point))\b"
)
_SHARE = re.compile(r"\b(?:fraction|share|proportion|portion|part|ratio|probability)\b")
_ENDS_THINGS = lexicon(
    "the a an are is was were do does did can could will would has have had of in on at to with from the"
)


def asks_time(question: str) -> bool:
    """Whether a question asks when something happens, or for how long."""
    return _ASKS_TIME.match(question.lower()) is not None


@lru_cache(maxsize=1024)
def asked_of(question: str) -> Asked:
    """Read what a question asks for."""
    plain = with_short_units(spell_plainly(question).lower())
    counted = _HOW_MANY.search(plain)
    things: list[str] = []
    for word in counted[1].split() if counted else ():
        if word in _ENDS_THINGS:
            break
        things.append(word)
    if things:  # "How many chairs" is counted in no unit, whatever else a prompt says
        units = ["%" if word == "percent" else word for word in things if word in UNITS]
    elif "percent" in plain or "%" in plain:
        units = ["%"]
    else:
        units = [match[1] or match[2] for match in _IN_UNIT.finditer(plain) if (match[1] or match[2]) in UNITS]
    if not units and not counted and asks_time(question):
        units = ["s"]
    return Asked(
        unit=units[0] if units else "",
        counts=bool(counted) and not units,
        place=not counted and _WHICH.search(plain) is not None,
        things=frozenset(stem_of(word) for word in things),
        share=_SHARE.search(plain) is not None,
        numbers=frozenset(number.quantity.value for number in find_numbers(plain)),
    )


_COMMON_DENOMINATORS = frozenset([*range(2, 13), 15, 16, 20, 24, 25, 30, 32, 40, 50, 60, 64, 100, 1000])


def value_of(number: Number, asked: Asked) -> Quantity | None:
    """What a number that was found says to a question, in the question's unit; None if it may mean several numbers."""
    quantity, base = number.quantity, number.base
    if number.kind == "alternative":
        return None
    if base and (asked.share or asked.unit == "%"):
        quantity = Quantity(quantity.value / base)
    elif base and number.kind == "share" and base not in asked.numbers:
        # "76/78" and, as a count, "5/6" are two numbers.
        neighbours = asked.counts and base == quantity.value + 1 and base > 2
        if base not in _COMMON_DENOMINATORS or neighbours:
            return None
        quantity = Quantity(quantity.value / base, quantity.unit)
    if asked.unit == "%" and number.kind in ("share", "part"):
        return Quantity(100 * quantity.value, "%")
    return quantity.within(asked.unit) or quantity


_SMALL = "|".join(word for word, value in number_words.ENGLISH.items() if value in range(1, 21))
_RESULT_CUE = re.compile(
    r"=|\b(?:equals|makes?|gives?|total(?:s|ling)?|altogether|together|sum|answer)\b(?:[ ](?:of|is|here[ ]is)|[ ]?:)?"
    r"|\bin[ ]all\b|\bso\b|\btherefore\b|\bthus\b|\bhence\b|\balso[ ](?=[^\W\d_]+\W*$)|:(?=[ ][^\W_]+\W*$)"
    r"|\b(?:only|but)[ ](?=(?:the[ ]|number[ ])?[^\W_]+\W*(?:$|\bis\b))"
    rf"|\bleav(?:es|ing)(?=(?:[ ](?:only|just|exactly|us|with|a|total|of)){{0,3}}[ ](?:\d|(?:{_SMALL})\b))"
    r"|\b(?:insgesamt|zusammen|macht|en[ ]tout|au[ ]total|en[ ]total|in[ ]tutto|no[ ]total|всего|вместе)\b"
    r"|一共|总共|總共|共有?|等于|等於|合计|合計|全部で|合わせて"
)
# "4 people in total", "4 are left"
_IS_TOTAL = re.compile(
    r"(?:[ ][^\W\d_]{1,20}){0,2}[ ]"
    r"(?:in[ ](?:total|all)|altogether|remain(?:s|ing)?|(?:are|is)[ ]left(?![ ](?:of|on|behind)))\b(?!:)"
)
_NONE = re.compile(
    r"^\W{0,3}(?:there[ ](?:are|is|were)[ ])?(?:none|nobody|no[ ]one|nothing|not[ ]a[ ]single|not[ ]any"
    r"|no(?![ ](?:answer|idea|response|information)))\b"
)
_DENIED = re.compile(r"(?:\bnot|n't|\bnever|\brather[ ]than|\binstead[ ]of)(?:[ ][^\W\d_]{1,12})?[ ]$")
_ROMAN = re.compile(r"\W{0,3}(?=[ivxl]{2})(xl|l?x{0,3})(ix|iv|v?i{0,3})\W{0,3}")
_ROMAN_SIGNS = {"i": 1, "v": 5, "x": 10, "l": 50}


def answering_number(text: str, asked: Asked) -> Number | None:
    """The number of a plain text in lower case that answers a question.

    Numbers of another kind of unit than the question's and ordinals come last. Of several, the result of a sum, the one
    after "=", "total" or "so", the one that counts the question's things, the first.
    """
    numbers = find_numbers(text)
    numbers = [each for each in numbers if not is_denied(text, each)] or numbers
    fitting = [number for number in numbers if _fits(number, asked)] or numbers
    if not fitting:
        return _unwritten_number(text, asked)
    cues = [match.end() for match in _RESULT_CUE.finditer(text)]
    results = [number for number in fitting if number.kind == "result"]
    if totals := [number for number in fitting if _IS_TOTAL.match(text, number.end)]:
        fitting = totals[-1:]
    elif cues and (after := [number for number in fitting if number.begin >= cues[-1]]):
        fitting = after
    elif results:
        return results[-1]
    elif cues:
        fitting = [number for number in fitting if number.end <= cues[-1]][-1:] or fitting
    counting = [number for number in fitting if counts_things(text, number.end, asked)]
    measured = [number for number in fitting if asked.unit and number.quantity.within(asked.unit)]
    return (counting or measured or fitting)[0]


def is_denied(text: str, number: Number) -> bool:
    """Whether a plain text in lower case denies a number of its own: "not 6"."""
    return _DENIED.search(text[max(0, number.begin - 24) : number.begin]) is not None


def _unwritten_number(text: str, asked: Asked) -> Number | None:
    """ "None" for "how many", "the third floor" for "which floor", "IV" alone."""
    if asked.counts and (zero := _NONE.match(text)):
        return Number(*zero.span(), Quantity(0.0))
    if roman := _ROMAN.fullmatch(text):
        signs = [_ROMAN_SIGNS[sign] for sign in roman[1] + roman[2]]
        value = sum(-one if one < other else one for one, other in zip(signs, [*signs[1:], 0], strict=True))
        return Number(*roman.span(), Quantity(float(value)))
    if asked.place and (place := _ORDINAL.search(text)):
        return Number(*place.span(), Quantity(float(number_words.ORDINALS[place[0]])), "ordinal")
    return None


_ORDINAL = re.compile(r"\b(?:" + "|".join(number_words.ORDINALS) + r")\b")
_FOLLOWING_WORDS = re.compile(r"(?:[ ][^\W\d_]{1,30}){0,3}")


def _fits(number: Number, asked: Asked) -> bool:
    dimension, wanted = number.quantity.dimension, Quantity(0.0, asked.unit).dimension
    if number.kind == "ordinal":
        return False
    return not dimension or (not asked.counts if not wanted else dimension == wanted)


def counts_things(text: str, end: int, asked: Asked) -> bool:
    """Whether what a question counts is named within the three words after a number that ends there."""
    following = _FOLLOWING_WORDS.match(text, end)
    return following is not None and any(stem_of(word) in asked.things for word in following[0].split())


def number_of(text: str | None, question: str = "") -> float | None:
    """Read the number that a text gives, in digits of any script or in words; None if there is none or several.

    See `answering_number` for which. Clock times are not numbers unless the text is nothing but one, which is then read
    in seconds.

    Args:
        text: an answer such as "12", "a dozen", "1,299.99 euros", "5 + 6 = 11", "1/2".
        question: what was asked, if it is known: numbers are given in its unit.
    """
    quantity = quantity_of(text, question)
    return None if quantity is None else quantity.value


def quantity_of(text: str | None, question: str = "") -> Quantity | None:
    """Read the number that a text gives together with its unit; see `number_of`."""
    if not text:
        return None
    asked = asked_of(question)
    if ":" in text and (time := parse_time(text)) is not None and time.start == time.end:
        seconds = Quantity(time.start, "s")
        return seconds.within(asked.unit) or seconds
    number = answering_number(plain_text(text).lower(), asked)
    return None if number is None else value_of(number, asked)


def written(quantity: Quantity) -> str:
    """A quantity as an answer."""
    return f"{quantity.value!r} {quantity.unit}".strip()
