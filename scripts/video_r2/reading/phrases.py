"""Answers in words: the phrase of a sentence that is its answer, without what stands around it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from video_r2.reading.plain_text import spell_plainly
from video_r2.reading.sentences import EDGE, Sentence, Weight
from video_r2.reading.words import FUNCTION_WORDS, stem_of, tokens_of, words_of

LONGEST_PHRASE = 400  # characters
_FLAGS = re.IGNORECASE | re.VERBOSE

_IS = r"(?:'s|'re|[ ](?:is|are|was|were|(?:must|should|would|has[ ]to|can[ ]only|could[ ]only)[ ]be|looks[ ]like))"
_HEDGE = r"(?:most[ ]likely|probably|presumably|I[ ](?:think|guess|believe|suppose|would[ ]say|assume)|I'd[ ]say)"
_OPENING = re.compile(
    rf"""
    (?:(?:it|this|that|there|he|she|they|the[ ](?:final[ ]|correct[ ])?answer|the[ ]object){_IS}|is|are|that|be|as)\b
        [ ]?[:,]?
    |what\b[^,;:]{{1,60}}?[ ](?:is|are|was|were)[ ](?!not\b|never\b)
    |(?:{_HEDGE}|likely|maybe|perhaps|possibly|definitely|certainly|clearly|surely|my[ ](?:best[ ])?guess)\b[ ]?[:,]?
    """,
    _FLAGS,
)
_REASON = re.compile(
    r"""
    [,;]?[ ](?:because|since|as[ ](?:it|the|shown|seen)|which|given)\b.*$
    |,[ ](?:not|rather[ ]than|although|though)\b.*$ | [ ](?:rather[ ]than|instead[ ]of)\b.*$
    """,
    _FLAGS | re.DOTALL,
)
_REMARK = re.compile(
    rf"[,;(-]?[ ](?:{_HEDGE}|then|please|after[ ]all|it[ ]is|(?:but[ ])?I(?:'m|[ ]am)[ ]not.{{0,40}})\W{{0,5}}$", _FLAGS
)
_CONTRAST = re.compile(r"\b(?:not|neither|nor|isn't|wasn't)\b.{1,200}\bbut[ ]", re.IGNORECASE | re.DOTALL)
_NOTHING = re.compile(r"(?:none[ ]of|neither|not|nor)\b", re.IGNORECASE)

_WORDS = r"((?:[^\s.;:,]{1,30}[ ]){1,6}?)"
_PREFERRED = re.compile(
    rf"""
    \bmakes?[ ]{_WORDS}(?:by[ ]far[ ]|much[ ])?the[ ](?:more[ ]|most[ ])?
        (?:likel(?:y|ier|iest)|best|better|only|obvious|convincing|plausible)\b
    |^\W{{0,3}}(?:(?:so|and|but)[ ])?only[ ]{_WORDS}(?:is|was|are|were|does|has|isn't|remains?|fits?)\b
    |^\W{{0,3}}(?!(?:it|he|she|they|this|that|there|what|which)\b){_WORDS}(?:is|was|are|were)[ ]
        (?:the[ ](?:only|answer|one|best|most)|missing|never|not(?=\W{{0,5}}$)|absent|left)\b
    """,
    _FLAGS,
)
_POINTED = re.compile(r"(?::|[ ]-|\bnamely)[ ](?=[^:;]{1,60}$)")
_COMPLEMENT = re.compile(
    rf"(?:^|[,;:(-][ ]|\b(?:and|so|but|then|hence|that)[ ])(?:it|that|this|he|she|they){_IS}\b", _FLAGS
)
_EQUATED = re.compile(
    r"\b(?:is|are|was|were|must[ ]be|to[ ]be|called|named|reads|says|(?:looks|sounds|smells|tastes|feels)[ ]like)\b",
    _FLAGS,
)
_ALTERNATIVES = re.compile(
    r"""
    ^(?:either[ ])?(?:[^\s]{1,30}[ ]){1,3}\(?(?:or|oder|ou|vs\.?|versus)(?:[ ](?:else|maybe))?(?:[ ][^\s]{1,30}){1,3}$
    |^[A-Z]?[a-z]{2,20}[ ]?/[ ]?[A-Z]?[a-z]{2,20}$ | \bmaybe\b.{1,60}\bmaybe\b
    """,
    re.VERBOSE,
)
_UNKNOWN = re.compile(
    r"""
    \W{0,5}(?:undecided|unknown|unclear|n/?a|empty|blank|not[ ](?:sure|clear|known|visible|enough[ ]information)
        |no[ ](?:idea|answer)|I[ ](?:don't|do[ ]not|cannot|can't)[ ](?:know|tell|say|decide)
        |(?:it[ ])?(?:cannot|can't|can[ ]not)[ ](?:be[ ])?(?:tell|say|told|determined?|decided?|known|answered))\b.{0,80}
    """,
    _FLAGS | re.DOTALL,
)


def phrase_in(sentence: Sentence) -> tuple[int, str, Weight] | None:
    """The phrase that a sentence of a trace gives as an answer: where it stands, its words, how it is said.

    After a cue, all that follows; else what is preferred ("only tea is left"), pointed to ("..., it has strings: a
    harp") or equated ("she must be a nurse"); else the sentence if it is a single word ("Lisbon.").
    """
    text = sentence.text
    if cue := sentence.after_last_cue():
        return cue, phrase_of(text[cue:]), Weight.CONCLUDED
    if preferred := _PREFERRED.search(text):
        return preferred.start(), phrase_of(preferred[preferred.lastindex or 0]), Weight.STATED
    for pattern, weight in (
        (_POINTED, Weight.STATED),
        (_COMPLEMENT, Weight.STATED),
        (_EQUATED, Weight.MENTIONED),
    ):
        if found := list(pattern.finditer(text)):
            return found[-1].end(), phrase_of(text[found[-1].end() :]), weight
    phrase = phrase_of(text)
    is_alone = len(text.split()) <= 4 and len(words_of(phrase)) == 1 and not text.startswith("There")
    return (0, phrase, Weight.STATED) if is_alone else None


class Event(NamedTuple):
    """What happens by a question's words, of which something is asked for.

    Attributes:
        verbs: how the words are written, of which one may be the verb, by their stems.
        before: whether what stands before the verb is asked for ("What falls down?"), not what follows it ("What does she
            throw?").
        goes_on: whether the verb is in its form of progress ("What is he throwing?").
        place: where it happens, in lower case ("on her head"); empty if the question does not end so.
    """

    verbs: dict[str, str]
    before: bool
    goes_on: bool
    place: str = ""


_ASKS = re.compile(
    r"""^\W{0,3}(?:what|who|whom|which(?:[ ][\w'-]{1,20}){1,3}?)[ ]
    (?:(?P<helps>does|do|did)|(?P<is>is|are|was|were)|(?=(?P<verb>[a-z]{2,20}(?:s|ed))\b))[ ]?(?P<rest>[^.?!]{2,200})""",
    _FLAGS,
)
_PARTICLES = r"(?:(?:out|up|down|off|away|back|over|in|on|of)[ ]){0,2}"
# A thing: "a bunch of flowers", "two old keys", "Bruno".
_THING = (
    r"(?:(?:an?|the|his|her|its|their|some|\d{1,3}|one|two|three|four|five|six)[ ](?:[\w'-]{1,20}[ ]){0,3}?[\w'-]{2,20}"
    r"(?:[ ]of[ ](?:(?:an?|the|his|her)[ ])?[\w'-]{2,20})?)"
)
_FOLLOWS = re.compile(
    rf"""[ ]{_PARTICLES}({_THING})
    (?=\W{{0,5}}$|[ ](?:from|into|onto|to|at|in|on|out|for|while|before|after|as|behind|through)\b)""",
    _FLAGS,
)
_PRECEDES = re.compile(
    rf"(?:^\W{{0,3}}|[,;:][ ]|\b(?:then|and|when|until|\d{{1,2}}:\d\d)[ ])({_THING})[ ]$", re.IGNORECASE
)
_PLACE = re.compile(
    r"\b(?:in|on|at|under|behind|around|over|beside|round)[ ](?:the|his|her|its|their|a)[ ](?:[\w'-]{1,20}[ ]?){1,2}$",
    re.IGNORECASE,
)
_WITH = re.compile(rf"\bwith[ ]({_THING})(?:[ ][a-z]{{2,15}}(?:ed|ing))?[ ]$", re.IGNORECASE)
_TELLS_MORE = re.compile(
    r"\b(?:not|never|no|nobody|nothing|without|almost|nearly|tries|wants|about|another|also|or|twice|again)\b|n't\b",
    re.IGNORECASE,
)
_AND_MORE = re.compile(r"\b(?:and|then|later)\b", re.IGNORECASE)
_OF_SEVERAL = re.compile(r"\b(?:first|second|third|before|after|besides|else|not|never)\b", re.IGNORECASE)


@lru_cache(maxsize=1024)
def event_of(question: str) -> Event | None:
    """What a question asks of an event; None if it asks otherwise."""
    asks = _ASKS.match(spell_plainly(question))
    if asks is None or _OF_SEVERAL.search(question):
        return None
    if asks["verb"]:
        word = asks["verb"].lower()
        return None if word in FUNCTION_WORDS else Event({stem_of(word): word}, before=True, goes_on=False)
    words = [token.word for token in tokens_of(asks["rest"])]
    verbs = [word for word in words[1:] if word not in FUNCTION_WORDS and (asks["helps"] or word.endswith("ing"))]
    place = _PLACE.search(asks["rest"].strip())
    return Event(
        {stem_of(word): word for word in verbs if word != "do"},
        before=False,
        goes_on=bool(asks["is"]),
        place=place[0].lower() if place else "",
    )


def phrase_told(sentence: Sentence, event: Event) -> tuple[int, str] | None:
    """The phrase in the place of what is asked for, where a sentence tells of the event: "He pulls out a bunch of flowers".

    The verb must be in another form than in a question with "does", so that no noun is taken for it.
    """
    text = sentence.text
    if len(text) > LONGEST_PHRASE or _TELLS_MORE.search(text):
        return None
    found = []
    for token in tokens_of(text):
        asked = event.verbs.get(stem_of(token.word))
        if asked is None or (asked == token.word and not event.before and not event.goes_on):
            continue
        phrase = _PRECEDES.search(text[: token.begin]) if event.before else _FOLLOWS.match(text, token.end)
        if phrase and not _AND_MORE.search(text, token.end):
            found.append((phrase.start(1), phrase[1]))
    if not found and event.place and (at := text.lower().find(event.place)) > 0:
        held = _WITH.search(text[:at])  # "She comes in with a basket on her head"
        found += [(held.start(1), held[1])] if held else []
    return found[0] if len(found) == 1 else None


def phrase_of(text: str) -> str:
    """The words of a conclusion that are its answer: without "it is" before them and a reason or remark after them."""
    text = text[:LONGEST_PHRASE]
    if contrast := _CONTRAST.search(text):
        text = text[contrast.end() :]
    text = _without_opening(text)
    return "" if _NOTHING.match(text) else _REMARK.sub("", _REASON.sub("", text)).strip(EDGE)


def answer_in(sentence: str) -> str:
    """The words of a sentence of an answer, without "it is" and remarks; "" where it says that nothing is known."""
    cue = Sentence(sentence, 0).after_last_cue()
    phrase = _REMARK.sub("", _without_opening(sentence[cue:])).strip(EDGE)
    return phrase if words_of(phrase) and not _UNKNOWN.fullmatch(phrase) else ""


def is_alternative(phrase: str) -> bool:
    """Whether a phrase offers one of two answers: "a harp or a lyre"."""
    return _ALTERNATIVES.search(phrase) is not None


def _without_opening(text: str) -> str:
    text = text.strip(EDGE)
    for _ in range(3):
        opening = _OPENING.match(text)
        text = text[opening.end() if opening else 0 :].strip(EDGE)
    return text
