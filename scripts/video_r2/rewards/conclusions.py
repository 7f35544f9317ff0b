"""Which answer a text settles on: a letter, a number with its unit, or words.

A trace is read from its end. What its sentences say of an answer is weighed by how they say it: a conclusion ("so", "the
answer is"), a statement ("that is ..."), a mere mention. The last of the weightiest kind counts, unless it is taken back.
Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import IntEnum
from string import ascii_uppercase
from typing import NamedTuple

from video_r2.rewards import cues
from video_r2.rewards.choices import FUNCTION_WORDS, Options, mentions_in, options_of
from video_r2.rewards.mentions import Mention, grouped, joins
from video_r2.rewards.numbers import (
    UNITS,
    Asked,
    Quantity,
    answering_number,
    asked_of,
    counts_things,
    value_of,
    written,
)
from video_r2.rewards.plain_text import plain_text
from video_r2.rewards.sentences import sentences_of
from video_r2.rewards.times import find_times
from video_r2.rewards.words import tokens_of, words_of


class Weight(IntEnum):
    """How a text says an answer."""

    SUPPOSED = 1
    MENTIONED = 2
    STATED = 3
    CONCLUDED = 4


class Said(NamedTuple):
    """An answer that a sentence says, at a place in it; "" leaves it open, and `denied` says that it is none."""

    at: int
    value: str
    weight: Weight
    denied: bool = False


class Sentence:
    """A sentence of a trace.

    Attributes:
        text: what it says.
        to_end: how many sentences follow.
        cues: where words that announce a conclusion end, in order.
        undecided: where it says that nothing is decided; None if it does not.
    """

    def __init__(self, text: str, to_end: int) -> None:
        self.text = text
        self.to_end = to_end
        self.is_question = text.rstrip(" \"')*").endswith("?")
        self.cues = sorted(match.end() for match in cues.CONCLUDES.finditer(text))
        if to_end < INFERRING:
            self.cues = sorted([*self.cues, *(match.end() for match in cues.INFERS.finditer(text))])
        undecided = cues.UNDECIDED.search(text)
        self.undecided = undecided.start() if undecided else None

    def weight_of(self, begin: int, end: int) -> Weight:
        """How it says what stands at a place."""
        before, after = self.text[max(0, begin - 100) : begin], self.text[end : end + 60]
        if self.concludes_before(begin):
            return Weight.CONCLUDED
        if cues.HEDGES.search(before) or cues.POSSIBLE.match(after):
            return Weight.SUPPOSED
        states = cues.STATES.search(before) or cues.POINTS.search(before) or cues.PREFERS.match(after)
        if states or self._is_alone(begin, end) or (self.to_end < MENTIONING and cues.EQUATES.search(before)):
            return Weight.STATED
        return Weight.MENTIONED

    def concludes_before(self, at: int) -> bool:
        return bool(self.cues) and self.cues[0] <= at

    def after_last_cue(self) -> int:
        """Where to read on after the last cue that anything follows; 0 without one."""
        return max((cue for cue in self.cues if self.text[cue:].strip(_EDGE)), default=0)

    def leaves_open(self, at: int) -> bool:
        """Whether what stands at a place belongs to what is left undecided."""
        return self.undecided is not None and self.undecided <= at and not _TURNS.search(self.text[self.undecided : at])

    def _is_alone(self, begin: int, end: int) -> bool:
        """Whether the sentence, or its end after a comma, says nothing else."""
        start = self.text.rfind(",", 0, begin) + 1 if not self.text[end:].strip(_EDGE) else 0
        others = self.text[start:begin] + " " + self.text[end : end + 60]
        said = [token.word for token in tokens_of(others) if token.word not in FUNCTION_WORDS]
        return len(said) <= 1 and len(others.split()) <= 5


_EDGE = " \t\r\n:;,.!?_/-*•\"'()[]{}"
_TURNS = re.compile(
    r"\b(?:but|so|yet|still|however|though|nevertheless|therefore|i'd|i'll|guess|choose|go with|say)\b", re.I
)
LONGEST_SENTENCE = 1000  # characters
Reader = Callable[[Sentence], list[Said]]
INFERRING = 3  # sentences from the end within which "so" and its like conclude rather than tell
STATING = 5  # sentences from the end within which a statement ("that is ...") may be the conclusion
MENTIONING = 2  # sentences from the end within which a mention may be


def _short(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same stretches of text in pieces of bounded length, so that the time that a piece takes is bounded too."""
    return [(at, min(end, at + LONGEST_SENTENCE)) for begin, end in spans for at in range(begin, end, LONGEST_SENTENCE)]


def settle(text: str, openings: Sequence[str], read: Reader, letters: str = "") -> str:
    """The answer that a plain text settles on; "" if on none.

    Args:
        text: a trace.
        openings: how options begin; see `sentences_of`.
        read: finds what a sentence says.
        letters: of all options: where all but one are denied, the one that is left counts.
    """
    spans = _short(sentences_of(text, openings))
    denied: set[str] = set()
    stated = mentioned = ""
    supposed: set[str] = set()
    for place in range(len(spans) - 1, -1, -1):
        sentence = Sentence(text[slice(*spans[place])].strip(), len(spans) - 1 - place)
        if sentence.is_question:
            continue
        for said in sorted(read(sentence), reverse=True):
            if said.denied:
                denied.add(said.value)
            elif said.value in denied:
                continue
            elif said.weight == Weight.CONCLUDED:
                return said.value or stated
            elif said.weight == Weight.STATED and sentence.to_end < STATING:
                stated = stated or said.value
            elif said.weight == Weight.MENTIONED and sentence.to_end < MENTIONING:
                mentioned = mentioned or said.value
            elif said.weight == Weight.SUPPOSED and sentence.to_end < MENTIONING:
                supposed.add(said.value)
        if stated and cues.CORRECTS.match(sentence.text):
            return stated
    left = [letter for letter in letters if letter not in denied]
    for candidates in ({stated}, {mentioned}, supposed, left if len(letters) > 1 else ()):
        if len(candidates) == 1 and "" not in candidates:
            return next(iter(candidates))
    return ""


# --- options ----------------------------------------------------------------------------------------------------------


def concluded_choice(trace: str, options: Sequence[str]) -> str:
    """The letter of the option that a trace settles on; "" if on none."""
    known = options_of(tuple(options), len(options) or len(ascii_uppercase))
    return settle(plain_text(trace), known.openings, lambda sentence: _choices(sentence, known), known.letters)


def _choices(sentence: Sentence, options: Options) -> list[Said]:
    text = sentence.text
    mentions = mentions_in(text, options)
    said = [
        Said(mention.begin, mention.letter, Weight.MENTIONED, denied=True)
        for mention in mentions
        if mention.denied and mention.form != "part"
    ]
    if sentence.undecided is not None:
        said.append(Said(sentence.undecided, "", Weight.CONCLUDED))
    asserted = [
        mention
        for mention in _asserted(sentence, [mention for mention in mentions if not mention.denied])
        if not sentence.leaves_open(mention.begin)
    ]
    if asserted and asserted[0].form == "part":
        return said + _parts(sentence, asserted, options)
    for group in grouped(text, asserted):
        letters = {mention.letter for mention in group if mention.form == "letter"} or {
            mention.letter for mention in group
        }
        first, last = group[0], group[-1]
        weight = sentence.weight_of(first.begin, last.end)
        if len(letters) > 1:
            if weight != Weight.MENTIONED and _offers(text, group):
                said.append(Said(last.begin, "", Weight.CONCLUDED))
            continue
        if any(mention.form == "letter" for mention in group) and not _is_discussed(sentence, group):
            weight = Weight.CONCLUDED
        said.append(Said(last.begin, letters.pop(), weight))
    concluded = [each for each in said if each.denied or each.weight == Weight.CONCLUDED]
    others = [each for each in said if each not in concluded]
    turn = max((match.end() for match in _TURN.finditer(text)), default=0)
    others = [each for each in others if each.at >= turn] or others
    stated = [each for each in others if each.weight == Weight.STATED]
    # Of several options that are merely mentioned none is meant.
    return concluded + (stated or (others if len({each.value for each in others}) == 1 else []))


_TURN = re.compile(r"\b(?:but|however|finally|in the end|at the end|ends)\b", re.IGNORECASE)


def _offers(text: str, group: Sequence[Mention]) -> bool:
    """Whether it is one or another of a group: "A or B", "between A and B"."""
    return _OFFERS.search(text[max(0, group[0].begin - 10) : group[-1].begin]) is not None


_OFFERS = re.compile(r"\b(?:or|either|between|oder|ou|o)\b|/", re.IGNORECASE)


def _asserted(sentence: Sentence, mentions: Sequence[Mention]) -> list[Mention]:
    """Mentions without those in a concession ("although A is possible") and in what explains an earlier one."""
    kept: list[Mention] = []
    for mention in mentions:
        begin = kept[-1].end if kept else 0
        concludes_anew = kept and any(begin <= cue <= mention.begin for cue in sentence.cues)
        if concludes_anew or (kept and joins(sentence.text, begin, mention.begin)):
            kept.append(mention)
            continue
        between = sentence.text[begin : mention.begin]
        clause = between[max(between.rfind(sign) for sign in ",;:") + 1 :]
        if not (cues.SUBORDINATES.search(between) if kept else cues.CONCEDES.search(clause)):
            kept.append(mention)
    return kept


_LISTED = re.compile(
    r"[):]{1,2}[ ]+(?!yes|right|correct|true|fits|matches)\w|[ ]-[ ](?!yes|right|correct|true|fits|matches)\w"
)


def _is_discussed(sentence: Sentence, group: Sequence[Mention]) -> bool:
    """Whether an option is only spoken about: "A could be", "B is possible", "C: no blue in it"."""
    first, last = group[0], group[-1]
    before, after = sentence.text[max(0, first.begin - 60) : first.begin], sentence.text[last.end :]
    if cues.POSSIBLE.match(after):
        return True
    if sentence.concludes_before(first.begin):
        return False
    listed = not before.strip(_EDGE) and _LISTED.match(after) is not None and len(group) == 1
    return listed or cues.HEDGES.search(before) is not None


def _parts(sentence: Sentence, mentions: Sequence[Mention], options: Options) -> list[Said]:
    """The one option of which a sentence says most of its own words."""
    cue = sentence.after_last_cue()
    chosen = [mention for mention in mentions if mention.begin >= cue] or mentions
    words: dict[str, set[str]] = {}
    for mention in chosen:
        words.setdefault(mention.letter, set()).add(sentence.text[mention.begin : mention.end].lower())
    shares = sorted(((options.share_of(letter, len(said)), letter) for letter, said in words.items()), reverse=True)
    if shares[0][0] < 0.5 or (len(shares) > 1 and 2 * shares[1][0] > shares[0][0]):
        return []
    places = [mention for mention in chosen if mention.letter == shares[0][1]]
    weight = sentence.weight_of(places[0].begin, places[-1].end)
    return [Said(places[-1].begin, shares[0][1], weight)]


# --- numbers ----------------------------------------------------------------------------------------------------------


def concluded_number(trace: str, question: str = "") -> str:
    """The number that a trace settles on, with its unit; "" if on none."""
    asked = asked_of(question)
    return settle(plain_text(trace), (), lambda sentence: _numbers(sentence, asked))


def _numbers(sentence: Sentence, asked: Asked) -> list[Said]:
    said = [] if sentence.undecided is None else [Said(sentence.undecided, "", Weight.CONCLUDED)]
    lowered = sentence.text.lower()
    cue = sentence.after_last_cue()
    number, at = answering_number(lowered[cue:], asked), cue
    if number is None and cue:
        number, at = answering_number(lowered, asked), 0
    if number is None and asked.unit and UNITS[asked.unit][0] == "time":
        return said + _clock(sentence, cue, asked)
    if number is None or (number.kind == "ordinal" and asked.counts) or sentence.leaves_open(at + number.begin):
        return said
    begin, end = at + number.begin, at + number.end
    quantity = value_of(number, asked)
    weight = sentence.weight_of(begin, end)
    if number.kind == "result" or counts_things(lowered, end, asked):
        weight = max(weight, Weight.STATED)
    if quantity is None:
        return [*said, Said(begin, "", Weight.CONCLUDED)] if weight != Weight.MENTIONED else said
    return [*said, Said(begin, written(quantity), weight)]


def _clock(sentence: Sentence, begin: int, asked: Asked) -> list[Said]:
    """The one clock time of a sentence, where a time is asked for."""
    times = [mention for mention in find_times(sentence.text[begin:]) if ":" in mention.written and mention.interval]
    if len(times) != 1 or times[0].interval is None or times[0].interval.start != times[0].interval.end:
        return []
    seconds = Quantity(times[0].interval.start, "s")
    weight = sentence.weight_of(begin + times[0].begin, begin + times[0].end)
    return [Said(begin + times[0].begin, written(seconds.within(asked.unit) or seconds), weight)]


# --- words ------------------------------------------------------------------------------------------------------------


def concluded_text(trace: str) -> str:
    """The words that a trace settles on; "" if on none."""
    return settle(plain_text(trace), (), _phrases)


def _phrases(sentence: Sentence) -> list[Said]:
    said = [] if sentence.undecided is None else [Said(sentence.undecided, "", Weight.CONCLUDED)]
    found = _phrase_in(sentence)
    if found and found.value and not sentence.leaves_open(found.at):
        said.append(found._replace(value="" if _is_alternative(found.value) else found.value))
    return said


def _phrase_in(sentence: Sentence) -> Said | None:
    text = sentence.text
    if cue := sentence.after_last_cue():
        return Said(cue, phrase_of(text[cue:]), Weight.CONCLUDED)
    if preferred := _PREFERRED.search(text):
        return Said(preferred.start(), phrase_of(preferred[preferred.lastindex or 0]), Weight.STATED)
    if pointed := _POINTED.search(text):
        return Said(pointed.end(), phrase_of(text[pointed.end() :]), Weight.STATED)
    for complement, weight in ((_COMPLEMENT, Weight.STATED), (_EQUATED, Weight.MENTIONED)):
        if matches := list(complement.finditer(text)):
            return Said(matches[-1].end(), phrase_of(text[matches[-1].end() :]), weight)
    phrase = phrase_of(text)
    is_alone = len(text.split()) <= 4 and len(words_of(phrase)) == 1 and not text.startswith("There")
    return Said(0, phrase, Weight.STATED) if is_alone else None


_BE = r"(?:'s|'re|[ ](?:is|are|was|were|(?:must|should|would|has[ ]to|can[ ]only|could[ ]only)[ ]be|looks[ ]like|seems[ ]to[ ]be))"
_PREFERRED = re.compile(
    r"\bmakes?[ ]((?:[^\s.;:]{1,30}[ ]){1,6}?)(?:by[ ]far[ ]|much[ ])?the[ ](?:more[ ]|most[ ])?"
    r"(?:likel(?:y|ier|iest)|best|better|only|obvious|convincing|plausible)\b"
    r"|^\W{0,3}(?:so[ ]|and[ ]|but[ ])?only[ ]((?:[^\s.;:,]{1,30}[ ]){1,5}?)(?:is|was|are|were|does|has|isn't|remains?|fits?)\b"
    r"|^\W{0,3}(?!(?:it|he|she|they|this|that|there|what|which)\b)((?:[^\s.;:,]{1,30}[ ]){1,5}?)(?:is|was|are|were)[ ](?:the[ ](?:only|answer|one|best|most)|missing|never|not(?=\W*$)|absent|left)\b",
    re.IGNORECASE,
)
_COMPLEMENT = re.compile(
    rf"(?:^|[,;:(-][ ]|\b(?:and|so|but|then|hence|that)[ ])(?:it|that|this|he|she|they){_BE}\b", re.IGNORECASE
)
_EQUATED = re.compile(
    r"\b(?:is|are|was|were|must[ ]be|to[ ]be|called|named|reads|says|(?:looks|sounds|smells|tastes|feels)[ ]like)\b",
    re.IGNORECASE,
)
_POINTED = re.compile(r"(?::|[ ]-|\bnamely)[ ](?=[^:;]{1,60}$)")
_OPENING = re.compile(
    r"^(?:(?:it|this|that|there|he|she|they|the[ \t](?:final[ \t]|correct[ \t])?answer|the[ \t]object)"
    r"(?:'s|[ \t](?:is|are|was|were|must[ \t]be|should[ \t]be|has[ \t]to[ \t]be|could[ \t]only[ \t]be))|is|are|that|be|as)\b"
    r"[ \t]*[:,]?|^(?:most[ ]likely|likely|probably|maybe|perhaps|possibly|presumably|definitely|certainly|clearly|surely"
    r"|I[ ](?:think|guess|believe|suppose|would[ ]say|assume)|I'd[ ]say|my[ ](?:best[ ])?guess)\b[ ]?[:,]?",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"[,;]?[ \t]\b(?:because|since|as[ \t](?:it|the|shown|seen)|which|given)\b.*$"
    r"|,[ ](?:not|rather[ ]than|although|though)\b.*$|[ ](?:rather[ ]than|instead[ ]of)\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_REMARK = re.compile(
    r"[,;(-]?[ ](?:most[ ]likely|probably|then|after[ ]all|it[ ]is|I[ ](?:think|guess|believe|suppose|would[ ]say|assume)|I'd[ ]say|presumably"
    r"|but[ ]I(?:'m|[ ]am)[ ]not.{0,40}|I[ ]am[ ]not.{0,40})\W*$",
    re.IGNORECASE,
)
_BUT = re.compile(r"\b(?:not|neither|nor|isn't|wasn't)\b.{1,200}\bbut[ ]", re.IGNORECASE | re.DOTALL)
_ALTERNATIVES = re.compile(
    r"^(?:either[ ])?(?:[^\s]{1,30}[ ]){1,3}\(?(?:or|oder|ou|vs\.?|versus)(?:[ ]else|[ ]maybe)?(?:[ ][^\s]{1,30}){1,3}$"
    r"|^[A-Z]?[a-z]{2,20}[ ]?/[ ]?[A-Z]?[a-z]{2,20}$|\bmaybe\b.{1,60}\bmaybe\b"
)
_UNKNOWN = re.compile(
    r"\W*(?:undecided|unknown|unclear|n/?a|empty|blank|not[ ](?:sure|clear|known|visible|enough[ ]information)|no[ ](?:idea|answer)"
    r"|(?:it[ ])?(?:cannot|can't|can[ ]not)[ ](?:be[ ])?(?:tell|say|told|determined?|decided?|known|answered)"
    r"|I[ ](?:don't|do[ ]not|cannot|can't)[ ](?:know|tell|say|decide))\b.{0,80}",
    re.IGNORECASE | re.DOTALL,
)
LONGEST_PHRASE = 400  # characters


_NOTHING = re.compile(r"(?:none[ ]of|neither|not|nor)\b", re.IGNORECASE)


def phrase_of(text: str) -> str:
    """The words of a conclusion that are its answer: without "it is" before them and a reason or remark after them."""
    text = text[:LONGEST_PHRASE]
    if contrast := _BUT.search(text):
        text = text[contrast.end() :]
    text = text.strip(_EDGE)
    for _ in range(3):
        text = _OPENING.sub("", text).strip(_EDGE)
    return "" if _NOTHING.match(text) else _REMARK.sub("", _REASON.sub("", text)).strip(_EDGE)


def _is_alternative(phrase: str) -> bool:
    return _ALTERNATIVES.search(phrase) is not None


# --- answers ----------------------------------------------------------------------------------------------------------


def given_choice(answer: str, options: Sequence[str], number: int = 0) -> str:
    """The letter of the option that an answer names; "" if it names none, or several.

    Args:
        options: texts of the options.
        number: how many options there are, where no text is known.
    """
    known = options_of(tuple(options), len(options) or number or len(ascii_uppercase))
    plain = plain_text(answer)
    chosen = ""
    for begin, end in _short(sentences_of(plain, known.openings)):
        sentence = Sentence(plain[begin:end], 0)
        letter = _named_in(sentence, known)
        takes_back = cues.CORRECTS.match(sentence.text.strip()) or sentence.cues
        if letter is None or (chosen and letter and letter != chosen and not takes_back):
            return ""
        chosen = letter or chosen
    return chosen


def _named_in(sentence: Sentence, options: Options) -> str | None:
    """The letter that a sentence of an answer names; "" for none, None for several."""
    named = [mention for mention in mentions_in(sentence.text, options, lenient=True) if not mention.denied]
    asserted = [mention for mention in _asserted(sentence, named) if not sentence.leaves_open(mention.begin)]
    if len(grouped(sentence.text, asserted)) > 1:
        # "B, but A is possible"
        certain = [mention for mention in asserted if not cues.POSSIBLE.match(sentence.text[mention.end :])]
        asserted = certain or asserted
    if asserted and asserted[0].form == "part":
        return "".join(said.value for said in _parts(sentence, asserted, options))
    concluded = [mention for mention in asserted if mention.begin >= sentence.after_last_cue()] or asserted
    for group in grouped(sentence.text, concluded):
        if len({mention.letter for mention in group}) > 1 and _offers(sentence.text, group):
            return None
    letters = {mention.letter for mention in concluded if mention.form == "letter"} or {
        mention.letter for mention in concluded
    }
    return "".join(letters) if len(letters) < 2 else None


def given_text(answer: str) -> str:
    """The words of an answer, without "it is" and remarks; "" where it says nothing, or leaves open which of two."""
    plain = plain_text(answer).strip()
    spans = sentences_of(plain)
    phrase = next((phrase for begin, end in spans if (phrase := _words_of_answer(plain[begin:end]))), "")
    is_answer = (
        words_of(phrase)
        and not _UNKNOWN.fullmatch(phrase)
        and not _is_alternative(phrase)
        and not _is_alternative(plain)
    )
    return phrase if is_answer else ""


def _words_of_answer(sentence: str) -> str:
    cut = Sentence(sentence, 0).after_last_cue()
    text = sentence[cut:].strip(_EDGE)
    for _ in range(3):
        text = _OPENING.sub("", text).strip(_EDGE)
    return _REMARK.sub("", text).strip(_EDGE)
