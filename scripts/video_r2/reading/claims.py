"""What a trace says happens at which time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from video_r2.reading import cues
from video_r2.reading.sentences import INFERRING, sentences_of
from video_r2.reading.times import Interval, Mention, find_times
from video_r2.reading.words import lexicon


@dataclass(frozen=True)
class Claim:
    """What a trace says happens at a time.

    Attributes:
        time: the time as written.
        interval: what it means; None where it is no possible time.
        text: what is said to happen then.
    """

    time: str
    interval: Interval | None
    text: str


_EDGE = " \t\r\n:;,.–—-*•\"'“”‘’()[]"
_JOINT = re.compile(
    r"(?:^|[\s,;])(?:and|then|while|whereas|but|also)$|^(?:and|then|while|whereas|but|also)(?=[\s,;])", re.IGNORECASE
)


_ARITHMETIC = lexicon(
    "minus plus times divided by is are equals equal and or to from of the difference sum total second seconds minute "
    "minutes video time timestamp mark at between"
)


def read_claims(think: str) -> list[Claim]:
    """Claims of a trace: each time with what is said of it, the conclusion left out.

    A sentence that begins with its time ("00:04-00:08: a red circle.", "At 00:05 a dog enters.") says what follows;
    any other ("A dog enters at 00:05.") what comes before. Times without content ("00:12 minus 00:04 is 8.") claim
    nothing.
    """
    return [claim for _, _, claim in find_claims(think)]


def find_claims(think: str) -> list[tuple[int, int, Claim]]:
    """The claims that `read_claims` reads, each with the characters of the trace, time included, where it begins and ends."""
    sentences = sentences_of(think)
    concluded = _conclusion(think, sentences)
    found = []
    for begin, end in sentences:
        if begin <= concluded < end and len(_words(think[begin:concluded])) <= 2:
            continue
        found += [(begin + first, begin + last, claim) for first, last, claim in _claims_of_sentence(think[begin:end])]
    return found


def _conclusion(think: str, sentences: Sequence[tuple[int, int]]) -> int:
    """Where the words begin that announce the conclusion; the end of the trace without any."""
    for to_end, (begin, end) in enumerate(reversed(sentences)):
        found = [match.start() for match in cues.CONCLUDES.finditer(think, begin, end)]
        if to_end < INFERRING:
            found += [match.start() for match in cues.INFERS.finditer(think, begin, end)]
        if found:
            return max(found)
    return len(think)


def _claims_of_sentence(sentence: str) -> list[tuple[int, int, Claim]]:
    mentions = list(find_times(sentence))
    if not mentions:
        return []
    leading = not _words(sentence[: mentions[0].begin])
    claims = []
    for at, mention in enumerate(mentions):
        last = at + 1 == len(mentions)
        begin, end = mention.begin, mention.end
        if leading:
            end = len(sentence) if last else mentions[at + 1].begin
            text = sentence[mention.end : end]
        else:
            begin = mentions[at - 1].end if at else 0
            text = sentence[begin : mention.begin]
            if last:
                end = len(sentence)
                text = f"{text.rstrip(_EDGE)} {sentence[mention.end :].strip(_EDGE)}"
        text = _trimmed(text)
        if _has_content(text):
            claims.append((begin, end, _claim(mention, text)))
    return claims


def _claim(mention: Mention, text: str) -> Claim:
    return Claim(_BEFORE_DIGITS.sub("", mention.written).strip(), mention.interval, text)


_BEFORE_DIGITS = re.compile(r"^(?:at|from|after|before|until)[ \t]+(?=\W*\d)", re.IGNORECASE)


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in ("and", "then", "the", "in", "at")]


def _trimmed(text: str) -> str:
    """The text without punctuation and joining words at its ends, an opened quotation or bracket kept closed."""
    text = _JOINT.sub("", text.strip(" \t\r\n:;,.–—-*•"))
    text = text.strip(" \t\r\n:;,–—-*•").rstrip(".")
    return _JOINT.sub("", text).strip(" \t\r\n:;,–—-")


def _has_content(text: str) -> bool:
    return any(len(word) > 1 and word not in _ARITHMETIC for word in re.findall(r"[^\W\d_]+", text.lower()))
