"""Times as people and models write them, read into seconds.

The release drops "~00:16", "around 16 seconds" and "00:16s" and accepts "00:70". Here every sensible way of
writing a time is read, and an impossible one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache


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


# One character for one, so that positions stay: other dashes, colons and tildes than ASCII's.
_PLAIN = str.maketrans({**dict.fromkeys("‐‑‒–—―−", "-"), "：": ":", "∶": ":", "～": "~", "≈": "~", "\u00a0": " "})

_NUMBER = r"\d{1,5}(?:\.\d{1,3})?"
_SECONDS = r"(?:seconds?|secs?|s)(?![a-z])"
_MINUTES = r"(?:minutes?|mins?)(?![a-z])"
_CLOCK = r"(?:\d{1,3}:)?\d{1,4}:\d{2}(?:\.\d{1,3}|,\d{3})?(?!\d|:\d)(?:[ \t]?s(?![a-z]))?"
_UNITS = (
    rf"(?:{_NUMBER}[ \t]?m[ \t]?{_NUMBER}[ \t]?s(?![a-z])"
    rf"|{_NUMBER}[ \t-]{{0,2}}{_MINUTES}(?:[ \t]{{0,2}}(?:and[ \t])?{_NUMBER}[ \t-]{{0,2}}{_SECONDS})?"
    rf"|{_NUMBER}[ \t-]{{0,2}}{_SECONDS})"
)
_TO = r"[ \t]{0,2}(?:-|\bto\b|\buntil\b|\btill\b|\bthrough\b|\.\.)[ \t]{0,2}(?:about[ \t]|around[ \t]|~[ \t]?)?"
_AND = r"[ \t]{0,2}(?:-|\band\b|\bto\b)[ \t]{0,2}(?:about[ \t]|around[ \t]|~[ \t]?)?"
_HEDGE = r"(?:about|around|approximately|approx\.?|roughly|nearly|near|circa|by|~)"
_LEAD = rf"(?:at|from|after|before|until|{_HEDGE})"
_LEADS = rf"(?:\b{_LEAD}[ \t]{{1,2}}|~[ \t]?)(?:{_HEDGE}[ \t]{{0,2}})?(?:the[ \t])?"

_MENTION = re.compile(
    rf"""
    (?P<between> \bbetween[ \t]{{1,2}} (?:{_HEDGE}[ \t]{{0,2}})?
        (?P<b1>{_CLOCK}|{_UNITS}|{_NUMBER}) {_AND} (?P<b2>{_CLOCK}|{_UNITS}) )
  | (?P<clock> (?:{_LEADS}|\bthe[ \t])? (?<!\d) (?<!\d[:.])
        (?P<c1>{_CLOCK}) (?: {_TO} (?P<c2>{_CLOCK}) | {_TO} (?:the[ \t])?end\b )? (?:[ \t]?(?:-[ \t]?)?mark\b)? )
  | (?P<ordinal> (?P<ordinal_lead>{_LEADS})? \bseconds?[ \t]{{1,2}}
        (?P<o1>{_NUMBER}) (?: {_TO} (?P<o2>{_NUMBER}) )? (?![\d:]) )
  | (?P<units> (?P<units_lead>{_LEADS})? (?<![\w.:])
        (?: (?P<u1>{_NUMBER}) {_TO} (?P<u2>{_UNITS}) | (?P<single>{_UNITS}) (?: {_TO} (?P<until>{_UNITS}) )? )
        (?P<mark>[ \t]?(?:-[ \t]?)?mark\b|[ \t]in(?:to)?\b)? )
    """,
    re.IGNORECASE | re.VERBOSE,
)

_DIGIT = re.compile(r"\d")
_DURATION_BEFORE = re.compile(
    r"\b(?:for|lasts?|lasting|within|every|another|takes?|over|next|last|first|than)[ \t]+(?:only[ \t]+)?$",
    re.IGNORECASE,
)
_DURATION_AFTER = re.compile(r"[ \t]*(?:later|long|earlier|apart|each|of\b|ago)", re.IGNORECASE)
_FILLER = re.compile(
    r"(?:[\s\[\](){}<>\"'`*.,:;|~+=-]|\b(?:at|in|on|from|the|time|timestamp|t|mark|video|around|about|onwards?)\b)*",
    re.IGNORECASE,
)
_BARE = re.compile(rf"({_NUMBER})(?:{_TO}({_NUMBER}))?")


def find_times(text: str) -> Iterator[Mention]:
    """Find every time that a text names, in order.

    A number with a unit counts only where words make it a moment ("at 16 seconds", "the 16-second mark"); "for 5
    seconds" is a duration.
    """
    if not _DIGIT.search(text):
        return
    plain = text.translate(_PLAIN)
    for match in _MENTION.finditer(plain):
        kind = _kind(match)
        if kind in ("ordinal", "units") and not _is_moment(plain, match, kind):
            continue
        first, second = _parts(match, kind)
        yield Mention(match.start(), match.end(), text[match.start() : match.end()].strip(), _interval(first, second))


@lru_cache(maxsize=4096)
def parse_time(text: str) -> Interval | None:
    """Read a text that is nothing but a time, such as a key of a temporal grounding; None if it is not a possible time.

    A bare number is taken as seconds, as it is in the keys that judges write.
    """
    plain = text.translate(_PLAIN).strip()
    if bare := _BARE.fullmatch(plain):
        return _interval(bare[1], bare[2])
    matches = list(_MENTION.finditer(plain))
    if len(matches) != 1:
        return None
    match = matches[0]
    if not _FILLER.fullmatch(plain[: match.start()] + " " + plain[match.end() :]):
        return None
    return _interval(*_parts(match, _kind(match)))


def _kind(match: re.Match[str]) -> str:
    return next(name for name in ("between", "clock", "ordinal", "units") if match[name] is not None)


def _parts(match: re.Match[str], kind: str) -> tuple[str, str | None]:
    if kind == "units" and match["single"]:
        return match["single"], match["until"]
    initial = kind[0]
    return match[f"{initial}1"], match[f"{initial}2"]


def _is_moment(text: str, match: re.Match[str], kind: str) -> bool:
    if match["mark"] or (kind == "ordinal" and text.startswith((":", ","), match.end())):
        return True
    if not match[f"{kind}_lead"] or _DURATION_AFTER.match(text, match.end()):
        return False
    return not _DURATION_BEFORE.search(text[max(0, match.start() - 20) : match.start()])


def _interval(first: str, second: str | None) -> Interval | None:
    start = _seconds(first)
    end = start if second is None else _seconds(second)
    if second is not None and first.strip().isdecimal() and re.search(r"min", second, re.IGNORECASE):
        start = None if start is None else start * 60  # "1 to 2 minutes": the unit stands for both
    if start is None or end is None or end < start:
        return None
    return Interval(start, end)


def _seconds(text: str) -> float | None:
    """Seconds of one clock time, quantity or bare number; None where minutes or seconds exceed 59."""
    numbers = [float(part.replace(",", ".")) for part in re.findall(r"\d+(?:[.,]\d+)?", text)]
    if ":" in text:
        if any(part >= 60 for part in numbers[1:]):
            return None
        total = 0.0
        for part in numbers:
            total = total * 60 + part
        return total
    if re.search(r"\d\s?m\s?\d|min", text, re.IGNORECASE):
        return numbers[0] * 60 + sum(numbers[1:])
    return numbers[0]
