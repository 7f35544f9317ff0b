"""Mentions of options in a text, and whether the text denies them ("not B", "B is out").

Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, NamedTuple

from video_r2.reading.words import Token, lexicon

_FLAGS = re.IGNORECASE | re.VERBOSE
Form = Literal["letter", "text", "part"]


class Mention(NamedTuple):
    """An option that a text names: where, which, how, and whether the text denies it ("not B", "B is out").

    A `letter` is the option's letter, or its place ("the second option"); a `text` all of its words; a `part` words that
    only it has.
    """

    begin: int
    end: int
    letter: str
    form: Form
    denied: bool = False

    def covers(self, at: int | None) -> bool:
        """Whether a place is within the option's words."""
        return at is not None and self.form != "letter" and self.begin <= at < self.end


_NEGATORS = lexicon(
    "not no none never neither nor isn't aren't wasn't weren't don't doesn't didn't can't cannot couldn't won't wouldn't "
    "shouldn't hasn't haven't isnt dont without except excluding exclude excludes excluded eliminate eliminates eliminated "
    "eliminating reject rejects rejected discard discards discarded dismiss unlike than ruling rule rules ruled instead "
    "nicht kein keine pas ni não non не нет"
)
_BE = frozenset({"is", "are", "was", "were"})
_SUBJECTS = frozenset({"it", "that", "this", "he", "she", "they", "answer", *_NEGATORS})
_ENDS_SCOPE = lexicon("but so yet because therefore thus hence however rather sondern sino mais ma mas")
_NO_DENIAL = re.compile(
    r"""\b(?:no[ ]doubt|without[ ](?:a[ ])?doubt|no[ ]question|not[ ](?:only|just)|nothing[ ](?:else[ ])?but
    |(?:none|nothing|no[ ]one|nobody)[ ]other[ ]than|(?:cannot|can't)[ ]be[ ]anything[ ](?:but|else|other)(?:[ ]than)?
    |no[ ]other[ ](?:option|choice|answer)[ ]than|more[ ](?:likely[ ])?than[ ]not|not[ ]sure[ ]but)\b""",
    _FLAGS,
)
# What is excepted from a denial is not denied: "everything but C is wrong".
_EXCEPTED = re.compile(
    r"""\b(?:everything|everyone|all|every|any|anything|none|nothing|options?|choices?|others?)\b[^.;:,]{0,20}[ ]
    (?:but|except(?:[ ]for)?|other[ ]than|apart[ ]from|save)[ ](?:the[ ]|an?[ ]|option[ ])?["'(]?$""",
    _FLAGS,
)
_TOO = re.compile(r"\btoo[ ][^\W\d_]+[ ](?:for|to[ ]be)[ ](?:an?[ ]|the[ ])?$", _FLAGS)
_OUT = r"(?:excluded|eliminated|ruled[ ]out|dismissed|contradicted|wrong|impossible)"
_DENIED_AFTER = re.compile(
    rf"""
    ['")\]]{{0,2}}(?:[ ]either)?[ ]
    (?:(?:is|are|was|were|seems?|looks|has[ ]been|(?:can|could|must|should|would)[ ]be|be|both|all|also|clearly
        |definitely|certainly|therefore|thus|then|already|simply|just|very|at[ ]once|immediately|rather|quite)[ ]){{0,3}}
    (?:not(?![ ](?:{_OUT}|only|just)\b)|{_OUT}|out|off|incorrect|false|unlikely|implausible|rejected
        |isn't|aren't|wasn't|weren't|(?:can't|cannot|couldn't|won't)[ ]be(?![ ]{_OUT}\b)
        |(?:do(?:es)?(?:n't|[ ]not)|did(?:n't|[ ]not))[ ](?:fit|match|work|apply|make[ ]sense|appear|happen|hold)
        |(?:can't|cannot)[ ]fit|makes[ ]no[ ]sense|drops?[ ]out|falls?[ ]away)\b
    """,
    _FLAGS,
)
_LISTED_AS_WRONG = re.compile(
    r"[)]?[ ]?(?:[:-]|->)[ ]{0,2}"
    r"(?:no(?![ ](?:doubt|question))|nope|not(?![ ]only)|wrong|false|incorrect|never|excluded|out)\b",
    _FLAGS,
)
_SIGNS = r"[\s,;/&\"'()\[\].:*|+~=∨?%\d-]*"
_JOINT = re.compile(
    rf"""
    {_SIGNS}(?:\b(?:or|and|nor|else|maybe|perhaps|possibly|probably|could|may|might|be|it|even|also|alternatively
        |as[ ]well[ ]as|plus|vs|versus|oder|ou|o|y|und|et|the|an?|her|his|its|in|on|by|with|options?|choices?|letter)\b
        {_SIGNS}|[或和]{_SIGNS}){{0,6}}
    """,
    _FLAGS,
)
_LISTS = re.compile(r"\b(?:or|nor|and)\b|&", _FLAGS)
_BEGINS_ANEW = re.compile(r"\s*\(|['\")\]]{0,2}(?:\s+-{1,2}|[.:-])\s+\(?")


def joins(text: str, begin: int, end: int) -> bool:
    """Whether nothing but "and", "or", a comma and their like stands in a stretch of text."""
    return end - begin <= 60 and _JOINT.fullmatch(text, begin, end) is not None


def grouped(text: str, mentions: Sequence[Mention]) -> list[list[Mention]]:
    """Mentions in groups between which more stands than "and", "or" or a comma."""
    groups: list[list[Mention]] = []
    for mention in mentions:
        again = groups and len(groups[-1]) > 1 and mention.letter in {each.letter for each in groups[-1]}
        takes_one = again and text[groups[-1][-1].end : mention.begin].strip(" \"')]") == ","  # "between A and B, B"
        if groups and not takes_one and joins(text, groups[-1][-1].end, mention.begin):
            groups[-1].append(mention)
        else:
            groups.append([mention])
    return groups


def with_denials(
    text: str, tokens: Sequence[Token], mentions: Sequence[Mention], denying: bool = False
) -> list[Mention]:
    """The mentions of a plain text, with those marked that it denies.

    Args:
        tokens: words of the text.
        mentions: in order.
        denying: whether only letters are denied by what follows them ("B is not it", but not "autumn is not shown").
    """
    begins = [token.begin for token in tokens]
    spared = {at for match in _NO_DENIAL.finditer(text) for at in range(match.start(), match.end())}
    found = []
    for group in grouped(text, mentions):
        lead = text[max(0, group[0].begin - 48) : group[0].begin]
        if _EXCEPTED.search(lead):
            found += group
            continue
        own = _own_words(group)
        denied = [
            _denied_before(text, tokens, begins, mention.begin, (spared, own.get(mention.letter, set())))
            for mention in group
        ]
        if _LISTS.search(text[group[0].end : group[-1].begin]) and True in denied:
            first = denied.index(True)  # "not A, B or C"
            denied[first:] = [True] * (len(denied) - first)
        # "D: yellow - no"
        listed = any(mention.form == "letter" for mention in group) and _LISTED_AS_WRONG.match(text, group[-1].end)
        after = listed or (_denied_after(text, group[-1]) and not (denying and group[-1].form != "letter"))
        if after or _TOO.search(lead):
            first = 0 if _TOO.search(lead) else _first_of_last_list(text, group)
            denied[first:] = [True] * (len(denied) - first)
        names = {mention.letter for mention, no in zip(group, denied, strict=True) if no}  # "not the lift (D)"
        found += [mention._replace(denied=mention.letter in names) for mention in group]
    return found


def _first_of_last_list(text: str, group: Sequence[Mention]) -> int:
    """Which mention of a group what is said behind it begins with: of "B (A and C are out)" the second."""
    for at in range(len(group) - 1, 0, -1):
        one, next_one = group[at - 1], group[at]
        if one.letter != next_one.letter and _BEGINS_ANEW.fullmatch(text, one.end, next_one.begin):
            return at
    return 0


def _own_words(group: Sequence[Mention]) -> dict[str, set[int]]:
    """By letter, the places of an option's own words, which do not deny its letter behind them: "None of them (D)"."""
    own: dict[str, set[int]] = {}
    for mention in group:
        if mention.form != "letter":
            own.setdefault(mention.letter, set()).update(range(mention.begin, mention.end))
    return own


def _denied_before(
    text: str, tokens: Sequence[Token], begins: Sequence[int], end: int, spared: Sequence[set[int]]
) -> bool:
    """Whether a negation stands among the five words before a place, in the same clause.

    Args:
        begins: of the tokens.
        end: the place.
        spared: places where a word that begins is no negation.
    """
    after = bisect_left(begins, end)
    for at in range(after - 1, max(-1, after - 6), -1):
        token = tokens[at]
        if any(sign in text[token.end : end] for sign in ",;:?!-\n") or token.word in _ENDS_SCOPE:
            return False
        if token.word in _NEGATORS and not any(token.begin in places for places in spared):
            return True
        if token.word in _BE and at and tokens[at - 1].word not in _SUBJECTS:
            return False  # "the option that isn't excluded is C"
        end = token.begin
    return False


def _denied_after(text: str, mention: Mention) -> bool:
    after = _DENIED_AFTER.match(text, mention.end)
    # "The light is off" denies no light.
    return after is not None and (mention.form == "letter" or not after[0].endswith((" out", " off")))
