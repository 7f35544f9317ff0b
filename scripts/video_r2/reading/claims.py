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


LONGEST_TIME = 60  # characters, words that lead to it included
_PUNCTUATION = " \t\r\n:;,.–—-*•→=>|~"
_EDGE = " \t\r\n:;,.–—-*•\"'“”‘’()[]"
_JOINT = re.compile(
    r"(?:^|[\s,;])(?:and|then|while|whereas|but|also)$|^(?:and|then|while|whereas|but|also)(?=[\s,;])", re.IGNORECASE
)


_ARITHMETIC = lexicon(
    "minus plus times divided by is are equals equal and or to from of the difference sum total second seconds minute "
    "minutes video time timestamp mark at between starting beginning ending until"
)


def read_claims(think: str) -> list[Claim]:
    """Claims of a trace: each time with what is said of it, the conclusion left out.

    A time that begins its sentence or clause ("00:04-00:08: a red circle.", "First, at 00:05 a dog enters.") says what
    follows, and so do those behind it; any other ("A dog enters at 00:05.") what comes before. Times without content
    ("00:12 minus 00:04 is 8.") claim nothing.
    """
    return [claim for _, _, claim in find_claims(think)]


def find_claims(think: str) -> list[tuple[int, int, Claim]]:
    """The claims that `read_claims` reads, each with the characters of the trace, time included, where it begins and ends."""
    sentences = sentences_of(think)
    concluded = _conclusion(think, sentences)
    found = []
    for begin, end in sentences:
        if begin <= concluded < end:
            if len(_words(think[begin:concluded], _JOINING)) <= 2:
                continue
            end = _end_without_conclusion(think, begin, end)
        found += [(begin + first, begin + last, claim) for first, last, claim in _claims_of_sentence(think[begin:end])]
    return found


def _conclusion(think: str, sentences: Sequence[tuple[int, int]]) -> int:
    """Where the words begin that announce the conclusion; the end of the trace without any."""
    for to_end, (begin, end) in enumerate(reversed(sentences)):
        found = [
            cue.start() for cue in cues.CONCLUDES.finditer(think, begin, end) if not _belongs_to_time(think, begin, cue)
        ]
        if to_end < INFERRING:
            found += [match.start() for match in cues.INFERS.finditer(think, begin, end)]
        if found:
            return max(found)
    return len(think)


def _end_without_conclusion(think: str, begin: int, end: int) -> int:
    """Where what a sentence says of its times ends: "The dog enters at 00:05 | , so it is B."."""
    time = next(find_times(think[begin:end]), None)
    behind = end if time is None else begin + time.end
    return min((cue.start() for cue in cues.INFERS.finditer(think, behind, end)), default=end)


def _belongs_to_time(think: str, begin: int, cue: re.Match[str]) -> bool:
    """Whether a sign that may conclude joins a time or follows one: "00:04 → 00:08", "t=5", "00:04 => a dog enters"."""
    if cue[0][-1].isalnum() or cue[0][-1] == ":":
        return False
    before = think[max(begin, cue.start() - LONGEST_TIME) : cue.start()]
    return _TIME_VARIABLE.search(before) is not None or any(
        not before[mention.end :].strip(_AROUND_TIME) for mention in find_times(before)
    )


def _claims_of_sentence(sentence: str) -> list[tuple[int, int, Claim]]:
    mentions = list(find_times(sentence))
    if not mentions:
        return []
    lists = _listed(sentence, mentions)
    claims, leads = [], False
    for at, times in enumerate(lists):
        begin = lists[at - 1][-1].end if at else 0
        end = lists[at + 1][0].begin if at + 1 < len(lists) else len(sentence)
        before, after = sentence[begin : times[0].begin], sentence[times[-1].end : end]
        # Once a time has begun a clause, the text before another is of that one.
        leads = leads or not _words(before)
        if leads:
            begin = times[0].begin
            text = after if end == len(sentence) else _OPENS_CLAUSE.sub("", after)
        elif end == len(sentence):
            text = f"{before.rstrip(_EDGE)} {after.strip(_EDGE)}" if _words(after) else before
        else:
            text, end = before, times[-1].end
        text = _trimmed(text)
        if _has_content(text):
            claims += [(begin, end, _claim(mention, text)) for mention in times]
    return claims


def _listed(sentence: str, mentions: Sequence[Mention]) -> list[list[Mention]]:
    """The times of a sentence, those together of which one thing is said: "at 00:04, 00:08 and 00:12"."""
    lists = [[mentions[0]]]
    leading, followed = not _words(sentence[: mentions[0].begin]), bool(_words(sentence[mentions[-1].end :]))
    for mention in mentions[1:]:
        # "The dog runs at 00:04 and at 00:09 it sleeps" says two things.
        anew = not leading and followed and mention.written[0].isalpha()
        if not anew and _LISTS.fullmatch(sentence[lists[-1][-1].end : mention.begin]):
            lists[-1].append(mention)
        else:
            lists.append([mention])
    return lists


def _claim(mention: Mention, text: str) -> Claim:
    return Claim(_BEFORE_DIGITS.sub("", mention.written).strip(), mention.interval, text)


_LISTS = re.compile(r"[ \t)\]]{0,3}(?:[,;&/]|\band\b|\bor\b|[ \t(\[]|\bagain\b|\balso\b){1,12}", re.IGNORECASE)
_TIME_VARIABLE = re.compile(r"\bt[ \t]?$|\btime(?:stamp)?[ \t]?$", re.IGNORECASE)
_AROUND_TIME = " \t*_)]\"'"
_BEFORE_DIGITS = re.compile(
    r"^(?:(?:at|from|after|before|until)[ \t]+|(?:t|time|timestamp)[ \t]?[=:][ \t]?)(?=\W*\d)", re.IGNORECASE
)


# What may stand before a time that begins a clause: "First, in the video, at 00:05 a dog enters".
_JOINING = lexicon("and then the in at")
_OPENERS = lexicon(
    "and then the in at on by of a during within throughout from between starting beginning looking first firstly second "
    "secondly next later finally lastly initially afterwards meanwhile also now so here i we see can notice that this "
    "video clip footage segment interval period moment shows"
)
_OPENS_CLAUSE = re.compile(
    rf"""(?:[\s,;:–—-]{{1,3}}(?:{"|".join(sorted(_OPENERS))})\b){{1,6}}[\s,]{{0,3}}$""", re.IGNORECASE | re.VERBOSE
)


def _words(text: str, besides: frozenset[str] = _OPENERS) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in besides]


def _trimmed(text: str) -> str:
    """The text without punctuation and joining words at its ends, an opened quotation or bracket kept closed."""
    text = _JOINT.sub("", _without_loose_ends(text))
    text = _without_loose_ends(text)
    return _JOINT.sub("", text).strip(" \t\r\n:;,–—-")


def _without_loose_ends(text: str) -> str:
    """The text without punctuation at its ends, and without a bracket there that the time beside it stood in."""
    text = text.strip(_PUNCTUATION).lstrip(")]" + _PUNCTUATION).rstrip("([" + _PUNCTUATION)
    for opening, closing in ("()", "[]"):
        if text.startswith(opening) and closing not in text:
            text = text[1:].lstrip(_PUNCTUATION)
        if text.endswith(closing) and opening not in text:
            text = text[:-1].rstrip(_PUNCTUATION)
    return text


def _has_content(text: str) -> bool:
    return any(len(word) > 1 and word not in _ARITHMETIC for word in re.findall(r"[^\W\d_]+", text.lower()))
