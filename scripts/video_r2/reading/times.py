"""Times as people and models write them, read into seconds.

The release drops "~00:16", "around 16 seconds" and "00:16s" and accepts "00:70". Here every sensible way of
writing a time is read, and an impossible one is refused.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from video_r2.reading.number_words import ENGLISH


@dataclass(frozen=True)
class Interval:
    """A stretch of a video, in seconds; a single moment has `start == end`."""

    start: float
    end: float

    def gap(self, other: Interval) -> float:
        """Seconds between this interval and another; 0 where they touch or overlap."""
        return max(0.0, self.start - other.end, other.start - self.end)


@dataclass(frozen=True)
class Mention:
    """A time found in a text: where it stands, words that lead to it included, as written, and what it means.

    `interval` is None where what is written cannot be a time, such as "00:70" or a range that ends before it starts.
    """

    begin: int
    end: int
    written: str
    interval: Interval | None


# One character for one, so that positions stay: other dashes, arrows, colons and tildes than ASCII's.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("→⇒➔➜⟶", ">"),
        "：": ":",
        "∶": ":",
        "～": "~",
        "≈": "~",
        "\u00a0": " ",
    }
)

_NUMBER = r"\d{1,5}(?:\.\d{1,3})?"
_GAP = r"[ \t-]{0,2}"
_SECONDS = r"(?:seconds?|secs?\.?|s|秒)(?![a-z])"
_MINUTES = r"(?:minutes?|mins?\.?|m(?=[ \t]?\d{1,2}(?:\.\d{1,3})?[ \t]?s(?![a-z])))(?![a-z])"
_HOURS = r"(?:hours?|hrs?\.?|h(?=[ \t]?\d{1,2}[ \t]?m))(?![a-z])"
_THEN = r"[ \t]{0,2}(?:(?:,|and\b|,[ \t]and\b)[ \t])?"
_BARE_SECONDS = r"[ \t]\d{1,2}(?=[ \t]*(?:[,;:.!?)\]\n-](?!\d)|(?:to|and|until)\b|$))"  # "1 min 20"
_UNITS = (
    rf"(?:{_NUMBER}{_GAP}{_HOURS}(?:{_THEN}{_NUMBER}{_GAP}(?:{_MINUTES}|m(?![a-z])))?(?:{_THEN}{_NUMBER}{_GAP}{_SECONDS})?"
    rf"|{_NUMBER}{_GAP}{_MINUTES}(?:{_THEN}{_NUMBER}{_GAP}{_SECONDS}|{_BARE_SECONDS})?"
    rf"|{_NUMBER}{_GAP}{_SECONDS})"
)
_CLOCK = (
    r"(?:\d{1,3}:)?\d{1,4}:\d{2}(?:\.\d{1,3}|,\d{3})?(?!\d|:\d)"
    rf"(?:[ \t]?(?:{_SECONDS}|(?:minutes?|mins?)(?![a-z])))?(?![ \t]?[ap](?:\.[ \t]?)?m\b)"
)
_HEDGE = r"(?:about|around|approximately|approx\.?|roughly|nearly|near|circa|ca\.?|by|~)"
_TO = (
    r"[ \t]{0,2}(?:-{1,2}>?|=?>|~|\bto\b|\buntil\b|\btill\b|\bthrough\b|\.\.)[ \t]{0,2}"
    rf"(?:{_HEDGE}[ \t]{{0,2}})?"
)
_AND = rf"[ \t]{{0,2}}(?:-|\band\b|\bto\b)[ \t]{{0,2}}(?:{_HEDGE}[ \t]{{0,2}})?"
_LEAD = rf"(?:at|from|after|before|until|{_HEDGE})"
_CALLED = r"\b(?:(?:t|time|timestamp)[ \t]?[=:]|timestamp[ \t]{1,2}(?=[\d~]))[ \t]?~?"
_LEADS = (
    rf"(?:(?:\b{_LEAD}[ \t]{{1,2}})?{_CALLED}|(?:\b{_LEAD}[ \t]{{1,2}}|~[ \t]?)(?:{_HEDGE}[ \t]{{0,2}})?(?:the[ \t])?)"
)
_NTH = r"\d{1,5}(?:st|nd|rd|th)"

_MENTION = re.compile(
    rf"""
    (?: (?=[\d~]) | (?<![A-Za-z0-9]) )  # within words there is nothing to look for
    (?:
    (?P<between> \bbetween[ \t]{{1,2}} (?:{_HEDGE}[ \t]{{0,2}})?
        (?P<b1>{_CLOCK}|{_UNITS}|{_NUMBER}) {_AND} (?P<b2>{_CLOCK}|{_UNITS}) )
  | (?P<within> \bbetween[ \t]{{1,2}} (?:the[ \t])? seconds?[ \t]{{1,2}}
        (?P<w1>{_NUMBER}) {_AND} (?:seconds?[ \t])? (?P<w2>{_NUMBER}) (?![\d:]) )
  | (?P<clock> (?P<clock_lead>{_LEADS}|\bthe[ \t])? (?<!\d) (?<!\d[:.])
        (?P<c1>{_CLOCK})
        (?: {_TO} (?P<c2>{_CLOCK}|{_UNITS}) | -(?P<short>\d{{2}})(?!\d|[:.,]\d|[ ]?%) | {_TO} (?:the[ \t])?end\b )?
        (?:[ \t]?(?:-[ \t]?)?mark\b|[ \t]?\({_HEDGE}\))? )
  | (?P<ordinal> (?P<ordinal_lead>{_LEADS})? \b(?:seconds?|secs?\.?)[ \t]{{1,2}}
        (?P<o1>{_NUMBER}) (?: {_TO} (?:seconds?[ \t])? (?P<o2>{_NUMBER}) )? (?![\d:]) )
  | (?P<minute> (?P<minute_lead>{_LEADS})? \bminutes?[ \t]{{1,2}}
        (?P<m1>{_NUMBER}) (?: {_THEN} (?:seconds?[ \t]{{1,2}}) (?P<ms>{_NUMBER})
            | {_TO} (?:minutes?[ \t])? (?P<m2>{_NUMBER}) )? (?![\d:]) )
  | (?P<nth> (?:\b(?:{_LEAD}|in|during|on)[ \t]{{1,2}}(?:the[ \t])?|\bthe[ \t])? (?<![\w.:])
        (?P<n1>{_NTH}) (?: (?:[ \t-]seconds?)? {_TO} (?:the[ \t])? (?P<n2>{_NTH}) )? [ \t-]seconds?(?![a-z]) )
  | (?P<units> (?P<units_lead>{_LEADS})? (?<![\w.:])
        (?: (?P<u1>{_NUMBER}) {_TO} (?P<u2>{_UNITS}) | (?P<single>{_UNITS}) (?: {_TO} (?P<until>{_CLOCK}|{_UNITS}) )? )
        (?P<mark>[ \t]?(?:-[ \t]?)?mark\b|[ \t]in(?:to)?\b(?:[ \t](?:the|this)[ \t](?:video|clip|footage)\b)?)? )
  | (?P<variable> (?:\b{_LEAD}[ \t]{{1,2}})? \b(?:(?:t|timestamp)[ \t]?=|timestamp[ \t]{{1,2}}(?=[\d~]))[ \t]?~?
        (?P<v1>{_NUMBER}) (?: {_TO} (?P<v2>{_NUMBER}) )? (?![.:]?\d) )
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_KINDS = ("between", "within", "clock", "ordinal", "minute", "nth", "units", "variable")

_DIGIT = re.compile(r"\d")
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_SPELLED = re.compile(
    rf"\b(?:(?:{_TENS})(?:[ -](?:{_ONES}))?|{_TEENS}|{_ONES})(?=[ -](?:seconds?|minutes?)\b)", re.IGNORECASE
)
_LENGTH_AFTER = re.compile(r"[ \t]*(?:long|in[ \t](?:length|duration|total))\b", re.IGNORECASE)
_DURATION_BEFORE = re.compile(
    r"\b(?:for|lasts?|lasting|within|every|another|takes?|over|next|last|first|than)[ \t]+(?:only[ \t]+)?$",
    re.IGNORECASE,
)
_DURATION_AFTER = re.compile(r"[ \t]*(?:later|long|earlier|apart|each|of\b|ago)", re.IGNORECASE)
_SCORE_BEFORE = re.compile(
    r"\b(?:scores?|scoreline|ratio|result|odds|tied|(?:clock|watch)(?=[ \t](?:is|was|reads|shows|says)\b))"
    r"(?:[ \t](?:is|was|of|now|a|the|reads|shows|says|becomes?|to))*[ \t:]{0,3}$",
    re.IGNORECASE,
)
# What stands before a time that opens a line: "- 16s: a dog", "2) **4s** - a cat".
_LINE_OPENS = re.compile(r"(?:^|\n)[ \t]*(?:\d{1,3}[.)][ \t]|[^\w\n]){0,8}$")
_HEADS = re.compile(r"[\])*_\"']{0,4}[ \t]?(?::|-(?=[ \t])|[|>])")
_FILLER = re.compile(
    rf"(?:[\s\[\](){{}}<>\"'`*.,:;|~+=-]|\b(?:at|in|on|from|the|time|timestamp|t|mark|video|onwards?|{_HEDGE})(?!\w))*",
    re.IGNORECASE,
)
_BARE_NUMBER = rf"{_NUMBER}(?:[ \t]?[hm])?"
_BARE = re.compile(rf"({_BARE_NUMBER})(?:{_TO}({_BARE_NUMBER}))?")
_SHORT_SECONDS = re.compile(r"(?<=\d):(\d)(?![\d:])")  # "0:7", which in a sentence may be a score
_BELOW_ZERO = re.compile(r"-[ \t]?\d{1,3}:|-\d")
_BELOW_ZERO_BEFORE = re.compile(rf"\b{_LEAD}[ \t]{{1,2}}-$", re.IGNORECASE)
_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)[ \t-]*([hms])?", re.IGNORECASE)
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}


def find_times(text: str) -> Iterator[Mention]:
    """Find every time that a text names, in order.

    A number with a unit counts only where it stands for a moment: after words that say so ("at 16 seconds", "the 16-second
    mark"), in brackets of its own, or as the head of a line; "for 5 seconds" is a duration. A score ("the score is 2:10") and
    a time of day ("10:30 a.m.", "the clock shows 10:30") are no times of a video.
    """
    plain, place_of = _in_digits(text.translate(_PLAIN))
    if not _DIGIT.search(plain):
        return
    for match in _MENTION.finditer(plain):
        if not _is_moment(plain, match):
            continue
        begin, end = place_of(match.start()), place_of(match.end())
        yield Mention(begin, end, text[begin:end].strip(), _meaning(plain, match))


def _in_digits(text: str) -> tuple[str, Callable[[int], int]]:
    """The text with the numbers of "five seconds" and "the one-minute mark" in digits, and where its places were."""
    if not re.search("second|minute", text, re.IGNORECASE):
        return text, lambda place: place
    parts, ends, begin = [""], [(0, 0)], 0  # after each number, its end here and where it was
    for match in _SPELLED.finditer(text):
        number = str(sum(ENGLISH[word.lower()] for word in match[0].replace("-", " ").split()))
        parts += [text[begin : match.start()], number]
        begin = match.end()
        ends.append((sum(map(len, parts[-2:])) + ends[-1][0], begin))

    def place_of(place: int) -> int:
        here, there = ends[bisect_right(ends, place, key=lambda end: end[0]) - 1]
        return there + place - here

    return "".join([*parts, text[begin:]]), place_of


@lru_cache(maxsize=4096)
def parse_time(text: str) -> Interval | None:
    """Read a text that is nothing but a time, such as a key of a temporal grounding; None if it is not a possible time.

    A bare number is taken as seconds, as it is in the keys that judges write.
    """
    plain, _ = _in_digits(text.translate(_PLAIN).strip())
    if _BELOW_ZERO.match(plain):
        return None
    plain = _SHORT_SECONDS.sub(r":0\1", plain)
    if bare := _BARE.fullmatch(plain):
        return _interval(bare[1], bare[2])
    matches = list(_MENTION.finditer(plain))
    if len(matches) != 1:
        return None
    match = matches[0]
    if not _FILLER.fullmatch(plain[: match.start()] + " " + plain[match.end() :]):
        return None
    return _meaning(plain, match)


def _meaning(text: str, match: re.Match[str]) -> Interval | None:
    is_below_zero = _BELOW_ZERO_BEFORE.search(text, max(0, match.start() - 24), match.start())
    return None if is_below_zero else _interval(*_parts(match))


def _kind(match: re.Match[str]) -> str:
    return next(name for name in _KINDS if match[name] is not None)


def _parts(match: re.Match[str]) -> tuple[str, str | None]:
    kind = _kind(match)
    if kind == "units" and match["single"]:
        return match["single"], match["until"]
    if kind == "minute":
        if match["ms"]:  # "minute 2, second 5"
            return f"{match['m1']} m {match['ms']} s", None
        return f"{match['m1']} m", match["m2"] and f"{match['m2']} m"
    if match["short"]:  # "01:04-08"
        return match["c1"], f"{match['c1'].rpartition(':')[0]}:{match['short']}"
    return match[f"{kind[0]}1"], match[f"{kind[0]}2"]


def _is_moment(text: str, match: re.Match[str]) -> bool:
    kind, before = _kind(match), text[max(0, match.start() - 40) : match.start()]
    if kind == "clock":
        if _LENGTH_AFTER.match(text, match.end()):
            return False
        return match["clock_lead"] is not None or match["c2"] is not None or not _SCORE_BEFORE.search(before)
    if kind == "nth":
        return not _DURATION_BEFORE.search(before)
    if kind in ("between", "within", "variable"):
        return True
    if kind in ("ordinal", "minute") and (
        match[f"{kind[0]}2"] or match["ms"] or text.startswith((":", ","), match.end())
    ):
        return True
    if kind == "units" and (match["mark"] or _stands_alone(text, match, before)):
        return True
    if _DURATION_BEFORE.search(before) or _DURATION_AFTER.match(text, match.end()):
        return False
    return match[f"{kind}_lead"] is not None or (kind == "units" and match["until"] is not None)


def _stands_alone(text: str, match: re.Match[str], before: str) -> bool:
    """Whether a time with units is in brackets of its own, or the head of a line."""
    after = text[match.end() : match.end() + 1]
    if before.endswith("[") and after == "]":
        return True
    if before.endswith("(") and after == ")":
        # "He waits (5 seconds)" tells how long.
        return match["single"] is None or match["until"] is not None or "second" not in match["single"].lower()
    # Of a longer line the beginning is not in sight.
    is_head = _LINE_OPENS.search(before) and (len(before) < 40 or "\n" in before)
    return bool(is_head) and _HEADS.match(text, match.end()) is not None


def _interval(first: str, second: str | None) -> Interval | None:
    start = _seconds(first)
    end = start if second is None else _seconds(second)
    if start is None or end is None:
        return None
    if second is not None and ":" not in first + second:
        unit, unit_of_second = _WITH_UNIT.search(first), _WITH_UNIT.search(second)
        if unit and unit_of_second and unit[2] is None and unit_of_second[2]:
            start *= _UNIT_SECONDS[unit_of_second[2].lower()]  # "1 to 2 minutes": the unit stands for both
    return Interval(start, end) if start <= end else None


def _seconds(text: str) -> float | None:
    """Seconds of one clock time, quantity or bare number; None where minutes or seconds below a larger unit exceed 59."""
    if ":" in text:
        numbers = [float(part.replace(",", ".")) for part in re.findall(r"\d+(?:[.,]\d+)?", text)]
        factors = [60.0**place for place in reversed(range(len(numbers)))]
    else:
        parts = _WITH_UNIT.findall(text)
        numbers = [float(number) for number, _ in parts]
        factors = [_UNIT_SECONDS[unit.lower() or "s"] for _, unit in parts]
    if any(number >= 60 for number in numbers[1:]):
        return None
    return sum(number * factor for number, factor in zip(numbers, factors, strict=True))
