"""Numbers in a text, as people write them: digits, words of several languages, fractions, sums, ranges.

Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence

from video_r2.reading import number_words
from video_r2.reading.quantities import CURRENCIES, UNITS, Number, Quantity, with_short_units
from video_r2.reading.times import find_times
from video_r2.reading.words import lexicon

_DIGIT_WORDS = tuple(number_words.ENGLISH)[:10]
_PIECE = re.compile(
    rf"""
    (?P<digits> (?:(?<![\w.)\]])[-+])? (?<![a-z_])
        (?:\d{{1,3}}(?:\.\d{{3}}){{1,9}},\d{{1,2}}(?!\d)                   # 1.234,5
        |\d{{1,3}}(?:,\d{{3}}){{1,9}}(?!\d)(?:\.\d+)?                      # 1,234.5
        |\d{{1,3}}(?:[ ']\d{{3}}){{1,9}}(?!\d)(?:[.,]\d{{1,2}})?           # 1 234.5
        |\d+,\d{{1,2}}(?![\d,]) | \d+(?:\.\d+)? | (?<![\d.])\.\d+)         # 3,5  3.5  .5
        (?:e[-+]?\d{{1,3}}(?!\d))? )
    |(?P<han> 第?[{number_words.HAN}]+ )
    |(?P<word> (?:(?![\u3040-\u30ff\u3400-\u9fff])[^\W\d_]|[\u0901-\u0963])+ )
    """,
    re.VERBOSE,
)
_NEXT_WORD = re.compile(r"[ \t-]*([^\W\d_]{1,24})(?![^\W\d_])")
_LAST_WORD = re.compile(r"([^\W\d_]+)[ \t-]{1,2}$")
_OVER = re.compile(r"[ ]?/[ ]?(\d{1,9})(?![\d/])")
_MIXED = re.compile(r"[ ](\d{1,3})[ ]?/[ ]?(\d{1,3})(?![\d/])")
_POWER = re.compile(r"(?P<ten>[ ]?[x×*·][ ]?10)?[ ]?\^[ ]?[({]?(?P<power>[-+]?\d{1,3})(?!\d)[)}]?")
_FEET_AND_INCHES = re.compile(
    r"(?:[ -]?(?:ft\b|feet\b|foot\b)|')[ ,-]{0,2}(\d{1,2}(?:\.\d+)?)(?:[ -]?in(?:ch(?:es)?)?\b|\"|'')"
)
# "1h30", "1h2m3s", "2m45s": elsewhere "m" is a metre.
_SECONDS_AFTER = r"m(?:in)?[ ]?(?P<{}>\d{{1,2}})[ ]?s(?:ec)?(?!\w)"
_HOURS_AND_MINUTES = re.compile(
    rf"[ ]?h[ ]?(?P<minutes>\d{{1,2}})(?:[ ]?(?:{_SECONDS_AFTER.format('seconds')}|m(?:in)?\b))?(?!\w|[.,:/]\d)"
    rf"|[ ]?{_SECONDS_AFTER.format('rest')}"
)
_PLACE = re.compile(r"(?:st|nd|rd|th)\b")
_UNIT = re.compile(r"[ -]{0,2}(%|[$€£¥]|°[cf]|[^\W\d_]{1,24}(?![^\W\d_])(?:/(?:h|s|min)\b)?)")
_OF_A = re.compile(r"[ ](?:of[ ])?(?:an?|one)(?=[ ])")
_AND_A = re.compile(r"[ ]and[ ](?:a|one)[ ](half|quarter|third)\b")
_BELOW_ZERO = re.compile(r"(?:[ ]?°?[ ]?c|[ ]degrees?(?:[ ]celsius)?)?[ ](?:below|under)[ ](?:zero|0)\b")
_POINT = re.compile(rf"[ ]point((?:[ ](?:{'|'.join(_DIGIT_WORDS)})\b){{1,6}})")
_ENDS_THERE = re.compile(r"\W{0,5}$|[ ]?[.,;:!?)]|[ ]of\b")
_IN_ENGLISH = re.compile(r"\b(?:the|is|are|was|were|of|and|to|with|there|that|it|for|has)\b")
_ELSEWHERE = re.compile(
    r"""[^\W\d_a-z]|\b(?:el|los|las|hay|son|es|y|il|les|des|une?|je|et|der|das|eine?|ist|sind|ich|und|ci|di|sono|e
    |tem|du|una)\b""",
    re.VERBOSE,
)
_SCALES = {name: value for name, value in number_words.ENGLISH.items() if value >= 100}
_MULTIPLES = {**_SCALES, **number_words.DOZENS}
_COUNTED_IN_HAN = "个個名只隻条條辆輛人次位张張本头頭匹艘朵棵件秒分米度岁つ台枚でだ"
# "one" is a number after these, and a pronoun in "the blue one", "which one", "one of them".
_BEFORE_ONE = lexicon(
    "is are was were only just exactly and or about than with have has had see count plus minus times be to at least "
    "most total answer make makes then get gets by so not over there it that equals"
)
_POINTING = lexicon("a an the this that which each every any no another other some last first next")


class _Scanner:
    """Finds single numbers in a plain text in lower case."""

    def __init__(self, text: str) -> None:
        self._text = without_clocks(with_short_units(text))
        self._elsewhere = _IN_ENGLISH.search(text) is None and _ELSEWHERE.search(text) is not None
        self._is_word = text.strip(" .!\n").replace("-", "").isalpha()

    def numbers(self) -> Iterator[Number]:
        at = before = 0
        while piece := _PIECE.search(self._text, at):
            at = piece.end()
            # "minus" after a number takes away, else it is a sign.
            is_sign = piece["word"] in ("minus", "negative") and (
                not before or self._text[before : piece.start()].strip()
            )
            first = _PIECE.match(self._text, at + 1) if is_sign else piece
            if first and (found := self._number_at(first)):
                at = before = found.end
                if not math.isfinite(found.quantity.value):
                    continue
                value = -found.quantity.value if is_sign else found.quantity.value
                yield found._replace(begin=piece.start(), quantity=Quantity(value, found.quantity.unit))

    def _number_at(self, piece: re.Match[str]) -> Number | None:
        """The number that begins with a piece of text, with its unit and what is added to it; None if none does.

        It is not finite where it is too large to be one.
        """
        read = self._from_digits if piece["digits"] else self._from_han if piece["han"] else self._from_words
        found = read(piece)
        if found is None:
            return None
        if below := _BELOW_ZERO.match(self._text, found.end):
            return found._replace(end=below.end(), quantity=Quantity(-found.quantity.value))
        value, end = self._and_a_half(found.quantity.value, found.end)
        unit = self._unit_at(end)
        if not unit and found.kind == "share" and (of := _OF_A.match(self._text, end)):
            unit = self._unit_at(of.end())  # "half an hour", "a quarter of an hour"
        if not unit:
            sign = self._text[piece.start() - 1 : piece.start()]  # "$5"
            currency = sign if sign and sign in CURRENCIES and not found.quantity.unit else ""
            return found._replace(end=end, quantity=Quantity(value, found.quantity.unit or currency))
        value, end = self._and_a_half(value, unit.end())
        found = found._replace(end=end, quantity=Quantity(value, unit[1]))
        return found._replace(kind="cardinal") if found.kind == "share" and not found.base else found

    def _and_a_half(self, value: float, end: int) -> tuple[float, int]:
        more = _AND_A.match(self._text, end)
        return (value + 1 / number_words.SHARES[more[1]], more.end()) if more else (value, end)

    def _unit_at(self, at: int) -> re.Match[str] | None:
        unit = _UNIT.match(self._text, at)
        return unit if unit and unit[1] in UNITS else None

    def _from_digits(self, piece: re.Match[str]) -> Number:
        begin, end = piece.span()
        value = _value_of(piece["digits"])
        if place := _PLACE.match(self._text, end):
            return Number(begin, place.end(), Quantity(value), "ordinal")
        if piece["digits"].lstrip("+-").isdecimal():
            if (over := _OVER.match(self._text, end)) and int(over[1]):
                return Number(begin, over.end(), Quantity(value), "share", int(over[1]))
            if (mixed := _MIXED.match(self._text, end)) and int(mixed[2]):
                return Number(begin, mixed.end(), Quantity(value + int(mixed[1]) / int(mixed[2])))
        if power := _POWER.match(self._text, end):
            return Number(begin, power.end(), Quantity(_raised(value, int(power["power"]), power["ten"] is not None)))
        if feet := _FEET_AND_INCHES.match(self._text, end):
            return Number(begin, feet.end(), Quantity(value + float(feet[1]) / 12, "ft"))
        if parts := _HOURS_AND_MINUTES.match(self._text, end):
            minutes, seconds = int(parts["minutes"] or 0), int(parts["seconds"] or parts["rest"] or 0)
            whole = value * 60 if parts["rest"] else value * 3600 + minutes * 60
            return Number(begin, parts.end(), Quantity((whole + seconds) / 60, "min"))
        if self._text.startswith("k", end) and not self._text[end + 1 : end + 2].isalnum():
            return Number(begin, end + 1, Quantity(value * 1000))
        multiple = _NEXT_WORD.match(self._text, end)
        if multiple and multiple[1] in _MULTIPLES:
            return Number(begin, multiple.end(), Quantity(value * _MULTIPLES[multiple[1]]))
        return Number(begin, end, Quantity(value))

    def _from_han(self, piece: re.Match[str]) -> Number | None:
        numeral = piece["han"].lstrip("第")
        following = self._text[piece.end() : piece.end() + 2].strip()
        # A lone sign is often part of a word: it counts where something is counted, or where the text ends.
        if not numeral or (
            len(numeral) == 1 and following and following[0].isalpha() and following[0] not in _COUNTED_IN_HAN
        ):
            return None
        number = Number(*piece.span(), Quantity(float(number_words.han_number(numeral))))
        return number._replace(kind="ordinal") if piece["han"][0] == "第" else number

    def _from_words(self, piece: re.Match[str]) -> Number | None:
        word, (begin, end) = piece["word"], piece.span()
        following = _NEXT_WORD.match(self._text, end)
        if word in ("a", "an", "half"):
            return self._after_article(piece, following) if following or word == "half" else None
        if word in number_words.TIMES:
            counts = _ENDS_THERE.match(self._text, end) if word == "once" else not following or following[1] != "as"
            return Number(begin, end, Quantity(float(number_words.TIMES[word]))) if counts else None
        if (word == "one" and not self._one_is_a_number(begin, end)) or (word == "zero" and self._is_a_mark(begin)):
            return None
        value, end = chain_at(self._text, piece, self._value_of_word)
        if end and (point := _POINT.match(self._text, end)):
            decimals = "".join(str(_DIGIT_WORDS.index(word)) for word in point[1].split())
            return Number(begin, point.end(), Quantity(value + float(f"0.{decimals}")))
        following = _NEXT_WORD.match(self._text, end) if end else None
        if following and following[1] in number_words.SHARES:
            return Number(begin, following.end(), Quantity(value / number_words.SHARES[following[1]]), "share")
        if following and following[1] in number_words.DOZENS:
            return Number(begin, following.end(), Quantity(value * number_words.DOZENS[following[1]]))
        return Number(begin, end, Quantity(value)) if end else None

    def _after_article(self, piece: re.Match[str], following: re.Match[str] | None) -> Number | None:
        """ "a dozen", "a third of", "half", "half a dozen", "a minute and a half"."""
        begin, end = piece.span()
        name = following[1] if following else ""
        if piece["word"] == "half":
            if self._text.startswith(" a dozen", end):
                return Number(begin, end + len(" a dozen"), Quantity(6.0))
            before = _LAST_WORD.search(self._text[max(0, begin - 12) : begin])
            is_place = before and before[1] in {*number_words.ORDINALS, "other", "last", "left", "right"}
            return None if is_place else Number(begin, end, Quantity(0.5), "share")
        if following and name in number_words.DOZENS:
            return Number(begin, following.end(), Quantity(float(number_words.DOZENS[name])))
        if following and name in number_words.SHARES:
            # "a third shape" is a place.
            is_share = name in ("half", "quarter") or _ENDS_THERE.match(self._text, following.end())
            share = Quantity(1 / number_words.SHARES[name])
            return Number(begin, following.end(), share, "share") if is_share else None
        unit = self._unit_at(end)
        return Number(begin, end, Quantity(1.0)) if unit and _AND_A.match(self._text, unit.end()) else None

    def _is_a_mark(self, begin: int) -> bool:
        """Whether "zero" is something to compare with: "below zero"."""
        before = _LAST_WORD.search(self._text[max(0, begin - 12) : begin])
        return before is not None and before[1] in ("below", "above", "under", "over", "absolute")

    def _one_is_a_number(self, begin: int, end: int) -> bool:
        before = tuple(re.findall(r"[^\W\d_]+|[^\w\s]", self._text[max(0, begin - 24) : begin])[-3:])
        following = _NEXT_WORD.match(self._text, end)
        name = following[1] if following else ""
        if before and before[-1] in ("only", "just", "exactly"):
            return before[-2:-1] != ("the",)
        if name in ("of", "that", "who", "which", "another", "from", "is", "or") or (
            before and before[-1] in _POINTING
        ):
            return False
        if not before or not before[-1].isalpha() or before[-1] in _BEFORE_ONE:
            return True
        return bool(name) and not _POINTING.intersection(before)

    def _value_of_word(self, word: str) -> int | None:
        if word in number_words.ENGLISH:
            return number_words.ENGLISH[word]
        if word in number_words.ALONE and not (self._is_word or self._elsewhere):
            return None
        if word in number_words.ONE:
            return 1 if self._is_word else None
        return number_words.OTHER_LANGUAGES.get(word)


def chain_at(text: str, first: re.Match[str], value_of_word: Callable[[str], int | None]) -> tuple[float, int]:
    """Value and end of number words that follow each other ("three hundred and five"); end 0 if there are none."""
    value = value_of_word(first[0])
    total, current, scale, end = 0, 0, 0, 0
    following: re.Match[str] | None = None
    while value is not None and (not end or _continues(value, current, scale)):
        if value < 100:
            current += value
        elif value == 100:
            current = max(current, 1) * 100
        else:
            total, current, scale = total + max(current, 1) * value, 0, value
        end = following.end() if following else first.end()
        following = _NEXT_WORD.match(text, end)
        if following and _links(following[1], total + current):
            following = _NEXT_WORD.match(text, following.end())
        value = value_of_word(following[1]) if following else None
    return float(total + current), end


def _links(word: str, value: int) -> bool:
    """Whether a word can stand between number words: "three hundred and five", "treinta y cinco"."""
    return value >= 100 if word == "and" else word in ("y", "e", "et") and 20 <= value < 100 and not value % 10


def _continues(value: int, current: int, scale: int) -> bool:
    """Whether a number word can follow: `current` is what came since the last thousand or million, `scale`."""
    if value < 100:
        return not current % 10 and (not current % 100 or value < 10)
    return current < 100 if value == 100 else not scale or value < scale


def _raised(value: float, power: int, of_ten: bool) -> float:
    """The value to a power, or times ten to a power; infinite where there is no such number."""
    try:
        return value * 10.0**power if of_ten else value**power
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _value_of(digits: str) -> float:
    """Value of digits with separators: "1,234.5", "1 234,5", "3,5" and "1.234,5" are read as they are meant."""
    plain = digits.replace(" ", "").replace("'", "")
    if re.search(r",\d{1,2}$", plain):
        return float(plain.replace(".", "").replace(",", "."))
    return float(plain.replace(",", ""))


def without_clocks(text: str, keeps_places: bool = True) -> str:
    """The text with blanks for its clock times: as many as they have characters, or one each."""
    if ":" not in text:
        return text
    made, at = [], 0
    for mention in find_times(text):
        if ":" in mention.written:
            made += [text[at : mention.begin], " " * (mention.end - mention.begin if keeps_places else 1)]
            at = mention.end
    return "".join([*made, text[at:]])


# --- numbers that belong together -------------------------------------------------------------------------------------

_OR = re.compile(
    r"""
    (?:[ ][^\W\d_]{1,20}|-ish)?[ ,;.(?]{0,5}(?:\b(?:or|and/or|oder|ou|o|или|maybe|perhaps|possibly)\b|或)
        (?:[ ](?:maybe|perhaps|possibly|even|rather|so))?[ ,]{0,2}
    |[ ]?[/|][ ]? | [ ](?:and|und|et|y|e|&)[ ]
    |,?[ ](?:(?:and|but)[ ])?(?:at[ ]most|no[ ]more[ ]than|fewer[ ]than|less[ ]than)[ ]
    """,
    re.VERBOSE,
)
_TO = re.compile(r"[ ]?(?:-|~|\.{2,3})[ ]?|[ ](?:to|until|till|bis)[ ]")
_LISTED = re.compile(r"[ ]?[,;\n][ ]?")
_SIGN = re.compile(r"(?:[ ][^\W\d_]{1,20}){0,2}[ ]?(?P<sign>[+*x×÷-]|plus|minus|times|and|less)[ ]?(?:the[ ])?")
_RESULT = re.compile(
    r"""[^.;!?]{0,30}?
    (?:=|:|\b(?:equals?|makes?|is|are|gives?|total(?:s|ling)?|sums?[ ]to|adds?[ ]up[ ]to|comes?[ ]to|so)\b)
    [^.;!?\d]{0,20}""",
    re.VERBOSE,
)
_OUT_OF = re.compile(r"(?:[ ][^\W\d_]{1,20})?[ ](?:out[ ])?of[ ](?:the[ ]|a[ ]total[ ]of[ ])?|[ ]von[ ]|[ ]sur[ ]")
_LONGEST_GAP = 56  # characters
LONGEST_SUM = 24  # numbers


def find_numbers(text: str) -> list[Number]:
    """Find every number of a plain text in lower case, in order, clock times left out.

    What is added up, measured or compared in between is one number: "5 + 6 = 11", "1 minute 30 seconds", "5 or 6".
    """
    single = list(_Scanner(text).numbers())
    found: list[Number] = []
    at = 0
    while at < len(single):
        number, at = _number_from(text, single, at)
        found.append(number)
    return found


def _number_from(text: str, numbers: Sequence[Number], at: int) -> tuple[Number, int]:
    """The number that begins at a place, joined with those that belong to it, and the place of the next."""
    first, end = numbers[at], at + 1
    if end == len(numbers):
        return first, end
    if (whole := _compound(text, first, numbers[end])) is not None:
        return whole, end + 1
    gap = _gap(text, numbers, end)
    if gap is None:
        return first, end
    if _OUT_OF.fullmatch(gap) and first.kind == "cardinal" and numbers[end].quantity.value >= 1:
        return first._replace(end=numbers[end].end, kind="part", base=int(numbers[end].quantity.value)), end + 1
    for join in (_sum, _count, _alternative):
        whole, after = join(text, numbers, at)
        if whole is not None:
            return whole, after
    return first, end


def _sum(text: str, numbers: Sequence[Number], at: int) -> tuple[Number | None, int]:
    """The result of "5 + 6 = 11" or "5 plus 6", and the place of the number after it."""
    signs, end = [], at + 1
    while end < min(len(numbers), at + LONGEST_SUM) and (sign := _SIGN.fullmatch(_gap(text, numbers, end) or "")):
        signs.append(sign["sign"])
        end += 1
    begin = numbers[at].begin
    if signs and end < len(numbers) and _RESULT.fullmatch(_gap(text, numbers, end) or ""):
        return numbers[end]._replace(begin=begin, kind="result"), end + 1
    if signs and set(signs) <= {"+", "plus"}:
        total = Quantity(sum(number.quantity.value for number in numbers[at:end]), numbers[at].quantity.unit)
        return Number(begin, numbers[end - 1].end, total, "result"), end
    return None, at


def _count(text: str, numbers: Sequence[Number], at: int) -> tuple[Number | None, int]:
    """The last number of "1, 2, 3", and the place of the number after it."""
    end = at + 1
    while numbers[at].quantity.value == 1 and end < len(numbers) and _counts_on(text, numbers, end):
        end += 1
    counted = end - at > 2
    return (numbers[end - 1]._replace(begin=numbers[at].begin, kind="result") if counted else None), end


def _alternative(text: str, numbers: Sequence[Number], at: int) -> tuple[Number | None, int]:
    """The numbers of "5 or 6" as one, and the place of the number after them."""
    end = at + 1
    while end < len(numbers) and _gap(text, numbers, end) is not None and _is_alternative(text, numbers, end):
        end += 1
    whole = Number(numbers[at].begin, numbers[end - 1].end, Quantity(math.nan), "alternative")
    return (whole if end - at > 1 else None), end


def _gap(text: str, numbers: Sequence[Number], at: int) -> str | None:
    """The text between a number and the one before it; None if it is long."""
    begin, end = numbers[at - 1].end, numbers[at].begin
    return text[begin:end] if end - begin <= _LONGEST_GAP else None


def _counts_on(text: str, numbers: Sequence[Number], at: int) -> bool:
    """Whether a number is the next after the one before it, as in counting: "1, 2, 3"."""
    before, number = numbers[at - 1], numbers[at]
    return number.quantity.value == before.quantity.value + 1 and bool(
        _COUNTING.fullmatch(text, before.end, number.begin)
    )


_COUNTING = re.compile(r"[ ]?(?:,|and|[ ])[ ]?(?:and[ ])?")


def _is_alternative(text: str, numbers: Sequence[Number], at: int) -> bool:
    before, number = numbers[at - 1], numbers[at]
    gap = text[before.end : number.begin]
    if _OR.fullmatch(gap) or gap == "-" or (_LISTED.fullmatch(gap) and _ENDS_THERE.match(text, number.end)):
        return True
    return before.quantity.value < number.quantity.value and _TO.fullmatch(gap) is not None


def _compound(text: str, first: Number, second: Number) -> Number | None:
    """ "1 minute 30 seconds" as one quantity, in the unit of its first part."""
    rest = second.quantity.within(first.quantity.unit)
    is_less = rest is not None and abs(rest.value) < abs(second.quantity.value)
    if rest is None or not is_less or not _TOGETHER.fullmatch(text, first.end, second.begin):
        return None
    return first._replace(end=second.end, quantity=Quantity(first.quantity.value + rest.value, first.quantity.unit))


_TOGETHER = re.compile(r",?[ ]?(?:and[ ])?")
