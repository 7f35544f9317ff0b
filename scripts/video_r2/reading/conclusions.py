"""Which answer a text settles on: the letter of an option, a number with its unit, or words.

A trace is read from its end. What its sentences say of an answer is weighed by how they say it: a conclusion ("so", "the
answer is"), a statement ("that is ..."), a mere mention. The last of the weightiest kind counts, unless it is taken back.
Everything here is linear in the length of the text and never raises on any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from string import ascii_uppercase
from typing import NamedTuple

from video_r2.reading import cues
from video_r2.reading.answering import (
    Asked,
    answering_number,
    asked_of,
    asks_time,
    counts_things,
    is_denied,
    value_of,
    written,
)
from video_r2.reading.choices import Options, mentions_in, options_of
from video_r2.reading.doubts import DOUBTFUL, GRAVE, ORDER
from video_r2.reading.mentions import Mention, grouped, joins
from video_r2.reading.phrases import Event, answer_in, event_of, is_alternative, phrase_in, phrase_told
from video_r2.reading.plain_text import plain_text, trusted_text
from video_r2.reading.quantities import Quantity
from video_r2.reading.sentences import EDGE, MENTIONING, Sentence, Weight, pieces_of
from video_r2.reading.times import find_times

ANNOUNCING = 4  # sentences before one that merely names an option, within which an announced conclusion counts more
STATING = 5  # sentences from the end within which a statement ("that is ...") may be the conclusion


class Said(NamedTuple):
    """An answer that a sentence says, at a place in it; "" leaves it open, and `denied` says that it is none.

    It is `announced` where words say that it is the conclusion, or the sentence says nothing else.
    """

    at: int
    value: str
    weight: Weight
    denied: bool = False
    announced: bool = True


def _settled(trace: str, about: Sequence[str], settle_on: Callable[[str], tuple[str, Weight | None]]) -> str:
    """The answer that a trace settles on; the more doubtful a clause is, the less the rest must say to count instead.

    Args:
        about: the question and its options.
    """
    text = plain_text(trace)
    for least, enough in ((DOUBTFUL, Weight.STATED), (GRAVE, Weight.MENTIONED)):
        trusted = trusted_text(trace, least, about)
        answer, weight = settle_on(trusted)
        if trusted == text or (weight is not None and weight >= enough):
            return answer
    return settle_on(trusted_text(trace, ORDER, about))[0]


def settle(
    text: str, read: Callable[[Sentence], list[Said]], openings: Sequence[str] = (), letters: Sequence[str] = ()
) -> tuple[str, Weight | None]:
    """The answer that a plain text settles on and how it is said; "" if on none, and no weight if it does not say so.

    Args:
        text: a trace.
        read: finds what a sentence says.
        openings: how options begin; see `sentences_of`.
        letters: of all options: where all but one are denied, the one that is left counts.
    """
    pieces = pieces_of(text, openings)
    named = stated = mentioned = ""
    named_at = 0
    denied: set[str] = set()
    supposed: set[str] = set()
    for to_end, piece in enumerate(reversed(pieces)):
        if named and to_end > named_at + ANNOUNCING:
            break
        sentence = Sentence(piece, to_end)
        corrects = cues.CORRECTS.match(sentence.text)
        for said in [] if sentence.is_question else sorted(read(sentence), reverse=True):
            if said.denied:
                denied.add(said.value)
            elif said.value in denied:
                continue
            elif said.weight == Weight.CONCLUDED and (said.announced or corrects):
                return said.value or named or stated, Weight.CONCLUDED
            elif said.weight == Weight.CONCLUDED:
                # Whoever announced a conclusion does not take it back by naming another option.
                named, named_at = named or said.value, named_at if named else to_end
            elif said.weight == Weight.STATED and to_end < STATING:
                stated = stated or said.value
            elif said.weight == Weight.MENTIONED and to_end < MENTIONING:
                mentioned = mentioned or said.value
            elif said.weight == Weight.SUPPOSED and to_end < MENTIONING:
                supposed.add(said.value)
        if (named or stated) and corrects:
            break
    if named or stated or mentioned:
        return named or stated or mentioned, Weight.STATED if named or stated else Weight.MENTIONED
    left = {letter for letter in letters if letter not in denied} if len(letters) > 1 else set()
    only = next((min(only) for only in (supposed, left) if len(only) == 1), "")
    return only, Weight.SUPPOSED if only else None


def _left_open(sentence: Sentence) -> list[Said]:
    return [] if sentence.undecided is None else [Said(sentence.undecided, "", Weight.CONCLUDED)]


def _beside_question(sentence: Sentence) -> list[Said]:
    """What a sentence says that names no possible answer: one that is given all the same leaves it open."""
    return _left_open(sentence) + ([] if sentence.answers is None else [Said(sentence.answers, "", Weight.CONCLUDED)])


# --- options ----------------------------------------------------------------------------------------------------------

_OFFERS = re.compile(r"\b(?:or|either|between|oder|ou|o)\b|/", re.IGNORECASE)
_LISTED = re.compile(r"(?:[):]{1,2}[ ]|[ ]-[ ])[ ]{0,2}(?!(?:yes|right|correct|true|fits|matches)\b)\w", re.IGNORECASE)
_DENYING_QUESTION = re.compile(r"\b(?:not|never|except|isn't|aren't|doesn't|don't|didn't|wasn't)\b", re.IGNORECASE)
# Behind what explains a turn the main clause goes on: "A or B, but since it is blue, B".
_RESUMES = re.compile(
    r"\b(?:but|so|yet|however)\b[^;]{3,80},[ ](?:(?:it|that|this|the answer)[ ][^,;]{2,20}[ ])?[\"'(]?$", re.IGNORECASE
)
_LISTED_OPTIONS = " the options."  # in the place of a list that only enumerates them
LEAST_SHARE = 0.5  # of an option's own words, for the others to go without saying


def concluded_choice(trace: str, options: Sequence[str], question: str = "") -> str:
    """The letter of the option that a trace settles on; "" if on none."""
    known = options_of(tuple(options), len(options) or len(ascii_uppercase))
    denying = _DENYING_QUESTION.search(question) is not None

    def settle_on(text: str) -> tuple[str, Weight | None]:
        text = known.without_listing(text, _LISTED_OPTIONS)
        return settle(text, lambda sentence: _choices(sentence, known, denying), known.openings, known.letters)

    return _settled(trace, (question, *options), settle_on)


def given_choice(answer: str, options: Sequence[str], number: int = 0) -> str:
    """The letter of the option that an answer names; "" if it names none, or several.

    Args:
        answer: an answer block.
        options: texts of the options.
        number: how many options there are, where no text is known.
    """
    known = options_of(tuple(options), len(options) or number or len(ascii_uppercase))
    sentences = [Sentence(piece, 0) for piece in pieces_of(plain_text(answer), known.openings)]
    named = [_asserted(sentence, mentions_in(sentence.text, known, lenient=True)) for sentence in sentences]
    if _first_stands(sentences, named) and (first := _named_in(sentences[0], named[0], known)):
        return first
    by_letter = any(_gives_letter(sentence, mentions) for sentence, mentions in zip(sentences, named, strict=True))
    chosen = ""
    for sentence, mentions in zip(sentences, named, strict=True):
        letter = "" if by_letter and _only_tells(sentence, mentions) else _named_in(sentence, mentions, known)
        takes_back = cues.CORRECTS.match(sentence.text) or sentence.cues
        if letter is None or (chosen and letter and letter != chosen and not takes_back):
            return ""
        chosen = letter or chosen
    return chosen


def _first_stands(sentences: Sequence[Sentence], named: Sequence[list[Mention]]) -> bool:
    """Whether the first sentence of an answer gives one, and nothing takes it back: "B. By the way, C is as good"."""
    if not sentences or not named[0] or not sentences[0].announces(named[0][0].begin, named[0][-1].end):
        return False
    return not any(
        mentions and (cues.CORRECTS.match(sentence.text) or sentence.announces(mentions[0].begin, mentions[-1].end))
        for sentence, mentions in zip(sentences[1:], named[1:], strict=True)
    )


def _choices(sentence: Sentence, options: Options, denying: bool) -> list[Said]:
    """What a sentence of a trace says of options.

    Args:
        denying: whether the question asks for what is not: "autumn is not shown" then denies nothing.
    """
    mentions = mentions_in(sentence.text, options, denying=denying)
    if not mentions:
        return _beside_question(sentence)
    if any(mention.covers(sentence.undecided) for mention in mentions):  # an option's own words: "Cannot be determined"
        sentence = sentence.decided()
    said = _left_open(sentence)
    said += [
        Said(mention.begin, mention.letter, Weight.MENTIONED, denied=True)
        for mention in mentions
        if mention.denied and mention.form != "part"
    ]
    asserted = _asserted(sentence, mentions)
    if asserted and asserted[0].form == "part":
        return said + _parts(sentence, asserted, options)
    positive = [each for group in grouped(sentence.text, asserted) for each in _said_of(sentence, group)]
    concluded = [each for each in positive if each.weight == Weight.CONCLUDED]
    others = [each for each in positive if each.weight < Weight.CONCLUDED]
    turn = max((match.end() for match in cues.CONTRASTS.finditer(sentence.text)), default=0)
    others = [each for each in others if each.at >= turn] or others
    stated = [each for each in others if each.weight == Weight.STATED]
    # Of several options that are merely mentioned none is meant.
    return said + concluded + (stated or (others if len({each.value for each in others}) == 1 else []))


def _said_of(sentence: Sentence, group: Sequence[Mention]) -> list[Said]:
    """What is said of options that stand together."""
    weight, letters = sentence.weight_of(group[0].begin, group[-1].end), _letters_of(group)
    if len(letters) > 1:
        is_open = weight == Weight.CONCLUDED or (weight != Weight.MENTIONED and _offers(sentence, group))
        return [Said(group[-1].begin, "", Weight.CONCLUDED)] if is_open else []
    announced = sentence.announces(group[0].begin, group[-1].end)
    if any(mention.form == "letter" for mention in group) and not _is_discussed(sentence, group):
        weight = Weight.CONCLUDED
    return [Said(group[-1].begin, letters.pop(), weight, announced=announced)]


def _letters_of(mentions: Sequence[Mention]) -> set[str]:
    """The letters that are written, else those of the texts: "blue (D)" is D."""
    written_out = {mention.letter for mention in mentions if mention.form == "letter"}
    return written_out or {mention.letter for mention in mentions}


def _offers(sentence: Sentence, group: Sequence[Mention]) -> bool:
    """Whether it is one or another of a group: "A or B", "between A and B"."""
    return _OFFERS.search(sentence.text[max(0, group[0].begin - 10) : group[-1].begin]) is not None


def _asserted(sentence: Sentence, mentions: Sequence[Mention]) -> list[Mention]:
    """Mentions that are neither denied nor left open, nor part of a concession ("although A is possible") or of what
    explains an earlier one."""
    kept: list[Mention] = []
    for mention in mentions:
        if mention.denied or sentence.leaves_open(mention.begin):
            continue
        begin = kept[-1].end if kept else 0
        between = sentence.text[begin : mention.begin]
        clause = between[max(between.rfind(sign) for sign in ",;:") + 1 :]
        if kept:
            concludes_anew = _RESUMES.search(between) or any(begin <= cue <= mention.begin for cue in sentence.cues)
            explains = cues.SUBORDINATES.search(between) and not joins(sentence.text, begin, mention.begin)
            belongs = concludes_anew or not explains
        else:
            belongs = not cues.CONCEDES.search(clause)
        kept += [mention] if belongs else []
    return kept


def _is_discussed(sentence: Sentence, group: Sequence[Mention]) -> bool:
    """Whether an option is only spoken about: "A could be", "B is possible", "C: no blue in it"."""
    text, begin, end = sentence.text, group[0].begin, group[-1].end
    if cues.POSSIBLE.match(text, end) or sentence.is_early(begin):
        return True
    if sentence.concludes_before(begin):
        return False
    before = text[max(0, begin - 60) : begin]
    listed = len(group) == 1 and not before.strip(EDGE) and _LISTED.match(text, end) is not None
    return listed or cues.SUPPOSES.search(before) is not None


def _parts(sentence: Sentence, mentions: Sequence[Mention], options: Options) -> list[Said]:
    """The one option of which a sentence says most of its own words."""
    cue = sentence.after_last_cue()
    chosen = [mention for mention in mentions if mention.begin >= cue] or mentions
    words: dict[str, set[str]] = {}
    for mention in chosen:
        words.setdefault(mention.letter, set()).add(sentence.text[mention.begin : mention.end].lower())
    shares = sorted(((options.share_of(letter, len(said)), letter) for letter, said in words.items()), reverse=True)
    if shares[0][0] < LEAST_SHARE or (len(shares) > 1 and 2 * shares[1][0] > shares[0][0]):
        return []
    places = [mention for mention in chosen if mention.letter == shares[0][1]]
    return [Said(places[-1].begin, shares[0][1], sentence.weight_of(places[0].begin, places[-1].end))]


def _gives_letter(sentence: Sentence, mentions: Sequence[Mention]) -> bool:
    """Whether a sentence of an answer gives a letter, and not as a possibility."""
    return any(mention.form == "letter" and not _is_discussed(sentence, [mention]) for mention in mentions)


def _only_tells(sentence: Sentence, mentions: Sequence[Mention]) -> bool:
    """Whether a sentence merely mentions options, by their words: "a blue circle, falling"."""
    return all(
        mention.form != "letter" and sentence.weight_of(mention.begin, mention.end) <= Weight.MENTIONED
        for mention in mentions
    )


def _named_in(sentence: Sentence, asserted: list[Mention], options: Options) -> str | None:
    """The letter that a sentence of an answer names; "" for none, None for several."""
    if len(grouped(sentence.text, asserted)) > 1:
        # "B, but A is possible"
        certain = [mention for mention in asserted if not cues.POSSIBLE.match(sentence.text, mention.end)]
        asserted = certain or asserted
    if asserted and asserted[0].form == "part":
        return "".join(said.value for said in _parts(sentence, asserted, options))
    concluded = [mention for mention in asserted if mention.begin >= sentence.after_last_cue()] or asserted
    for group in grouped(sentence.text, concluded):
        if len({mention.letter for mention in group}) > 1 and _offers(sentence, group):
            return None
    letters = _letters_of(concluded)
    return "".join(letters) if len(letters) < 2 else None


# --- numbers ----------------------------------------------------------------------------------------------------------


def concluded_number(trace: str, question: str = "") -> str:
    """The number that a trace settles on, with its unit; "" if on none."""
    asked = asked_of(question)
    return _settled(trace, (question,), lambda text: settle(text, lambda sentence: _numbers(sentence, asked)))


_MAKES = re.compile(
    r"""(?:\b(?:that|this|which|it|altogether)[ ]makes[ ](?:a[ ]total[ ]of[ ]|exactly[ ]|altogether[ ])?
    |\b(?:en|in|im|no|au)[ ]tot\w{1,2}[,:]?[ ]|\b(?:insgesamt|zusammen)[,:]?[ ])$""",
    re.VERBOSE,
)


def _numbers(sentence: Sentence, asked: Asked) -> list[Said]:
    lowered, cue = sentence.text.lower(), sentence.after_last_cue()
    number, at = answering_number(lowered[cue:], asked), cue
    if number is None and cue:
        number, at = answering_number(lowered, asked), 0
    if number is None and Quantity(0.0, asked.unit).dimension == "time":
        return _left_open(sentence) + _clock(sentence, cue, asked)
    if number is None:
        return _beside_question(sentence)
    if (number.kind == "ordinal" and asked.counts) or sentence.leaves_open(at + number.begin):
        return _left_open(sentence)
    begin, end, quantity = at + number.begin, at + number.end, value_of(number, asked)
    if quantity is not None and is_denied(lowered[at:], number):
        return [*_left_open(sentence), Said(begin, written(quantity), Weight.MENTIONED, denied=True)]
    weight = sentence.weight_of(begin, end)
    if number.kind == "result" or counts_things(lowered, end, asked) or _MAKES.search(lowered, 0, begin):
        weight = max(weight, Weight.STATED)
    if quantity is not None:
        return [*_left_open(sentence), Said(begin, written(quantity), weight)]
    # "5 or 6" leaves it open, unless it is told in passing.
    is_open = weight != Weight.MENTIONED
    return _left_open(sentence) + ([Said(begin, "", Weight.CONCLUDED)] if is_open else [])


def _clock(sentence: Sentence, begin: int, asked: Asked) -> list[Said]:
    """The one clock time of a sentence, where a time is asked for."""
    times = [mention for mention in find_times(sentence.text[begin:]) if ":" in mention.written]
    moment = times[0].interval if len(times) == 1 else None
    if moment is None or moment.start != moment.end:
        return []
    seconds = Quantity(moment.start, "s")
    weight = sentence.weight_of(begin + times[0].begin, begin + times[0].end)
    return [Said(begin + times[0].begin, written(seconds.within(asked.unit) or seconds), weight)]


# --- words ------------------------------------------------------------------------------------------------------------


def concluded_text(trace: str, question: str = "") -> str:
    """The words that a trace settles on; "" if on none."""
    event, is_time = event_of(question), asks_time(question)
    return _settled(trace, (question,), lambda text: settle(text, lambda sentence: _phrases(sentence, event, is_time)))


def given_text(answer: str) -> str:
    """The words of an answer, without "it is" and remarks; "" where it says nothing, or leaves open which of two."""
    plain = plain_text(answer)
    phrase = next((phrase for piece in pieces_of(plain) if (phrase := answer_in(piece))), "")
    return "" if is_alternative(phrase) or is_alternative(plain.strip()) else phrase


def _phrases(sentence: Sentence, event: Event | None, is_time: bool) -> list[Said]:
    times = list(find_times(sentence.text)) if is_time else []
    if len(times) == 1 and not sentence.leaves_open(times[0].begin):
        weight = sentence.weight_of(times[0].begin, times[0].end)
        return [*_left_open(sentence), Said(times[0].begin, times[0].written, weight)]
    found = phrase_in(sentence)
    if event and sentence.to_end == 0 and (found is None or found[2] < Weight.STATED):
        told = phrase_told(sentence, event)
        found = (*told, Weight.STATED) if told else found
    if found is None or not found[1] or sentence.leaves_open(found[0]):
        return _left_open(sentence)
    at, phrase, weight = found
    return [*_left_open(sentence), Said(at, "" if is_alternative(phrase) else phrase, weight)]
